import * as z from 'zod/mini';
import { STORE_PROBLEMS } from '../reply/problems.js';
import { acceptedAnswer, syncAnswer } from '../reply/wire-schemas.js';
import { syncResult } from '../runs/run-results.js';
import { answerRun } from './answer-run.js';
import { nameSession, namesSession } from './name-session.js';
import { defineRoute, type Route } from './route.js';
import { syncScope } from './sync-scope.js';

const nothing = z.strictObject({});

/** What a 202 means. */
export const ACCEPTED = {
  schema: acceptedAnswer,
  means: 'The run goes on; `Location` says where to ask for it.',
} as const;

const answers = { 200: { schema: syncAnswer, means: 'The sync is over.' }, 202: ACCEPTED } as const;

interface Words {
  readonly summary: string;
  readonly description: string;
}

/** A POST that syncs the session the request is about. */
function syncOneRoute(path: string, words: Words, force: boolean): Route {
  return defineRoute({
    method: 'POST',
    path,
    role: 'admin',
    ...words,
    input: { query: namesSession, body: nothing },
    answers,
    problems: ['session_not_found', 'session_id_invalid', 'no_current_session', 'not_running', ...STORE_PROBLEMS],
    async handle(call) {
      const { wa } = call.services;
      const id = await nameSession(call, call.query.sessionId);
      const work = async () => syncResult(await (force ? wa.forceSync(id) : wa.syncNow(id)));
      return answerRun(call, { operation: `POST ${path}`, sessionIds: [id], work });
    },
  });
}

/** A POST that syncs all sessions the caller may see. */
function syncAllRoute(path: string, words: Words, force: boolean): Route {
  return defineRoute({
    method: 'POST',
    path,
    role: 'admin',
    ...words,
    input: { query: nothing, body: nothing },
    answers,
    problems: ['not_running', ...STORE_PROBLEMS],
    async handle(call) {
      const { wa, clock } = call.services;
      const { sessionIds } = call.caller;
      const sync = (id?: string) => (force ? wa.forceSync(id) : wa.syncNow(id));
      const work = async () => syncResult(await (sessionIds ? syncScope(sessionIds, sync, clock.now) : sync()));
      return answerRun(call, { operation: `POST ${path}`, sessionIds, work });
    },
  });
}

/** The POSTs that correct rows. */
export const SYNC_ROUTES: readonly Route[] = [
  syncOneRoute(
    '/sync-status',
    { summary: 'Put one row right', description: "Compares a session's row with the truth and corrects it." },
    false,
  ),
  syncAllRoute(
    '/sync-all-sessions',
    {
      summary: 'Put all rows right',
      description: 'Compares the row of every session that this process holds and corrects those that differ.',
    },
    false,
  ),
  syncAllRoute(
    '/force-sync',
    {
      summary: 'Probe and heal all, and clean up',
      description:
        'Asks every connection for a sign of life now, heals what is dead and corrects the rows; then runs the cleanup and the check of inactive conversations, unless the caller is narrowed to some sessions.',
    },
    true,
  ),
  syncOneRoute(
    '/force-sync-current',
    {
      summary: 'Probe and heal one',
      description: 'Asks one connection for a sign of life now, heals it if it is dead and corrects its row.',
    },
    true,
  ),
];
