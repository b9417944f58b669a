/**
 * The end of a replica: its sessions are released and then its lease, which goes last, because what an owner without
 * one has is anybody's to free. In slices, so that each call comes within its limit however many sessions there are, and
 * where the time does not do for all, what is written is written.
 */

import type { Reason } from '../../domain/session.js';
import type { Config } from '../../options/config.js';
import type { HeldTenure } from '../../ports/session-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Lease } from '../lease/lease.js';
import { type BatchSize, createBatchSize, LARGEST_BATCH } from '../limits/batch-size.js';
import { withTimeout } from '../limits/limit-calls.js';
import type { HeldSessions } from '../owned-sessions/held-sessions.js';
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

  /** One call that fails keeps no other from being made. `some` absent: all that the store has under our name. */
  async function release(some?: readonly HeldTenure[]): Promise<void> {
    const ids = some?.map(({ id }) => id) ?? [...left.keys()];
    const unobservedIds = ids.filter((id) => left.get(id)?.mode === 'attached');
    try {
      const done = await store.sessions.release({ owner, sessions: some, unobservedIds, reason: SHUTDOWN });
      error = undefined;
      released += done.length;
      for (const id of done) {
        const held = left.get(id);
        const unobserved = held?.mode === 'attached';
        publish.released(id, { from: held?.stored?.status ?? null, reason: SHUTDOWN, unobserved });
        left.delete(id);
      }
    } catch (failure) {
      error = failure;
    }
  }

  /**
   * Releases what the store has under our name, page by page, until that is nothing: rows that were passed over, such
   * as locked ones, come again in the next round, and what another replica has by now is not ours.
   */
  async function releaseRest(batch: BatchSize): Promise<boolean> {
    let after: string | undefined;
    let before = released;
    while (!isOver()) {
      const rows = batch.rows();
      const page = await store.sessions.list({ owner, limit: rows, after });
      if (page.length > 0) {
        await batch.measure(() => release(page.map(({ id, tenure }) => ({ id, tenure: tenure ?? '' }))));
        // A store that fails fast, or with the smallest batch, has no use for another.
        if (error !== undefined && batch.rows() >= rows) return false;
        after = error === undefined ? page.at(-1)?.id : after;
      } else if (after === undefined) return true;
      else {
        if (released === before) await new Promise<void>((resolve) => void clock.schedule(resolve, AGAIN_MS));
        [after, before] = [undefined, released];
      }
    }
    return false;
  }

  async function giveUp(): Promise<boolean> {
    const batch = createBatchSize({ clock, first: LARGEST_BATCH });
    // However short the time is, one call is made: for all, where that is one batch.
    const first = owned.slice(0, LARGEST_BATCH).map(({ id, tenure }) => ({ id, tenure: tenure ?? '' }));
    await batch.measure(() => release(owned.length > LARGEST_BATCH ? first : undefined));
    if (error !== undefined && batch.rows() >= LARGEST_BATCH) return false;
    if (owned.some(({ id }) => left.has(id)) && !(await releaseRest(batch))) return false;
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
