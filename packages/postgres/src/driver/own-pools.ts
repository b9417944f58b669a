/**
 * Connections beside the caller's pool, made as its own are: the lease and the rows of sessions must not wait behind
 * the caller's queries, nor behind a flood of questions to us. Owns: two small pools of the caller's own class, and
 * nothing else; a pool that cannot be copied, or that is too small to be meant for more, is used as it is.
 */
import type { Logger } from '@wa-sync/core';
import { type PgClientLike, type PgPoolLike, surviveBrokenClients } from './pg-pool.js';
import { sqlState } from './translate-error.js';

/** A pool that small is meant to be all that this process has: pools of one or two are how hosts count connections. */
const FEWEST_CONNECTIONS = 3;
/** One beat hangs and the other goes round it. */
const BEATS_AT_ONCE = 2;
/** One writes, and one frees, claims or releases beside it. */
const ROWS_AT_ONCE = 2;
const CONNECT_WITHIN_MS = 3_000;
const IDLE_MS = 60_000;
/** What is still under way when the store is closed is not waited for longer. */
const END_WITHIN_MS = 1_000;

/** Where the statements of a store run. */
export interface OwnPools {
  /** Renewals of leases. */
  readonly beats: PgPoolLike;
  /** What writes rows of sessions. */
  readonly rows: PgPoolLike;
  /** Lends one connection for as long as somebody listens; `null` where there is none to spare. */
  readonly listening: PgPoolLike | null;
  /** Why the caller's pool is used for all of it; `null` where it is not. */
  readonly shared: string | null;
  /** Connects, so that the first renewal need not. Never rejects. */
  warm(): Promise<void>;
  /** Ends what was made here. */
  end(): Promise<void>;
}

/** What a `pg.Pool` has beyond what statements need. */
interface CopyablePool extends PgPoolLike {
  readonly options: Readonly<Record<string, unknown>> & { readonly max: number };
  readonly Client: unknown;
  connect(): Promise<PgClientLike>;
  listeners?(event: 'connect'): ((client: unknown) => void)[];
  on?(event: 'error' | 'acquire' | 'remove', listener: (value: never) => void): unknown;
  removeListener?(event: 'error' | 'acquire' | 'remove', listener: (value: never) => void): unknown;
}

type MadePool = PgPoolLike & {
  connect(): Promise<PgClientLike>;
  on(event: 'connect', listener: (client: unknown) => void): unknown;
  end(): Promise<void>;
};

/** Makes the pools. `directUrl` leads them past a pooler. */
export function createOwnPools(params: { pool: PgPoolLike; directUrl: string | undefined }): OwnPools {
  const { pool, directUrl } = params;
  const sharedBecause = (why: string): OwnPools => {
    const listening = isLarge(pool) ? pool : null;
    return { beats: pool, rows: pool, listening, shared: why, warm: async () => {}, end: async () => {} };
  };
  if (pool.connect === undefined) return sharedBecause('PGlite has one connection');
  if (!isLarge(pool)) return sharedBecause(`it has fewer than ${FEWEST_CONNECTIONS} connections`);
  if (!isCopyable(pool)) return sharedBecause('it does not say what it is made of');
  const host = pool;
  const made: MadePool[] = [];
  let ending: Promise<void> | null = null;

  function end(): Promise<void> {
    host.removeListener?.('remove', endWithHost);
    const ended = Promise.all(made.map((own) => own.end().catch(() => {})));
    const late = new Promise<void>((resolve) => void setTimeout(resolve, END_WITHIN_MS).unref());
    ending ??= Promise.race([ended.then(() => {}), late]);
    return ending;
  }

  /** A caller that ends its pool and never closes the store is left with no connection either. */
  function endWithHost(): void {
    if ((host as { ending?: unknown }).ending === true) void end();
  }
  host.on?.('remove', endWithHost);

  function make(max: number): PgPoolLike {
    // Not enumerable where it was given, so that it is not logged.
    const { password } = host.options;
    const way = directUrl === undefined ? {} : { connectionString: directUrl };
    const own = new (host.constructor as new (options: object) => MadePool)({
      ...host.options,
      ...(password === undefined ? {} : { password }),
      ...way,
      Client: host.Client,
      max,
      min: 0,
      connectionTimeoutMillis: CONNECT_WITHIN_MS,
      idleTimeoutMillis: IDLE_MS,
      // They end with the process, also where nobody closes the store.
      allowExitOnIdle: true,
    });
    surviveBrokenClients(own);
    // What the caller does to each new connection, such as SET ROLE, is meant for all of them.
    own.on('connect', (client) => {
      for (const listener of host.listeners?.('connect') ?? []) listener.call(own, client);
    });
    made.push(own);
    const lending = {
      // What errors say of where it leads.
      options: directUrl === undefined ? host.options : way,
      query: (text: string, values?: unknown[]) => own.query(text, values),
      async connect() {
        try {
          return await own.connect();
        } catch (error) {
          // The server answered that it takes no more connections, or not these: the caller's may stand. Where nothing
          // answers, its pool must not be filled with our waiting.
          if (sqlState(error) === null) throw error;
          return host.connect();
        }
      },
    };
    return lending;
  }

  try {
    return {
      beats: make(BEATS_AT_ONCE),
      rows: make(ROWS_AT_ONCE),
      listening: make(1),
      shared: null,
      async warm() {
        const [beats, rows] = made;
        await Promise.all([beats, rows].map((own) => own?.query('SELECT 1').catch(() => {})));
      },
      end,
    };
  } catch {
    return sharedBecause('another cannot be made like it');
  }
}

/** Said once: what a caller may want to change. */
export function sayShared(logger: Logger | undefined, shared: string | null): void {
  if (shared === null) return;
  const text = `The pool is used for renewals and rows as well, because ${shared}: keep long queries off it`;
  logger?.info({ code: 'pool_shared' }, text);
}

function isLarge(pool: PgPoolLike): boolean {
  const max = (pool as { options?: { max?: unknown } }).options?.max;
  return typeof max === 'number' && max >= FEWEST_CONNECTIONS;
}

function isCopyable(pool: PgPoolLike): pool is CopyablePool {
  return typeof (pool as { Client?: unknown }).Client === 'function' && typeof pool.constructor === 'function';
}
