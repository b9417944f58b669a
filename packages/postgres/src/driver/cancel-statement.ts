import { connect } from 'node:net';
import type { PgClientLike } from './pg-pool.js';

/** Of the protocol: https://www.postgresql.org/docs/current/protocol-message-formats.html, CancelRequest. */
const CANCEL_REQUEST = 80_877_102;
const WITHIN_MS = 1_000;

/** What a client of node-postgres knows of its server. */
type CancellableClient = { processID: number; secretKey: number; host?: string; port?: number };

/**
 * Asks the server to stop what a client waits for. A connection that is only closed leaves a statement behind that
 * waits on for its lock, and one more with every try. Never rejects; settles when the server has heard it, or cannot be
 * reached. The client must not be lent again: what it runs next could be stopped in its place.
 */
export function cancelStatement(client: PgClientLike): Promise<void> {
  if (!isCancellable(client)) return Promise.resolve();
  const { processID, secretKey, host = '', port = 5432 } = client;
  const request = Buffer.alloc(16);
  request.writeInt32BE(request.length, 0);
  request.writeInt32BE(CANCEL_REQUEST, 4);
  request.writeInt32BE(processID, 8);
  request.writeInt32BE(secretKey, 12);
  return new Promise((resolve) => {
    const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
    const end = () => {
      socket.destroy();
      resolve();
    };
    socket.setTimeout(WITHIN_MS, end);
    socket.on('connect', () => socket.write(request));
    // The server closes it once it is done.
    socket.on('error', end).on('close', end).unref();
    socket.resume();
  });
}

function isCancellable(client: unknown): client is CancellableClient {
  const { processID, secretKey } = client as Partial<Record<keyof CancellableClient, unknown>>;
  return Number.isInteger(processID) && Number.isInteger(secretKey);
}
