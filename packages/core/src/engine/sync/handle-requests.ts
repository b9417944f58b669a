/**
 * Answers what other replicas ask of the sessions that are held here. What is asked for a session that was lost
 * meanwhile, or without a lease that can be trusted, is not answered: the asker then has an unknown, which is true.
 *
 * Owns: the requests that are being worked on.
 */

import { isWaSyncError } from '../../domain/errors.js';
import type { Config } from '../../options/config.js';
import type { InboxAnswer, InboxRequest, InboxRequestKind } from '../../ports/inbox-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { OwnerAnswers } from '../inbox/owner-answers.js';
import type { Lease } from '../lease/lease.js';
import { createBatcher } from '../limits/batch-calls.js';
import { withTimeout } from '../limits/limit-calls.js';
import { logOut } from '../owned-sessions/close-connection.js';
import type { Held, HeldSessions } from '../owned-sessions/held-sessions.js';
import type { Provide } from '../sessions/provide.js';
import type { AskStatus } from './ask-status.js';
import type { Sweep } from './sweep.js';

/** Requests worked on at once; the others wait in the store, where the oldest are void first. */
const AT_ONCE = 100;
/** A connection that never settles must not keep its place for ever; the asker has given up by then. */
const LONGEST_MS = 60_000;

export type AnswerInbox = ReturnType<typeof createAnswerInbox>;

export function createAnswerInbox(deps: {
  config: Pick<Config, 'clock' | 'logger'>;
  store: WaSyncStore;
  held: HeldSessions;
  lease: Lease;
  status: AskStatus;
  sweep: Sweep;
  provide: Provide;
}) {
  const { store, held: sessions, lease, status, sweep, provide } = deps;
  const { inbox } = store;
  const { clock, logger } = deps.config;
  const working = new Set<Promise<void>>();
  let taking = false;
  let waiting = false;
  /** Those that are ready at the same moment share a statement. */
  const record = createBatcher<InboxAnswer, void>({
    next: 'after',
    async run(answers) {
      try {
        await inbox?.answer({ owner: lease.incarnation(), answers });
      } catch (error) {
        logger.error({ code: 'inbox_failed', err: error }, 'Answers to another replica could not be recorded');
      }
      return [];
    },
  });

  const work: { readonly [Kind in InboxRequestKind]: (held: Held) => Promise<OwnerAnswers[Kind]> } = {
    status: status.ofHeld,
    sync: async (held) => ({ synced: await sweep.syncOne(held, { force: false }) }),
    force: async (held) => ({ synced: await sweep.syncOne(held, { force: true }) }),
    async settle(held) {
      const [row] = await store.sessions.get({ ids: [held.id] });
      if (row?.desired === 'running') await provide.openNow(held.id);
      else if (row && held.mode === 'provided') await provide.stop(held, { code: 'stopped' });
      return { done: true };
    },
    async logout(held) {
      try {
        await logOut(held.connection, clock);
        return { done: true };
      } catch (error) {
        if (!isWaSyncError(error)) throw error;
        return { refused: error.code === 'not_supported' ? 'not_supported' : 'connection_closed' };
      }
    },
  };

  async function handle({ id, sessionId, kind }: InboxRequest): Promise<void> {
    const held = sessions.get(sessionId);
    const tenure = held?.tenure ?? null;
    if (!held || tenure === null) return;
    try {
      const said = await withTimeout<OwnerAnswers[InboxRequestKind]>(clock, LONGEST_MS, () => work[kind](held));
      if (said === null) throw new Error('It did not settle in time');
      // A session that was stopped is no longer held, and that is the answer.
      const mine = kind === 'settle' || (sessions.get(sessionId) === held && held.tenure === tenure);
      if (!mine || !lease.trusted()) return;
      await record({ id, body: JSON.stringify(said) });
    } catch (error) {
      logger.error(
        { code: 'inbox_failed', sessionId, kind, err: error },
        'A question of another replica was not answered',
      );
    }
  }

  async function takeSome(): Promise<void> {
    if (taking || !inbox) return;
    taking = true;
    try {
      while (waiting && working.size < AT_ONCE && lease.trusted()) {
        waiting = false;
        const limit = AT_ONCE - working.size;
        const requests = await inbox.take({ owner: lease.incarnation(), limit });
        // A full page may have left some behind.
        if (requests.length === limit) waiting = true;
        for (const request of requests) {
          const handled = handle(request).finally(() => {
            working.delete(handled);
            if (waiting) void takeSome();
          });
          working.add(handled);
        }
      }
    } catch (error) {
      logger.error(
        { code: 'inbox_failed', err: error },
        'The inbox could not be read; trying again with the next tick',
      );
    } finally {
      taking = false;
    }
  }

  return {
    /** Something may wait. */
    kick(): void {
      waiting = true;
      void takeSome();
    },
    /** Settles when nothing is being worked on. */
    finished: async (): Promise<void> => {
      await Promise.all(working);
    },
  };
}
