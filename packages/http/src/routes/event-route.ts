import * as z from 'zod/mini';
import { openEventStream } from '../events/event-stream.js';
import { HttpProblem } from '../reply/problems.js';
import { defineRoute, type Route } from './route.js';

/** What happens, while it happens. */
export const EVENT_ROUTE: Route = defineRoute({
  method: 'GET',
  path: '/events',
  role: 'viewer',
  summary: 'Hear what happens',
  description:
    'Server-sent events. `session:changed` comes from the stored history, whichever process made the change; the others are of this process. `Last-Event-ID` goes on after that change, in any process and after a restart; the others are sent as they happen, once. An event named `missed` says that something was left out.',
  input: { query: z.strictObject({}) },
  answers: { 200: { schema: z.string(), means: 'Events, until the client leaves.', type: 'text/event-stream' } },
  requestHeaders: { 'Last-Event-ID': 'Last id that was seen' },
  problems: ['rate_limited', 'not_running'],
  async handle({ services, caller, ask }) {
    const { feed, clock, streams, stopping } = services;
    if (stopping.aborted) {
      // Clients come again by themselves, so each of them would write a line.
      throw new HttpProblem('not_running', 'This replica has stopped: another one goes on', { logged: true });
    }
    streams.assertFree(caller.key);
    const { sessionIds } = caller;
    const scope = sessionIds && new Set(sessionIds);
    const stream = openEventStream({
      feed,
      clock,
      lastId: ask.header('last-event-id'),
      // What is about no session is about all of them.
      sees: ({ sessionId }) => scope === null || (sessionId !== null && scope.has(sessionId)),
      signal: ask.signal(),
      stopping,
      onStart: () => streams.enter(caller.key),
      onEnd: () => streams.leave(caller.key),
    });
    // Without `no-transform`, compression on the way would hold events back.
    const headers = { 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' };
    return { status: 200, type: 'text/event-stream; charset=utf-8', stream, headers, ending: stopping };
  },
});
