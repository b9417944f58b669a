import * as z from 'zod/mini';
import document from '../../openapi.json' with { type: 'json' };
import { HttpProblem, STORE_FAILURES } from '../reply/problems.js';
import { liveAnswer, readyAnswer } from '../reply/wire-schemas.js';
import { EVENT_ROUTE } from './event-route.js';
import { JOB_ROUTES, RUN_ROUTES } from './job-routes.js';
import { assertSeesAll } from './name-session.js';
import { defineRoute, type Route } from './route.js';
import { SESSION_ROUTES, STATUS_ROUTE } from './session-routes.js';
import { SYNC_ROUTES } from './sync-routes.js';

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
    description: 'An offline phone changes nothing here. The store is read once a second at most, for all who ask.',
    input: {},
    answers: { 200: { schema: readyAnswer, means: 'It does.' } },
    problems: [...STORE_FAILURES],
    async handle({ services }) {
      await services.checkReadiness();
      return { status: 200, body: { status: 'ready' } satisfies z.infer<typeof readyAnswer> };
    },
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
    problems: ['out_of_scope', 'host_timeout'],
    async handle({ services, caller, ask }) {
      assertSeesAll(caller);
      const { metrics } = services.config;
      if (!metrics) throw new HttpProblem('route_not_found');
      const text = await services.callHost('metrics.text', ask, () => metrics.text());
      return { status: 200, type: metrics.contentType, text };
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
    handle: async ({ basePath }) => ({ status: 200, type: 'application/json', text: documentBelow(basePath || '/') }),
  }),
];

let written = { basePath: '', text: '' };

/**
 * Anybody may ask for the document, and it is long: it is written once for as long as it is asked for below the same
 * path.
 */
function documentBelow(basePath: string): string {
  if (written.basePath !== basePath) {
    written = { basePath, text: JSON.stringify({ ...document, servers: [{ url: basePath }] }) };
  }
  return written.text;
}
