import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeStream } from 'node:stream/web';
import type { HttpHandler } from './create-http-handler.js';
import { textOf } from './make-response.js';
import { trimSlash } from './options.js';
import { answerProblem, HttpProblem } from './problems.js';
import { type ParsedRequest, readNodeBody } from './read-node-body.js';

/** What frameworks add to node's request. */
type FrameworkRequest = ParsedRequest & { originalUrl?: unknown; baseUrl?: unknown };

/** A listener for `http.createServer`, and middleware for Express and its like. */
export type NodeHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

/**
 * Lets a fetch handler answer for node:http, Express 4 and 5, and what passes node's own objects on.
 * A body that a parser in front has read already is used as it stands in `request.body`. With a `next`, a path that is no
 * endpoint goes on to it.
 *
 * @param options.basePath - path that the handler is mounted under. @defaultValue where Express has mounted it, else the handler's own
 * @example
 * http.createServer(toNodeHandler(handler)).listen(3000);
 * app.use('/whatsapp', toNodeHandler(handler));
 * fastify.all('/whatsapp/*', (request, reply) => {
 *   reply.hijack();
 *   toNodeHandler(handler)(Object.assign(request.raw, { body: request.body }), reply.raw);
 * });
 */
export function toNodeHandler(handler: HttpHandler, options: { basePath?: string } = {}): NodeHandler {
  return (incoming: FrameworkRequest, outgoing, next) => {
    void serve(incoming, outgoing).catch((error: unknown) => {
      if (next && !outgoing.headersSent) next(error);
      else outgoing.destroy();
    });

    async function serve(incoming: FrameworkRequest, outgoing: ServerResponse): Promise<void> {
      const request = toRequest(incoming, outgoing);
      if (!request) {
        if (next) return next();
        const headers = { allow: 'GET, HEAD, POST' };
        return send(answerProblem(new HttpProblem('method_not_allowed', undefined, { headers })), incoming, outgoing);
      }
      let passedOn = false;
      const notFound = () => {
        passedOn = true;
        return new Response(null, { status: 404 });
      };
      const basePath = options.basePath ?? mountPath(incoming);
      const response = await handler(request, { raw: incoming, basePath, notFound: next && notFound });
      if (passedOn && next) return next();
      await send(response, incoming, outgoing);
    }
  };
}

/** Express says by `baseUrl` where it has mounted us; others leave `url` without what they cut off from `originalUrl`. */
function mountPath({ baseUrl, originalUrl, url = '/' }: FrameworkRequest): string | undefined {
  if (typeof baseUrl === 'string') return baseUrl;
  if (typeof originalUrl !== 'string' || originalUrl === url) return undefined;
  return originalUrl.endsWith(url) ? trimSlash(originalUrl.slice(0, -url.length)) : undefined;
}

/** `null` where fetch has no such request: `TRACE`, `OPTIONS *`. */
function toRequest(incoming: FrameworkRequest, outgoing: ServerResponse): Request | null {
  const { originalUrl, url, method = 'GET' } = incoming;
  const target = typeof originalUrl === 'string' ? originalUrl : (url ?? '/');
  const scheme = 'encrypted' in incoming.socket ? 'https' : 'http';
  const { host } = incoming.headers;
  const origin = `${scheme}://${host && /^[\w.:[\]-]+$/.test(host) ? host : 'localhost'}`;
  const body = method === 'GET' || method === 'HEAD' ? null : readNodeBody(incoming);
  try {
    const headers = toHeaders(incoming);
    // Never `new URL(target, origin)`: `//evil/status` would be a path on another host.
    const where = target.startsWith('/') ? origin + target : target;
    const request = new Request(where, { method, headers, body, duplex: 'half' } as RequestInit);
    // Made when first asked for: two signals linked to each other cost as much as the rest of a request.
    let signal: AbortSignal | undefined;
    return Object.defineProperty(request, 'signal', {
      get() {
        signal ??= signalOfLeaving(outgoing);
        return signal;
      },
    });
  } catch {
    return null;
  }
}

function toHeaders(incoming: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (name.startsWith(':') || value === undefined) continue;
    if (typeof value === 'string') headers.append(name, value);
    else for (const one of value) headers.append(name, one);
  }
  return headers;
}

/** Aborts when the client leaves before its answer is out. */
function signalOfLeaving(outgoing: ServerResponse): AbortSignal {
  const leaving = new AbortController();
  const leave = () => {
    if (!outgoing.writableFinished) leaving.abort();
  };
  if (outgoing.destroyed) leave();
  else outgoing.once('close', leave);
  return leaving.signal;
}

async function send(response: Response, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  if (outgoing.destroyed || outgoing.headersSent) return void response.body?.cancel();
  const headers: [string, string][] = [...response.headers];
  outgoing.statusCode = response.status;
  for (const [name, value] of headers) outgoing.appendHeader(name, value);
  const text = textOf(response);
  if (!response.body || incoming.method === 'HEAD') {
    await response.body?.cancel();
    outgoing.end();
  } else if (text !== undefined) {
    outgoing.end(text);
  } else {
    outgoing.flushHeaders();
    // A client that leaves in the middle is no error of ours. Without `fromWeb`, Node 20 would not cancel the source then.
    await pipeline(Readable.fromWeb(response.body as NodeStream), outgoing).catch(() => {});
  }
}
