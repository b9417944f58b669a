/**
 * Releases the sessions whose connection is no longer here.
 *
 * Owns: what could not be released yet. Each is taken up with every tick until the store has answered, the session
 * runs here again, or the lease under which it was held is over, which frees it as well.
 */

import type { Reason, SessionStatus } from '../../domain/session.js';
import type { Config } from '../../options/config.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { HeldSessions } from '../owned-sessions/held-sessions.js';
import type { PublishChanges } from '../owned-sessions/publish-changes.js';
import type { Lease } from './lease.js';

interface ToRelease {
  readonly owner: string;
  readonly tenure: string;
  readonly reason: Reason;
  readonly unobserved: boolean;
  /** What its row said, where that is known. */
  readonly from: SessionStatus | null;
}

export type ReleaseSessions = ReturnType<typeof createReleaseSessions>;

export function createReleaseSessions(deps: {
  config: Pick<Config, 'logger'>;
  store: WaSyncStore;
  held: HeldSessions;
  lease: Lease;
  publish: PublishChanges;
}) {
  const { store, held: sessions, lease, publish } = deps;
  const { logger } = deps.config;
  const waiting = new Map<string, ToRelease>();

  async function release(id: string, given: ToRelease): Promise<void> {
    const entry = waiting.get(id);
    const { owner, tenure, reason, unobserved } = given;
    const unobservedIds = unobserved ? [id] : [];
    const released = await store.sessions.release({ owner, sessions: [{ id, tenure }], unobservedIds, reason });
    if (released.length > 0) publish.released(id, given);
    if (waiting.get(id) === entry) waiting.delete(id);
  }

  return {
    /**
     * Releases a session now. While the lease is not known to stand, the next tick does it; where the store fails it
     * rejects, and the next tick tries again. `unobserved`: what becomes of the connection is not seen here.
     */
    async release(
      { id, tenure, from }: { id: string; tenure: string; from: SessionStatus | null },
      reason: Reason,
      { unobserved }: { unobserved: boolean },
    ): Promise<void> {
      const entry = { owner: lease.incarnation(), tenure, reason, unobserved, from };
      waiting.set(id, entry);
      if (lease.trusted()) await release(id, entry);
    },
    /** Takes back that a session is to be released: it is to run here. */
    keep(id: string): void {
      waiting.delete(id);
    },
    /** Takes up again what could not be released; never throws. */
    async retry(): Promise<void> {
      for (const [id, entry] of waiting) {
        if (sessions.get(id) || entry.owner !== lease.incarnation()) {
          waiting.delete(id);
          continue;
        }
        try {
          await release(id, entry);
        } catch (error) {
          logger.error(
            { code: 'give_back_failed', sessionId: id, err: error },
            'A session could not be released; trying again',
          );
          return;
        }
      }
    },
  };
}
