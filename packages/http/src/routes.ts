import * as z from 'zod/mini';
import document from '../openapi.json' with { type: 'json' };
import { EVENT_ROUTE } from './event-route.js';
import { JOB_ROUTES, RUN_ROUTES } from './job-routes.js';
import type { Answer } from './make-reply.js';
import { assertSeesAll } from './name-session.js';
import { HttpProblem, STORE_PROBLEMS } from './problems.js';
import { type Call, defineRoute, type Route } from './route.js';
import { SESSION_ROUTES, STATUS_ROUTE } from './session-routes.js';
import { SYNC_ROUTES } from './sync-routes.js';
import { liveAnswer, readyAnswer } from './wire-schemas.js';

/** A readiness check must be over before an orchestrator loses patience with it. */
const READY_WITHIN_MS = 2_000;

/** Every endpoint, in the order of the docs. */
export const ROUTES: readonly Route[] = [
  STATUS_ROUTE,
  ...SYNC_ROUTES,
  ...JOB_ROUTES,
  ...SESSION_ROUTES,
  ...RUN_ROUTES,
  EVENT_ROUTE,
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
    problems: [...STORE_PROBLEMS],
    handle: readReadiness,
  }),
  defineRoute({
    method: 'GET',
    path: '/metrics',
    role: 'viewer',
    summary: 'Metrics for Prometheus',
    description: 'There only where the host has given `metrics`.',
    input: {},
    needs: 'metrics',
    answers: { 200: { schema: z.string(), means: 'The text format of Prometheus.', type: 'text/plain' } },
    problems: ['out_of_scope'],
    async handle({ services, caller }) {
      assertSeesAll(caller);
      const { metrics } = services.config;
      if (!metrics) throw new HttpProblem('route_not_found');
      return { status: 200, type: metrics.contentType, text: await metrics.text() };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/openapi.json',
    role: 'public',
    summary: 'This document',
    input: {},
    answers: { 200: { schema: z.looseObject({}), means: 'OpenAPI 3.1.' } },
    problems: [],
    handle: async ({ basePath }) => ({ status: 200, body: { ...document, servers: [{ url: basePath || '/' }] } }),
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
