/**
 * Forgets what is older than it should be kept: entries of the history, and requests between replicas that nobody
 * waits for any more. Every replica does it once an hour, because running it twice is harmless; a store without either
 * costs nothing.
 *
 * Owns: when it was last done here.
 */
import type { Config } from '../../options/config.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Lease } from '../lease/lease.js';

const DAY_MS = 86_400_000;
const EVERY_MS = 3_600_000;
/**
 * A process that is restarted every few minutes must get to it too; at a start there is enough else to do.
 */
const FIRST_AFTER_MS = 300_000;
const BATCH = 1_000;
/** The rest is left to the next hour, so that years of entries are not deleted in one go. */
const MOST_BATCHES = 200;
/** By then the caller has received that nobody answered. */
const ANSWERS_KEPT_MS = 600_000;

export type ForgetOld = ReturnType<typeof createForgetOld>;

export function createForgetOld(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'history' | 'observeOnly'>;
  store: WaSyncStore;
  lease: Lease;
}) {
  const { store, lease } = deps;
  const { clock, logger, history, observeOnly } = deps.config;
  let nextMs = clock.monotonicMs() + FIRST_AFTER_MS;
  let running: Promise<void> | null = null;

  async function inBatches(prune: (limit: number) => Promise<number>): Promise<number> {
    let pruned = 0;
    for (let batch = 0; batch < MOST_BATCHES && lease.trusted(); batch += 1) {
      const some = await prune(BATCH);
      pruned += some;
      if (some < BATCH) break;
      await clock.yield();
    }
    return pruned;
  }

  async function forget(): Promise<void> {
    const keepMs = history.keepDays * DAY_MS;
    const entries = await inBatches(async (limit) => (await store.history?.prune({ keepMs, limit })) ?? 0);
    const requests = await inBatches(
      async (limit) => (await store.inbox?.prune({ keepMs: ANSWERS_KEPT_MS, limit })) ?? 0,
    );
    if (entries + requests === 0) return;
    logger.info(
      { entries, requests, keepDays: history.keepDays },
      `Forgot ${entries} changes older than ${history.keepDays} days and ${requests} old requests`,
    );
  }

  return {
    /** Begins it where it is time, and does not wait: the lease must be renewed meanwhile. */
    kick(): void {
      if (observeOnly || running || clock.monotonicMs() < nextMs) return;
      nextMs = clock.monotonicMs() + EVERY_MS;
      running = forget()
        .catch((error: unknown) => {
          logger.error(
            { code: 'forget_failed', err: error },
            'Old entries could not be deleted; trying again in an hour',
          );
        })
        .finally(() => {
          running = null;
        });
    },
    /** Settles when nothing is being deleted. */
    finished: async (): Promise<void> => {
      await running;
    },
  };
}
