import type { IncomingMessage } from 'node:http';
import type { Ask } from '../request/ask.js';

/** A request of node, with what a body parser may have left on it. */
export type ParsedRequest = IncomingMessage & { body?: unknown };

/** The body: as a parser in front left it, else straight from the socket. */
export function readNodeBody(incoming: ParsedRequest): ReturnType<Ask['body']> {
  const { body } = incoming;
  // Express 4 sets an empty `body` for content that its parser did not take: only what was read from, or read to an
  // empty end, is gone.
  if (!incoming.readableDidRead && !incoming.readableEnded) return toStream(incoming);
  if (body === undefined || body === null) return null;
  if (typeof body === 'string') return body;
  return body instanceof Uint8Array ? body : JSON.stringify(body);
}

/** Reads only as far as it is asked to. */
function toStream(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  let listening = false;
  let over = false;
  let notify = () => {};

  function finish(settle: () => void): void {
    if (over) return;
    over = true;
    settle();
    notify();
  }

  function listen(controller: ReadableStreamDefaultController<Uint8Array>): void {
    listening = true;
    function broken(): void {
      finish(() => controller.error(new Error('The client went away')));
    }
    // Gone before anybody read: no event will ever come.
    if (incoming.destroyed) broken();
    incoming.on('data', (chunk: Uint8Array) => {
      if (over) return;
      incoming.pause();
      controller.enqueue(chunk);
      notify();
    });
    incoming.on('end', () => finish(() => controller.close()));
    incoming.on('error', broken);
    incoming.on('close', broken);
  }

  return new ReadableStream(
    {
      pull(controller) {
        return new Promise((resolve) => {
          notify = resolve;
          // Not before the first read: a path that is the host's own must find its body untouched.
          if (!listening) listen(controller);
          if (over) resolve();
          else incoming.resume();
        });
      },
      cancel() {
        // What is left is not read: the reply ends the connection.
        over = true;
        incoming.pause();
      },
    },
    { highWaterMark: 0 },
  );
}
