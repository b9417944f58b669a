import { isWaSyncError } from '@wa-sync/core';
import { type Context, Hono } from 'hono';
import { type Authenticate, type Caller, createAuthenticate } from './authenticate.js';
import { createEventLog } from './event-log.js';
import { createRateLimit } from './limit-rate.js';
import { jsonResponse, streamResponse, textResponse } from './make-response.js';
import { maskError } from './mask-error.js';
import { type HttpOptions, parseOptions, trimSlash } from './options.js';
import { answerProblem, HttpProblem, toProblem } from './problems.js';
import type { Answer, Route, Services, WaSyncLike } from './route.js';
import { ROUTES } from './routes.js';
import { createRunRegistry } from './run-registry.js';

/** What a framework may pass beside the request. */
export interface HttpContext {
  /** Its own request object, for `authorize` and `currentSession`. */
  readonly raw?: unknown;
  /** Path that it mounted the handler under. @defaultValue the `basePath` of the options */
  readonly basePath?: string | undefined;
  /** Answers where no endpoint has this path, so that the host's own routes get their turn. @defaultValue 404 */
  readonly notFound?: (() => Response | Promise<Response>) | undefined;
}

/** A fetch handler that never rejects. */
export type HttpHandler = (request: Request, context?: HttpContext) => Promise<Response>;

type Env = { Bindings: HttpContext & { basePath: string } };

/** Nobody: what a public endpoint sees of its caller. */
const ANYBODY: Caller = { role: 'viewer', sessionIds: [], key: 'anybody' };

const METHODS = ['GET', 'POST'];

/** Matches no route. */
const OUTSIDE = '/\0';

/**
 * The endpoints of wa-sync as one fetch handler.
 *
 * @throws WaSyncError `config_invalid` that names each wrong option and what it takes; without `auth` it is not built
 * @example
 * const handler = createHttpHandler(wa, { auth: { tokens: [token] } });
 * createServer(toNodeHandler(handler)).listen(3000);   // GET /whatsapp/status, …
 */
export function createHttpHandler(wa: WaSyncLike, options: HttpOptions): HttpHandler {
  const config = parseOptions(options);
  const { clock } = config;
  const services: Services = {
    wa,
    config,
    clock,
    runs: createRunRegistry(clock),
    chargeRun: createRateLimit(config.rateLimit, clock),
    events: createEventLog(wa),
    streams: { open: 0 },
  };
  const authenticate = createAuthenticate(config.auth);

  const app = new Hono<Env>({ strict: true, getPath: pathBelowBase });
  for (const route of ROUTES) {
    if (route.needs && !config[route.needs]) continue;
    app.on(route.method, route.path, (context) => answerRoute(route, context, services, authenticate));
  }
  app.notFound((context) => {
    // Asked only here, not by a second handler on each path: the router is faster where one handler alone fits.
    const allowed = METHODS.filter((method) => app.router.match(method, context.req.path)[0].length > 0);
    if (allowed.length > 0) return answerProblem(methodNotAllowed(allowed));
    return context.env.notFound?.() ?? answerProblem(new HttpProblem('route_not_found'));
  });
  app.onError((error) => answerProblem(toProblem(error)));

  return async (request, context = {}) => {
    const basePath = context.basePath === undefined ? config.basePath : trimSlash(context.basePath);
    return app.fetch(request, { ...context, basePath });
  };
}

async function answerRoute(
  route: Route,
  context: Context<Env>,
  services: Services,
  authenticate: Authenticate,
): Promise<Response> {
  const { clock, config } = services;
  const { basePath, raw } = context.env;
  const request = context.req.raw;
  const startedMs = clock.monotonicMs();
  const fields = (status: number) => {
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    return { method: route.method, route: route.path, status, tookMs };
  };
  try {
    const caller = route.role === 'public' ? ANYBODY : await authenticate(request, { raw });
    if (route.role === 'admin' && caller.role !== 'admin') throw new HttpProblem('forbidden');
    const query = new URLSearchParams(splitUrl(request.url).query);
    const call = { services, request, query, basePath, raw, caller };
    const answer = await route.handle(call, context.req.param());
    const level = route.method === 'GET' ? 'debug' : 'info';
    config.logger[level](fields(answer.status), `${route.method} ${route.path} answered ${answer.status}`);
    return toResponse(answer);
  } catch (error) {
    const problem = toProblem(error);
    const response = answerProblem(problem);
    const code = isWaSyncError(error) ? error.code : problem.code;
    const line = `${route.method} ${route.path} answered ${response.status} ${code}`;
    if (response.status < 500) config.logger.debug({ ...fields(response.status), code }, line);
    else config.logger.error({ ...fields(response.status), code, error: maskError(error) }, line);
    return response;
  }
}

function toResponse(answer: Answer): Response {
  if ('stream' in answer) return streamResponse(answer);
  if ('text' in answer) return textResponse(answer);
  return jsonResponse({ ...answer, type: 'application/json' });
}

function methodNotAllowed(allowed: readonly string[]): HttpProblem {
  const allow = allowed.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
  return new HttpProblem('method_not_allowed', undefined, { headers: { allow } });
}

function pathBelowBase(request: Request, options?: { env?: Env['Bindings'] }): string {
  const path = trimSlash(splitUrl(request.url).path);
  const basePath = options?.env?.basePath ?? '';
  if (path !== basePath && !path.startsWith(`${basePath}/`)) return OUTSIDE;
  return path.slice(basePath.length) || '/';
}

/** The URL of a `Request` is whole and normal already: parsing it again would be a tenth of the time of `GET /status`. */
function splitUrl(url: string): { path: string; query: string } {
  const [, path = '/', query = ''] = /^[^:]+:\/\/[^/?#]*([^?#]*)(?:\?([^#]*))?/.exec(url) ?? [];
  return { path, query };
}
