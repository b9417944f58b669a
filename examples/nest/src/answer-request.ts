import type { IncomingMessage, ServerResponse } from 'node:http';
import { type HttpHandler, toNodeHandler } from '@wa-sync/http';
import { showBody } from './leave-body-unread.js';

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
 * Answers one request of either platform.
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
 * What stands before the route in the path that was asked for: global prefix, version and all, without asking Nest for its settings.
 *
 * @example
 * basePathOf('/api/v1/whatsapp/sessions/sales?x=1', '/sessions/:id')   // '/api/v1/whatsapp'
 */
function basePathOf(target: string, routePath: string): string {
  const [, path = ''] = /^(?:[^:/?#]+:\/\/[^/?#]*)?([^?#]*)/.exec(target) ?? [];
  const depth = routePath.split('/').length - 1;
  return path.replace(/\/+$/, '').split('/').slice(0, -depth).join('/');
}
