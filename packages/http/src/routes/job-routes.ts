import { isWaSyncError, type JobRun } from '@wa-sync/core';
import * as z from 'zod/mini';
import { HttpProblem, STORE_PROBLEMS } from '../reply/problems.js';
import { jobRunToWire } from '../reply/to-wire.js';
import { cleanupAnswer, inactivityAnswer, runAnswer, runsAnswer } from '../reply/wire-schemas.js';
import { pageCursor, pageLimit } from '../request/read-input.js';
import { cleanupResult, inactivityResult } from '../runs/run-results.js';
import { answerRun } from './answer-run.js';
import type { LimitedReads } from './limited-reads.js';
import { assertSeesAll } from './name-session.js';
import { defineRoute, type Route } from './route.js';
import { ACCEPTED } from './sync-routes.js';

const nothing = z.strictObject({});
const flag = (means: string) => z._default(z.boolean('takes true or false'), false).check(z.describe(means));
const dryRun = flag('Only says what would be done');

/** The POSTs that run a job for all sessions, so no caller that sees only some of them may. */
export const JOB_ROUTES: readonly Route[] = [
  defineRoute({
    method: 'POST',
    path: '/cleanup-sessions',
    role: 'admin',
    summary: 'Deactivate unused sessions',
    description:
      'Deactivates sessions that gave no sign of life for a long time, and later deletes them with their credentials.',
    input: {
      query: nothing,
      body: z.strictObject({
        dryRun,
        force: flag('Takes more than one part of all in one run'),
      }),
    },
    answers: { 200: { schema: cleanupAnswer, means: 'The cleanup is over, or had to be postponed.' }, 202: ACCEPTED },
    problems: ['out_of_scope', 'not_running', 'not_supported', ...STORE_PROBLEMS],
    async handle(call) {
      assertSeesAll(call.caller);
      const { wa } = call.services;
      const work = async () => cleanupResult(await wa.cleanupSessions(call.body));
      return answerRun(call, { operation: 'POST /cleanup-sessions', sessionIds: null, options: call.body, work });
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/check-inactive-conversations',
    role: 'admin',
    summary: 'Close inactive conversations',
    description: 'Warns and closes them by the policy of the configuration, where their number can hear.',
    input: { query: nothing, body: z.strictObject({ dryRun }) },
    answers: { 200: { schema: inactivityAnswer, means: 'The check is over, or had to be postponed.' }, 202: ACCEPTED },
    problems: ['out_of_scope', 'not_running', 'not_supported', ...STORE_PROBLEMS],
    async handle(call) {
      assertSeesAll(call.caller);
      const { wa } = call.services;
      const work = async () => inactivityResult(await wa.checkInactiveConversations(call.body));
      const operation = 'POST /check-inactive-conversations';
      return answerRun(call, { operation, sessionIds: null, options: call.body, work });
    },
  }),
];

/** A store that keeps no runs has none. */
async function readJobRun(runs: Pick<LimitedReads['runs'], 'get'>, id: string): Promise<JobRun | null> {
  try {
    return await runs.get(id);
  } catch (error) {
    if (isWaSyncError(error) && error.code === 'not_supported') return null;
    throw error;
  }
}

/** What ran, and how it ended. */
export const RUN_ROUTES: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/runs',
    role: 'viewer',
    summary: 'List job runs',
    description: 'Runs of the cleanup and of the check of inactive conversations, in whichever process.',
    input: {
      query: z.strictObject({
        job: z.optional(z.enum(['cleanup', 'inactivity'], 'takes cleanup or inactivity')),
        before: pageCursor('takes one run id'),
        limit: pageLimit,
      }),
    },
    answers: { 200: { schema: runsAnswer, means: 'A page, newest first.' } },
    problems: ['out_of_scope', 'not_supported', ...STORE_PROBLEMS],
    async handle({ reads, caller, query }) {
      assertSeesAll(caller);
      const { runs, next } = await reads.runs.list(query);
      return { status: 200, body: { runs: runs.map(jobRunToWire), next } satisfies z.infer<typeof runsAnswer> };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/runs/:id',
    role: 'viewer',
    summary: 'How did a run end?',
    description:
      'A run of a job, or one that was answered with 202; the latter live in the memory of the process that ran them.',
    input: {
      segments: z.strictObject({ id: z.string().check(z.describe('From Location, or from the list')) }),
      query: nothing,
    },
    answers: { 200: { schema: runAnswer, means: 'The run, under way or over.' } },
    problems: ['run_not_found', ...STORE_PROBLEMS],
    async handle({ services, reads, caller, segments }) {
      const run = services.runs.find(segments.id);
      const { sessionIds } = caller;
      const scope = sessionIds && new Set(sessionIds);
      if (run && (!scope || run.sessionIds?.every((id) => scope.has(id)))) {
        return { status: 200, type: 'application/json', text: run.text };
      }
      // A run of a job is about all sessions.
      const job = run || sessionIds ? null : await readJobRun(reads.runs, segments.id);
      if (!job) throw new HttpProblem('run_not_found');
      return { status: 200, body: jobRunToWire(job) };
    },
  }),
];
