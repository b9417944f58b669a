import { maskNumbers } from '../../domain/safe-text.js';
import type { Config } from '../../options/config.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Events } from '../events/emit-events.js';
import { createBatchSize } from '../limits/batch-size.js';
import type { Lease } from './lease.js';

/**
 * How long rows that nobody has ever held are left alone: their host may not have attached them yet.
 */
const ADOPTION_GRACE_MS = 600_000;

/**
 * Writes `DISCONNECTED` into rows that an earlier system left behind and that nobody has taken up. What fails is tried
 * again with the next sync.
 */
export function createCloseUnheld(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'observeOnly'>;
  store: WaSyncStore;
  lease: Lease;
  events: Events;
}) {
  const { store, lease, events } = deps;
  const { clock, logger, observeOnly } = deps.config;

  const closing = createBatchSize({ clock });

  /** Returns whether there may be more. */
  async function closeBatch(): Promise<boolean> {
    if (observeOnly || !lease.trusted()) return false;
    const limit = closing.rows();
    const close = async () => (await store.sessions.closeUnheld?.({ graceMs: ADOPTION_GRACE_MS, limit })) ?? [];
    const closed = await closing.measure(close);
    for (const { id: sessionId, from } of closed) {
      const reason = { code: 'not_held' };
      const fields = { sessionId, stored: from, actual: 'DISCONNECTED', reason: reason.code };
      logger.info(fields, `Session ${maskNumbers(sessionId)}: nobody holds it, marking as DISCONNECTED (was ${from})`);
      const state = { from, to: 'DISCONNECTED', health: 'healthy', evidence: 'unobserved' } as const;
      events.emit('session:changed', { sessionId, at: clock.now(), ...state, reason });
    }
    return closed.length === limit;
  }

  return async (): Promise<void> => {
    try {
      while (await closeBatch());
    } catch (error) {
      logger.error(
        { code: 'store_failed', err: error },
        'Rows that nobody holds could not be closed; trying again later',
      );
    }
  };
}
