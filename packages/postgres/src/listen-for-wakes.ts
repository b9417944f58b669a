/**
 * Wake-ups by LISTEN. Owns: at most one client of the caller's pool for as long as somebody listens, and two timers. States: idle, connecting, listening,
 * pausing before another try, off (a pooler between us and the server). Everything works without it, so nothing here ever fails a call.
 */
import type { InboxStore, Logger } from '@wa-sync/core';
import { quoteIdentifier } from './identifiers.js';
import type { PgClientLike, PgPoolLike } from './pg-pool.js';

/** The optional method of an inbox. */
export type Listen = NonNullable<InboxStore['listen']>;

/** What a client of node-postgres has beyond what statements need. */
type ListeningClient = PgClientLike & {
  readonly processID: number;
  on(event: 'notification', listener: (message: { channel: string; payload?: string }) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
};

/** Fewer connections in a pool would leave statements waiting behind the one that listens. */
const FEWEST_CONNECTIONS = 3;
const ANSWER_WITHIN_MS = 5_000;
/** A link that died without a word is noticed by asking. */
const ASK_EVERY_MS = 15_000;
const RETRY_AFTER_MS = 2_000;
/** `pool.end()` waits for every client that was lent. */
const LOOK_FOR_END_EVERY_MS = 200;

type Ending = 'stopped' | 'lost' | 'impossible';

/** Makes the method, or `null` where the pool is no node-postgres pool with room for one more connection. */
export function listenForWakes(params: {
  pool: PgPoolLike;
  channel: string;
  logger: Logger | undefined;
}): Listen | null {
  const { pool, channel, logger } = params;
  const connect = pool.connect?.bind(pool) as (() => Promise<PgClientLike>) | undefined;
  const { options } = pool as { options?: { max?: unknown } };
  if (connect === undefined || typeof options?.max !== 'number' || options.max < FEWEST_CONNECTIONS) return null;
  const lend = connect;

  const wakes = new Set<{ readonly incarnation: string; readonly wake: () => void }>();
  let running: { stop(): void; readonly first: Promise<void> } | null = null;

  function wakeUp(incarnation: string | null): void {
    for (const one of wakes) if (incarnation === null || one.incarnation === incarnation) one.wake();
  }

  function start(): { stop(): void; readonly first: Promise<void> } {
    const stopping = new AbortController();
    const { signal } = stopping;
    let listening = () => {};
    const first = new Promise<void>((resolve) => {
      listening = resolve;
    });
    const keep = async () => {
      while (!signal.aborted) {
        const ending = await listenOnce(signal, listening).catch((): Ending => 'lost');
        listening();
        if (ending === 'impossible') {
          logger?.info(
            { code: 'listen_impossible' },
            'A pooler stands before Postgres: requests wait for the next tick',
          );
          return;
        }
        await pause(RETRY_AFTER_MS, signal);
      }
    };
    void keep();
    return { first, stop: () => stopping.abort() };
  }

  async function listenOnce(signal: AbortSignal, listening: () => void): Promise<Ending> {
    const client = await within(ANSWER_WITHIN_MS, lend(), (late) => late.release());
    if (!isListeningClient(client)) {
      client.release();
      return 'impossible';
    }
    let end: (ending: Ending) => void = () => {};
    const ended = new Promise<Ending>((resolve) => {
      end = resolve;
    });
    const lost = () => end('lost');
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', (message) => {
      if (message.channel === channel) wakeUp(message.payload ?? null);
    });
    const ask = (text: string) => within(ANSWER_WITHIN_MS, client.query({ text }), () => {});
    signal.addEventListener('abort', () => end('stopped'));
    if (signal.aborted) end('stopped');
    const looking = every(LOOK_FOR_END_EVERY_MS, () => {
      if ((pool as { ending?: unknown }).ending === true) end('stopped');
    });
    const asking = every(ASK_EVERY_MS, () => void ask('SELECT 1').catch(lost));
    try {
      const { rows } = await ask('SELECT pg_backend_pid() AS pid');
      // A pooler invents the number that it greets with; what listens behind it is anybody's connection a moment later.
      if (rows[0]?.pid !== client.processID) return 'impossible';
      await ask(`LISTEN ${quoteIdentifier(channel)}`);
      listening();
      // Something may have come while nobody listened.
      wakeUp(null);
      return await ended;
    } finally {
      clearInterval(looking);
      clearInterval(asking);
      // Thrown away: nobody else may be lent a connection that listens.
      client.release(true);
    }
  }

  return async ({ incarnation, wake }) => {
    const one = { incarnation, wake };
    wakes.add(one);
    running ??= start();
    await running.first;
    return () => {
      wakes.delete(one);
      if (wakes.size > 0) return;
      running?.stop();
      running = null;
    };
  };
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

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    timer.unref();
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
    if (signal.aborted) resolve();
  });
}
