import type { StoredSession } from '@wa-sync/core';
import { checkSessionId } from '@wa-sync/core';
import * as z from 'zod/mini';
import { STORE_PROBLEMS, sessionNotFound } from '../reply/problems.js';
import { sessionToWire, transitionToWire } from '../reply/to-wire.js';
import { historyAnswer, sessionAnswer, sessionsAnswer, statusAnswer } from '../reply/wire-schemas.js';
import { pageCursor, pageLimit } from '../request/read-input.js';
import type { LimitedReads } from './limited-reads.js';
import { assertInScope, nameSession, namesSession } from './name-session.js';
import { defineRoute, type Route } from './route.js';

/** Is a session connected? */
export const STATUS_ROUTE: Route = defineRoute({
  method: 'GET',
  path: '/status',
  role: 'viewer',
  summary: 'Is a session connected?',
  description:
    "Asks the session's connection, not its row; where another process holds it, that process asks. Where nobody does, the row.",
  input: { query: namesSession },
  answers: { 200: { schema: statusAnswer, means: 'Whether WhatsApp answers on it now.' } },
  problems: [
    'session_not_found',
    'session_id_invalid',
    'no_current_session',
    'status_unknown',
    'not_running',
    'overloaded',
  ],
  async handle(call) {
    const { connected, timestamp } = await call.reads.status(await nameSession(call, call.query.sessionId));
    const body: z.infer<typeof statusAnswer> = { connected, timestamp: timestamp.toISOString() };
    return { status: 200, body };
  },
});

/** Rows, and what may be believed of them. */
export const SESSION_ROUTES: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/sessions',
    role: 'viewer',
    summary: 'List sessions',
    input: {
      query: z.strictObject({
        after: pageCursor('takes one session id'),
        limit: pageLimit,
      }),
    },
    answers: { 200: { schema: sessionsAnswer, means: 'A page, in the order of ids.' } },
    problems: ['session_id_invalid', ...STORE_PROBLEMS],
    async handle({ reads, caller, query }) {
      const { limit } = query;
      const after = query.after === undefined ? undefined : checkSessionId(query.after);
      const page = caller.sessionIds
        ? await readScopedPage(reads.sessions, caller.sessionIds, { after, limit })
        : await reads.sessions.list({ after, limit });
      const body: z.infer<typeof sessionsAnswer> = { sessions: page.sessions.map(sessionToWire), next: page.next };
      return { status: 200, body };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/sessions/:id',
    role: 'viewer',
    summary: 'Read one session',
    input: { segments: z.strictObject({ id: z.string().check(z.describe('The session')) }), query: z.strictObject({}) },
    answers: { 200: { schema: sessionAnswer, means: 'What its row says and what may be believed.' } },
    problems: ['session_not_found', 'session_id_invalid', ...STORE_PROBLEMS],
    async handle({ reads, caller, segments }) {
      const id = assertInScope(caller, checkSessionId(segments.id));
      const row = await reads.sessions.get(id);
      if (!row) throw sessionNotFound(id);
      return { status: 200, body: sessionToWire(row) };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/sessions/:id/history',
    role: 'viewer',
    summary: 'What became of a session?',
    description:
      'The changes of its status, health and evidence, whichever process made them, for as long as they are kept.',
    input: {
      segments: z.strictObject({ id: z.string().check(z.describe('The session')) }),
      query: z.strictObject({ before: pageCursor('takes one id of a transition'), limit: pageLimit }),
    },
    answers: { 200: { schema: historyAnswer, means: 'A page, newest first.' } },
    problems: ['session_not_found', 'session_id_invalid', 'not_supported', ...STORE_PROBLEMS],
    async handle({ reads, caller, segments, query }) {
      const id = assertInScope(caller, checkSessionId(segments.id));
      const { transitions, next } = await reads.sessions.history(id, query);
      const body: z.infer<typeof historyAnswer> = { transitions: transitions.map(transitionToWire), next };
      return { status: 200, body };
    },
  }),
];

/** A page of the sessions that a narrowed caller may see; ids without a row are left out. */
async function readScopedPage(
  sessions: Pick<LimitedReads['sessions'], 'getAll'>,
  scope: readonly string[],
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<{ sessions: StoredSession[]; next: string | null }> {
  const rest = scope.filter((id) => after === undefined || id > after);
  const page = rest.slice(0, limit);
  const rows = await sessions.getAll(page);
  return {
    sessions: rows.filter((row) => row !== null),
    next: rest.length > page.length ? page.at(-1)! : null,
  };
}
