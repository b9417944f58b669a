/**
 * The end of a replica: its sessions are released and then its lease, which goes last, because what an owner without
 * one has is anybody's to free. In slices, so that each call comes within its limit however many sessions there are, and
 * where the time does not do for all, what is written is written.
 */

import type { Reason } from '../../domain/session.js';
import type { Config } from '../../options/config.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Lease } from '../lease/lease.js';
import { createBatchSize, LARGEST_BATCH } from '../limits/batch-size.js';
import { withTimeout } from '../limits/limit-calls.js';
import type { Held, HeldSessions } from '../owned-sessions/held-sessions.js';
import type { PublishChanges } from '../owned-sessions/publish-changes.js';

const SHUTDOWN: Reason = { code: 'shutdown' };
const AGAIN_MS = 100;

/** Settles at the latest at `untilMs`, a monotonic time; never rejects. */
export async function giveUpLease(
  deps: {
    config: Pick<Config, 'clock' | 'logger' | 'replicaId'>;
    store: WaSyncStore;
    held: HeldSessions;
    lease: Lease;
    publish: PublishChanges;
  },
  { untilMs }: { untilMs: number },
): Promise<void> {
  const { store, held: sessions, lease, publish } = deps;
  const { clock, logger, replicaId } = deps.config;
  const owner = lease.incarnation();
  const startedMs = clock.monotonicMs();
  const left = new Map([...sessions.all()].map((held) => [held.id, held]));
  const owned = [...left.values()].filter(({ tenure }) => tenure !== null);
  const isOver = () => clock.monotonicMs() >= untilMs;
  let released = 0;
  let error: unknown;

  const attached = (some: Iterable<Held>) => [...some].filter(({ mode }) => mode === 'attached').map(({ id }) => id);

  /** One call that fails keeps no other from being made. `some` absent: all that the store has under our name. */
  async function release(some: readonly Held[] | undefined): Promise<void> {
    const named = some?.map(({ id, tenure }) => ({ id, tenure: tenure ?? '' }));
    const unobservedIds = attached(some ?? left.values());
    try {
      const ids = await store.sessions.release({ owner, sessions: named, unobservedIds, reason: SHUTDOWN });
      error = undefined;
      released += ids.length;
      for (const id of ids) {
        const held = left.get(id);
        const unobserved = held?.mode === 'attached';
        publish.released(id, { from: held?.stored?.status ?? null, reason: SHUTDOWN, unobserved });
        left.delete(id);
      }
    } catch (failure) {
      error = failure;
    }
  }

  /** Whether the store passed over rows of ours, such as locked ones; what another replica has by now is not ours. */
  async function someLeft(): Promise<boolean> {
    if (!owned.some(({ id }) => left.has(id))) return false;
    return (await store.sessions.list({ owner, limit: 1 })).length > 0;
  }

  async function giveUp(): Promise<boolean> {
    const releasing = createBatchSize({ clock, first: LARGEST_BATCH });
    let from = 0;
    while (owned.length - from > LARGEST_BATCH && !isOver()) {
      const some = owned.slice(from, from + releasing.rows());
      await releasing.measure(() => release(some));
      from += some.length;
    }
    // However short the time is, one call is made.
    if (from > 0 && isOver()) return false;
    await release(undefined);
    while (error === undefined && (await someLeft())) {
      if (isOver()) return false;
      await new Promise<void>((resolve) => void clock.schedule(resolve, AGAIN_MS));
      await release(undefined);
    }
    if (error !== undefined) return false;
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    const fields = { replicaId, sessions: released, tookMs };
    logger.info(fields, `Stopped: ${released} sessions were released in ${tookMs} ms`);
    await lease.leave();
    return true;
  }

  const done = await withTimeout(clock, untilMs - startedMs, giveUp).catch((failure: unknown) => {
    error = failure;
    return false;
  });
  if (done) return;
  const rest = owned.filter(({ id }) => left.has(id)).length;
  const fields = {
    code: 'stop_failed',
    replicaId,
    sessions: released,
    left: rest,
    ...(error !== undefined && { err: error }),
  };
  const why =
    error === undefined ? 'The time of stop() was over before the store had answered' : 'The store failed at the end';
  logger.error(fields, `${why}: ${released} sessions were released, ${rest} are freed once the lease has run out`);
}
