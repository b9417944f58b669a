import { setMaxListeners } from 'node:events';
import { isWaSyncError } from '@wa-sync/core';
import { type Authenticate, type Caller, createAuthenticate, sentTokens } from '../access/authenticate.js';
import { createRateLimit, createStreamLimit } from '../access/limit-callers.js';
import { createWorkLimit, type WorkLimit } from '../access/limit-work.js';
import { createEventFeed } from '../events/event-feed.js';
import { createCallHost, createSparseLog } from '../host/call-host.js';
import { type HttpOptions, parseHttpOptions, trimSlash, type WaSyncLike } from '../host/options.js';
import { makeReply, type Reply, toResponse } from '../reply/make-reply.js';
import { answerProblem, HttpProblem, hideWords, toProblem } from '../reply/problems.js';
import { type Ask, askOfRequest } from '../request/ask.js';
import { createCheckReadiness } from '../routes/check-readiness.js';
import { limitReads } from '../routes/limited-reads.js';
import type { Route, Services } from '../routes/route.js';
import { ROUTES } from '../routes/routes.js';
import { createRequestRuns } from '../runs/request-runs.js';
import { matchRoutes } from './match-routes.js';

/** What a framework may pass beside the request. */
export interface HttpContext {
  /** Its own request object, for `authorize` and `currentSession`. */
  readonly raw?: unknown;
  /** Path that it mounted the handler under. @defaultValue the `basePath` of the options */
  readonly basePath?: string | undefined;
  /**
   * Returns a response where no endpoint has this path, so that the host's own routes get their turn.
   * @defaultValue 404
   */
  readonly notFound?: (() => Response | Promise<Response>) | undefined;
}

/** A fetch handler that never rejects. */
export interface HttpHandler {
  (request: Request, context?: HttpContext): Promise<Response>;
  /** The same for a bridge such as `toNodeHandler`; `null` where no endpoint has this path. */
  answer(ask: Ask, context?: Pick<HttpContext, 'raw' | 'basePath'>): Promise<Reply | null>;
}

/** How long a reading waits for a place: less than a person waits. */
const READ_WAITS_MS = 2_000;
/** Runs that go on at once. One may take minutes, and a caller may start 60 of them in one moment. */
const RUNS = { total: 16, perCaller: 8, waitMs: 60_000 };
/** The feed of all streams, among the callers. */
const FEED = 'events';

/** Nobody: what a public endpoint sees of its caller. */
const ANYBODY: Caller = { role: 'viewer', sessionIds: [], key: 'anybody' };

/**
 * The endpoints of wa-sync as one fetch handler.
 *
 * @throws WaSyncError `config_invalid` that names each wrong option and what it takes; without `auth` it is not built
 * @example
 * const handler = createHttpHandler(wa, { auth: { tokens: [token] } });
 * createServer(toNodeHandler(handler)).listen(3000);   // GET /whatsapp/status, …
 */
export function createHttpHandler(wa: WaSyncLike, options: HttpOptions): HttpHandler {
  const config = parseHttpOptions(options);
  const { clock } = config;
  const log = createSparseLog({ wa, clock });
  const callHost = createCallHost({ clock, log });
  const stopping = listenable(wa.stopping);
  const readWork = createWorkLimit({ ...config.storeCalls, clock, waitMs: READ_WAITS_MS });
  const feedWorker = { key: FEED, signal: () => stopping };
  const history: WaSyncLike['history'] = {
    since: (page) => readWork.run(feedWorker, () => wa.history.since(page)),
  };
  const services: Services = {
    wa,
    config,
    clock,
    runs: createRequestRuns(clock),
    runWork: createWorkLimit({ ...RUNS, clock }),
    chargeRun: createRateLimit(config.rateLimit, clock),
    feed: createEventFeed({ wa, history, clock }),
    streams: createStreamLimit(config.eventStreams),
    callHost,
    checkReadiness: createCheckReadiness({ sessions: { list: (page) => wa.sessions.list(page) }, clock }),
    log,
    stopping,
  };
  const authenticate = createAuthenticate({ auth: config.auth, callHost, log });
  const match = matchRoutes(ROUTES.filter(({ needs }) => !needs || config[needs]));

  const answer: HttpHandler['answer'] = async (ask, { raw, basePath } = {}) => {
    const base = basePath === undefined ? config.basePath : trimSlash(basePath);
    const path = pathBelow(base, ask.path);
    const found = path === null ? null : match(ask.method, path);
    if (found === null) return null;
    if ('allow' in found) {
      return answerProblem(new HttpProblem('method_not_allowed', undefined, { headers: { allow: found.allow } }));
    }
    return answerRoute({ ...found, wa, readWork, services, authenticate, ask, basePath: base, raw });
  };

  const handler = async (request: Request, context: HttpContext = {}) => {
    const reply = await answer(askOfRequest(request), context);
    if (!reply && context.notFound) return context.notFound();
    return toResponse(reply ?? answerProblem(new HttpProblem('route_not_found')), request.method);
  };
  return Object.assign(handler, { answer });
}

/**
 * The signal itself; each stream and each request that waits for a run listens to it, and node warns of more than ten.
 */
function listenable(stopping: AbortSignal = new AbortController().signal): AbortSignal {
  setMaxListeners(0, stopping);
  return stopping;
}

async function answerRoute(params: {
  route: Route;
  segments: Readonly<Record<string, string>>;
  wa: WaSyncLike;
  readWork: WorkLimit;
  services: Services;
  authenticate: Authenticate;
  ask: Ask;
  basePath: string;
  raw: unknown;
}): Promise<Reply> {
  const { route, segments, wa, readWork, services, authenticate, ask, basePath, raw } = params;
  const { clock } = services;
  const startedMs = clock.monotonicMs();
  const fields = (status: number) => {
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    return { method: route.method, route: route.path, status, tookMs };
  };
  try {
    const caller = route.role === 'public' ? ANYBODY : await authenticate(ask, { raw });
    if (route.role === 'admin' && caller.role !== 'admin') throw new HttpProblem('forbidden');
    const worker = { key: caller.key, signal: () => ask.signal() };
    const reads = limitReads(wa, (read, what) => readWork.run(worker, read, what));
    const answer = await route.handle({ services, reads, ask, basePath, raw, caller }, segments);
    const level = route.method === 'GET' ? 'debug' : 'info';
    wa.logger[level](fields(answer.status), `${route.method} ${route.path} answered ${answer.status}`);
    return makeReply(answer);
  } catch (error) {
    // A token that stands in the wrong place of a request is not repeated.
    const problem = hideWords(toProblem(error), sentTokens(ask));
    const reply = answerProblem(problem);
    const code = isWaSyncError(error) ? error.code : problem.code;
    const line = `${route.method} ${route.path} answered ${reply.status} ${code}`;
    if (problem.more.logged) return reply;
    if (reply.status < 500) wa.logger.debug({ ...fields(reply.status), code }, line);
    // Whoever asks again and again must not fill the log.
    else
      services.log(code === 'overloaded' ? 'warn' : 'error', line, () => ({
        ...fields(reply.status),
        code,
        err: error,
      }));
    return reply;
  }
}

/** `null` outside of the base path. */
function pathBelow(basePath: string, path: string): string | null {
  if (!path.startsWith(basePath)) return null;
  const below = trimSlash(path.slice(basePath.length));
  return below === '' ? '/' : below.startsWith('/') ? below : null;
}
