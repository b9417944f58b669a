import type { IncomingMessage, ServerResponse } from 'node:http';
import { type HttpHandler, toNodeHandler } from '@wa-sync/http';

/** Express' objects are node's own; Fastify's have node's own inside. */
interface FastifyRequest {
  readonly raw: IncomingMessage;
  readonly body?: unknown;
  readonly originalUrl?: string;
}

interface FastifyReply {
  readonly raw: ServerResponse;
  hijack(): unknown;
  getHeaders(): Readonly<Record<string, number | string | string[] | undefined>>;
}

export type PlatformRequest = IncomingMessage | FastifyRequest;
export type PlatformResponse = ServerResponse | FastifyReply;

/**
 * Handles one request of either platform.
 *
 * @param params.routePath - the route below the base path, such as `/sessions/:id`
 */
export function answerRequest(params: {
  handler: HttpHandler;
  routePath: string;
  request: PlatformRequest;
  response: PlatformResponse;
}): void {
  const { handler, routePath, request, response } = params;
  const node = 'raw' in request ? request.raw : request;
  const target = (request as { originalUrl?: string }).originalUrl ?? node.url ?? '/';
  // The framework's own request, because guards leave what they know on it (`request.user`).
  const bridge = toNodeHandler(handler, { raw: request, basePath: basePathOf(target, routePath) });
  if ('hijack' in response) bridge(openRequest(request as FastifyRequest), takeOver(response));
  else bridge(request as IncomingMessage, response);
}

function openRequest({ raw, body, originalUrl }: FastifyRequest): IncomingMessage {
  showBody(raw);
  return Object.assign(raw, { body, originalUrl: originalUrl ?? raw.url });
}

/** Fastify answers no more. What its hooks have set (CORS, helmet) still goes out. */
function takeOver(reply: FastifyReply): ServerResponse {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  return reply.raw;
}

/**
 * What stands before the route in the path that was asked for: global prefix, version and all, without asking Nest for
 * its settings.
 *
 * @example
 * basePathOf('/api/v1/whatsapp/sessions/sales?x=1', '/sessions/:id')   // '/api/v1/whatsapp'
 */
function basePathOf(target: string, routePath: string): string {
  const [, path = ''] = /^(?:[^:/?#]+:\/\/[^/?#]*)?([^?#]*)/.exec(target) ?? [];
  const depth = routePath.split('/').length - 1;
  return path.replace(/\/+$/, '').split('/').slice(0, -depth).join('/');
}

const OF_BODY = ['content-type', 'content-length', 'transfer-encoding'] as const;

const hidden = new WeakMap<IncomingMessage, Readonly<Record<string, string>>>();

/**
 * Middleware for Fastify, which would answer 400 to `content-type: application/json` without a body and 415 to a type
 * that it does not know, before any route is asked. A request without these headers it takes for one that has no body,
 * and leaves it to {@link showBody}'s caller.
 */
export function leaveBodyUnread(incoming: IncomingMessage, _outgoing: ServerResponse, next: () => void): void {
  const { headers } = incoming;
  const kept: Record<string, string> = {};
  for (const name of OF_BODY) {
    const value = headers[name];
    if (value === undefined) continue;
    kept[name] = value;
    delete headers[name];
  }
  hidden.set(incoming, kept);
  next();
}

/** Puts the headers back. */
function showBody(incoming: IncomingMessage): void {
  Object.assign(incoming.headers, hidden.get(incoming));
}
