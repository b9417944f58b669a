/**
 * Notifications by LISTEN. Owns: at most one connection for as long as somebody listens, and two timers while it does.
 */
import type { Logger } from '@wa-sync/core';
import { keepListening, type Listen, type ListenEnding, type ListenOnce } from '@wa-sync/core/adapter';
import { borrowClient } from '../driver/borrow-client.js';
import type { PgClientLike, PgPoolLike } from '../driver/pg-pool.js';
import { quoteIdentifier } from '../driver/sql-text.js';

/** What a client of node-postgres has beyond what statements need. */
type ListeningClient = PgClientLike & {
  readonly processID: number;
  on(event: 'notification', listener: (message: { channel: string; payload?: string }) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
};

const ANSWER_WITHIN_MS = 5_000;
/** A link that died without a word is noticed by asking. */
const ASK_EVERY_MS = 15_000;
/** `pool.end()` waits for every client that was lent. */
const CHECK_END_EVERY_MS = 200;

/** Makes the method. */
export function listenForNotifications(params: {
  /** Lends the connection. */
  pool: PgPoolLike;
  /** Whether the store was closed, or the caller's pool ended: nobody listens any more. */
  over(): boolean;
  channel: string;
  logger: Logger;
}): Listen {
  const { pool, over, channel, logger } = params;

  async function once({ signal, listening, heard }: ListenOnce): Promise<ListenEnding> {
    const borrowing = borrowClient(pool);
    const client = await within(ANSWER_WITHIN_MS, borrowing.client, (late) => late.release()).finally(() =>
      borrowing.giveUp(ANSWER_WITHIN_MS),
    );
    if (!isListeningClient(client)) {
      client.release();
      return 'impossible';
    }
    let end: (ending: ListenEnding) => void = () => {};
    const ended = new Promise<ListenEnding>((resolve) => {
      end = resolve;
    });
    const lost = () => end('lost');
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', (message) => {
      if (message.channel === channel) heard(message.payload ?? '');
    });
    const ask = (text: string) => within(ANSWER_WITHIN_MS, client.query({ text }), () => {});
    signal.addEventListener('abort', () => end('stopped'));
    if (signal.aborted) end('stopped');
    const checking = every(CHECK_END_EVERY_MS, () => {
      if (over()) end('stopped');
    });
    const asking = every(ASK_EVERY_MS, () => void ask('SELECT 1').catch(lost));
    try {
      const { rows } = await ask('SELECT pg_backend_pid()::text AS pid');
      // A pooler invents the process id that it announces; a connection that listens behind it serves another client a
      // moment later.
      if (rows[0]?.pid !== String(client.processID)) return 'impossible';
      await ask(`LISTEN ${quoteIdentifier(channel)}`);
      listening();
      return await ended;
    } finally {
      clearInterval(checking);
      clearInterval(asking);
      // Thrown away: nobody else may be lent a connection that listens.
      client.release(true);
    }
  }

  const impossible = () =>
    logger.info({ code: 'listen_impossible' }, 'A pooler stands before Postgres: requests wait for the next tick');
  const lost = (err: unknown) =>
    logger.warn({ code: 'listen_lost', err }, 'Listening for notifications failed: requests wait for the next tick');
  return keepListening({ once, impossible, lost }).listen;
}

function isListeningClient(client: PgClientLike): client is ListeningClient {
  return typeof (client as { processID?: unknown }).processID === 'number';
}

/** `late` takes what comes after the time is over. */
function within<T>(limitMs: number, work: Promise<T>, late: (value: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let over = false;
    const timer = setTimeout(() => {
      over = true;
      reject(new Error('no answer in time'));
    }, limitMs);
    timer.unref();
    work.then((value) => (over ? late(value) : resolve(value)), reject).finally(() => clearTimeout(timer));
  });
}

function every(ms: number, run: () => void): NodeJS.Timeout {
  const timer = setInterval(run, ms);
  timer.unref();
  return timer;
}
