import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpHandler } from '../handler/create-http-handler.js';
import { trimSlash } from '../host/options.js';
import { answerProblem, HttpProblem } from '../reply/problems.js';
import { askOfNode, type FrameworkRequest } from './ask-of-node.js';
import { limitPipeline } from './limit-pipeline.js';
import { sendReply } from './send-reply.js';

/** A listener for `http.createServer`, and middleware for Express and its like. */
export type NodeHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

/**
 * Lets a handler answer for node:http, Express 4 and 5, and what passes node's own objects on.
 * A body that a parser in front has read already is used as it stands in `request.body`. With a `next`, a path that is
 * no endpoint goes on to it.
 *
 * @param options.basePath - path that the handler is mounted under. @defaultValue where Express has mounted it, else
 * the handler's own
 * @param options.raw - what `authorize` and `currentSession` get as the framework's request. @defaultValue node's
 * @example
 * http.createServer(toNodeHandler(handler)).listen(3000);
 * app.use('/whatsapp', toNodeHandler(handler));
 * fastify.all('/whatsapp/*', (request, reply) => {
 *   reply.hijack();
 *   toNodeHandler(handler)(Object.assign(request.raw, { body: request.body }), reply.raw);
 * });
 */
export function toNodeHandler(
  handler: Pick<HttpHandler, 'answer'>,
  options: { basePath?: string; raw?: unknown } = {},
): NodeHandler {
  return (incoming: FrameworkRequest, outgoing, next) => {
    limitPipeline(incoming, outgoing, () => {
      void serve(incoming, outgoing).catch((error: unknown) => {
        if (next && !outgoing.headersSent) next(error);
        else outgoing.destroy();
      });
    });

    async function serve(incoming: FrameworkRequest, outgoing: ServerResponse): Promise<void> {
      const basePath = options.basePath ?? mountPath(incoming);
      const reply = await handler.answer(askOfNode(incoming, outgoing), { raw: options.raw ?? incoming, basePath });
      if (!reply && next) return next();
      await sendReply(reply ?? answerProblem(new HttpProblem('route_not_found')), incoming, outgoing);
    }
  };
}

/**
 * Express says by `baseUrl` where it has mounted us; others leave `url` without what they cut off from `originalUrl`.
 */
function mountPath({ baseUrl, originalUrl, url = '/' }: FrameworkRequest): string | undefined {
  if (typeof baseUrl === 'string') return baseUrl;
  if (typeof originalUrl !== 'string' || originalUrl === url) return undefined;
  return originalUrl.endsWith(url) ? trimSlash(originalUrl.slice(0, -url.length)) : undefined;
}
