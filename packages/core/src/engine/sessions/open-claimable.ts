/** Walks over the sessions that stand free and has this replica's part of them opened. */

import type { Clock } from '../../ports/clock.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Lease } from '../lease/lease.js';
import { createBatchSize } from '../limits/batch-size.js';
import { createShareClaimable } from './share-claimable.js';

/** Ids of one read. */
const PAGE = 1_000;
/** Most sessions of one claim: their connections are opened in one turn. */
const CLAIMED_AT_ONCE = 100;
/** The rest is left to the next tick, and to replicas that are only starting: 10,000 are claimed in 50 s. */
const CLAIMED_IN_A_WALK = 1_000;

export function createOpenClaimable(deps: {
  clock: Clock;
  store: WaSyncStore;
  lease: Pick<Lease, 'trusted' | 'incarnation'>;
  tickMs: number;
}) {
  const { clock, store, lease, tickMs } = deps;
  const share = createShareClaimable({ clock, tickMs });
  /** Small at first: where a row takes long, a claim of many would be over its limit before it is through. */
  const claiming = createBatchSize({ clock, most: CLAIMED_AT_ONCE });

  /** @param open - claims and opens the given ones; returns those that another replica had taken before */
  return async (open: (ids: readonly string[]) => Promise<readonly string[]>): Promise<void> => {
    const untilMs = clock.monotonicMs() + tickMs;
    const mayGoOn = () => lease.trusted() && clock.monotonicMs() < untilMs;
    let left = CLAIMED_IN_A_WALK;
    let first = true;
    for (let after: string | undefined; ; ) {
      const { ids, next, living } = await store.sessions.claimable({ limit: PAGE, after });
      const part = ids.length === 0 ? [] : share.ownPart({ ids, living, self: lease.incarnation(), first });
      if (ids.length > 0) first = false;
      for (let from = 0; from < part.length; ) {
        if (left === 0 || !mayGoOn()) return;
        const wanted = part.slice(from, from + Math.min(claiming.rows(), left));
        share.inVain(await claiming.measure(() => open(wanted)), living);
        from += wanted.length;
        left -= wanted.length;
      }
      if (next === null || !mayGoOn()) return;
      after = next;
    }
  };
}
