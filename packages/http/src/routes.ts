import { checkSessionId } from '@wa-sync/core';
import * as z from 'zod';
import { answerRun, describeRun } from './answer-run.js';
import { assertInScope, nameSession, namesSession } from './name-session.js';
import { openApiDocument } from './openapi.js';
import { HttpProblem, sessionNotFound } from './problems.js';
import { readScopedPage } from './read-scoped-page.js';
import { type Answer, type Call, defineRoute, type Route } from './route.js';
import { syncScope } from './sync-scope.js';
import { sessionToWire } from './to-wire.js';
import {
  acceptedAnswer,
  liveAnswer,
  readyAnswer,
  runAnswer,
  sessionAnswer,
  sessionsAnswer,
  statusAnswer,
  syncAnswer,
} from './wire-schemas.js';

/** A readiness check must be over before an orchestrator loses patience with it. */
const READY_WITHIN_MS = 2_000;

const nothing = z.strictObject({});

const syncAnswers = {
  200: { schema: syncAnswer, means: 'The sync is over.' },
  202: { schema: acceptedAnswer, means: 'The sync goes on; `Location` says where to ask for it.' },
} as const;

const storeProblems = ['store_failed', 'store_timeout', 'store_unreachable'] as const;

/** A POST that syncs the session the request is about. */
function syncOneRoute(path: string, words: { summary: string; description: string }, force: boolean): Route {
  return defineRoute({
    method: 'POST',
    path,
    role: 'admin',
    ...words,
    input: { query: namesSession, body: nothing },
    answers: syncAnswers,
    problems: ['session_not_found', 'session_id_invalid', 'no_current_session', 'not_running', ...storeProblems],
    async handle(call) {
      const { wa } = call.services;
      const id = await nameSession(call, call.query.sessionId);
      const work = () => (force ? wa.forceSync(id) : wa.syncNow(id));
      return answerRun(call, { operation: `POST ${path}`, sessionIds: [id], work });
    },
  });
}

/** A POST that syncs all sessions the caller may see. */
function syncAllRoute(path: string, words: { summary: string; description: string }, force: boolean): Route {
  return defineRoute({
    method: 'POST',
    path,
    role: 'admin',
    ...words,
    input: { query: nothing, body: nothing },
    answers: syncAnswers,
    problems: ['not_running', ...storeProblems],
    async handle(call) {
      const { wa, clock } = call.services;
      const { sessionIds } = call.caller;
      const sync = (id?: string) => (force ? wa.forceSync(id) : wa.syncNow(id));
      const work = () => (sessionIds ? syncScope(sessionIds, sync, clock.now) : sync());
      return answerRun(call, { operation: `POST ${path}`, sessionIds, work });
    },
  });
}

/** Every endpoint, in the order of the docs. */
export const ROUTES: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/status',
    role: 'viewer',
    summary: 'Is a session connected?',
    description:
      "Asks the session's connection, not its row; where another process holds it, the row that its lease vouches for.",
    input: { query: namesSession },
    answers: { 200: { schema: statusAnswer, means: 'Whether WhatsApp answers on it now.' } },
    problems: ['session_not_found', 'session_id_invalid', 'no_current_session', 'status_unknown', 'not_running'],
    async handle(call) {
      const { connected, timestamp } = await call.services.wa.status(await nameSession(call, call.query.sessionId));
      const body: z.infer<typeof statusAnswer> = { connected, timestamp: timestamp.toISOString() };
      return { status: 200, body };
    },
  }),
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
      summary: 'Probe and heal all',
      description: 'Asks every connection for a sign of life now, heals what is dead and corrects the rows.',
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
  defineRoute({
    method: 'GET',
    path: '/sessions',
    role: 'viewer',
    summary: 'List sessions',
    input: {
      query: z.strictObject({
        after: z.string('takes one session id').min(1).max(255).optional().describe('The next of the page before'),
        limit: z.coerce
          .number('takes a whole number from 1 to 1000')
          .int('takes a whole number from 1 to 1000')
          .min(1, 'takes a whole number from 1 to 1000')
          .max(1_000, 'takes a whole number from 1 to 1000')
          .default(100),
      }),
    },
    answers: { 200: { schema: sessionsAnswer, means: 'A page, in the order of ids.' } },
    problems: ['session_id_invalid', ...storeProblems],
    async handle({ services, caller, query }) {
      const { limit } = query;
      const after = query.after === undefined ? undefined : checkSessionId(query.after);
      const page = caller.sessionIds
        ? await readScopedPage(services.wa.sessions, caller.sessionIds, { after, limit })
        : await services.wa.sessions.list({ after, limit });
      const body: z.infer<typeof sessionsAnswer> = { sessions: page.sessions.map(sessionToWire), next: page.next };
      return { status: 200, body };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/sessions/:id',
    role: 'viewer',
    summary: 'Read one session',
    input: { segments: z.strictObject({ id: z.string().describe('The session') }), query: nothing },
    answers: { 200: { schema: sessionAnswer, means: 'What its row says and what may be believed.' } },
    problems: ['session_not_found', 'session_id_invalid', ...storeProblems],
    async handle({ services, caller, segments }) {
      const id = assertInScope(caller, checkSessionId(segments.id));
      const row = await services.wa.sessions.get(id);
      if (!row) throw sessionNotFound(id);
      return { status: 200, body: sessionToWire(row) };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/runs/:id',
    role: 'viewer',
    summary: 'How did a run end?',
    description: 'Runs that were answered with 202. They live in the memory of the process that ran them.',
    input: { segments: z.strictObject({ id: z.string().describe('From Location') }), query: nothing },
    answers: { 200: { schema: runAnswer, means: 'The run, under way or over.' } },
    problems: ['run_not_found'],
    async handle({ services, caller, segments }) {
      const run = services.runs.find(segments.id);
      const { sessionIds } = caller;
      const seen = !sessionIds || run?.sessionIds?.every((id) => sessionIds.includes(id));
      if (!run || !seen) throw new HttpProblem('run_not_found');
      return { status: 200, body: describeRun(run) };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/health/live',
    role: 'public',
    summary: 'Does the process answer?',
    input: {},
    answers: { 200: { schema: liveAnswer, means: 'It does.' } },
    problems: [],
    handle: async () => ({ status: 200, body: { status: 'live' } satisfies z.infer<typeof liveAnswer> }),
  }),
  defineRoute({
    method: 'GET',
    path: '/health/ready',
    role: 'public',
    summary: 'Does the store answer?',
    description: 'An offline phone changes nothing here.',
    input: {},
    answers: { 200: { schema: readyAnswer, means: 'It does.' } },
    problems: [...storeProblems],
    handle: readReadiness,
  }),
  defineRoute({
    method: 'GET',
    path: '/openapi.json',
    role: 'public',
    summary: 'This document',
    input: {},
    answers: { 200: { schema: z.looseObject({}), means: 'OpenAPI 3.1.' } },
    problems: [],
    handle: async ({ basePath }) => ({ status: 200, body: openApiDocument({ basePath, routes: ROUTES }) }),
  }),
];

async function readReadiness({ services }: Pick<Call, 'services'>): Promise<Answer> {
  const { wa, clock } = services;
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    cancel = clock.schedule(() => reject(new HttpProblem('store_timeout')), READY_WITHIN_MS);
  });
  try {
    await Promise.race([wa.sessions.list({ limit: 1 }), late]);
  } finally {
    cancel();
  }
  const body: z.infer<typeof readyAnswer> = { status: 'ready' };
  return { status: 200, body };
}
