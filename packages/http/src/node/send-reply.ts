/**
 * A reply over node's own objects. After 401 and 413, and wherever a reply goes out before the body is in, the
 * connection ends: a caller that was refused must not go on sending. The body is not swallowed, and the reply is not
 * lost either: closing a socket that has unread bytes sends a reset, which may overtake the reply. So the reply goes
 * out whole, a little more is read, and only then is the connection closed.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeStream } from 'node:stream/web';
import type { Reply } from '../reply/make-reply.js';

/** Statuses after which nothing more is taken on the connection. */
const LAST = [401, 413];
/** How long a client that still sends has to read its reply. */
const LINGER_MS = 500;
/** What is read of it meanwhile; then the connection stands still. */
const LINGER_BYTES = 64 * 1_024;
/** How long a client has to take the rest of a stream when the replica stops. */
const LAST_WORDS_MS = 1_000;

export async function sendReply(reply: Reply, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { status, headers, body } = reply;
  if (outgoing.destroyed || outgoing.headersSent) {
    if (typeof body !== 'string') await body.cancel();
    return;
  }
  const sending = !incoming.complete;
  const isLast = sending || LAST.includes(status);
  // HTTP/2 has no such header: there a stream of its own ends.
  outgoing.writeHead(status, isLast && incoming.httpVersionMajor === 1 ? { ...headers, connection: 'close' } : headers);
  if (typeof body === 'string') {
    const text = incoming.method === 'HEAD' ? '' : body;
    if (sending) await endWhileSending(text, incoming, outgoing);
    else outgoing.end(text);
  } else if (incoming.method === 'HEAD') {
    await body.cancel();
    outgoing.end();
  } else {
    await stream(reply.ending, body, outgoing);
  }
}

async function endWhileSending(text: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  outgoing.flushHeaders();
  outgoing.write(text);
  let left = LINGER_BYTES;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, LINGER_MS);
    const over = () => {
      clearTimeout(timer);
      resolve();
    };
    incoming.on('data', (chunk: Uint8Array) => {
      left -= chunk.byteLength;
      if (left <= 0) incoming.pause();
    });
    for (const event of ['end', 'close', 'error']) incoming.once(event, over);
    incoming.resume();
  });
  outgoing.end();
  if (incoming.httpVersionMajor > 1) closeStream(outgoing);
}

/** Node's HTTP/2 responses have the stream beside them. */
function closeStream(outgoing: ServerResponse & { readonly stream?: { close(code: number): void } }): void {
  outgoing.stream?.close(0);
}

async function stream(
  ending: AbortSignal | undefined,
  body: ReadableStream<Uint8Array>,
  outgoing: ServerResponse,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  // A client that reads nothing would hold the server open for ever.
  const end = () => {
    timer = setTimeout(() => outgoing.destroy(), LAST_WORDS_MS);
  };
  ending?.addEventListener('abort', end);
  if (ending?.aborted) end();
  outgoing.flushHeaders();
  // A client that leaves in the middle is no error of ours. Without `fromWeb`, Node 20 would not cancel the source
  // then.
  await pipeline(Readable.fromWeb(body as NodeStream), outgoing).catch(() => {});
  ending?.removeEventListener('abort', end);
  clearTimeout(timer);
}
