/** What one statement returns. */
export interface PgRows {
  readonly rows: readonly Record<string, unknown>[];
}

/** One statement in node-postgres' shape; `name` makes it a prepared one. */
export interface PgQueryConfig {
  text: string;
  values?: unknown[];
  name?: string;
  /** Parsers of this query's columns, in place of those that the host has set. */
  types?: { getTypeParser(): (value: unknown) => string };
}

/** A client that a pool lends. */
export interface PgClientLike {
  query(config: PgQueryConfig): Promise<PgRows>;
  /** An argument makes the pool throw the client away. */
  release(error?: Error | boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
}

/**
 * The part of a `pg.Pool` that is used; a `PGlite` instance fits as well (it has no `connect`). The pool stays the
 * caller's: it is never closed.
 */
export interface PgPoolLike {
  query(text: string, values?: unknown[]): Promise<PgRows>;
  connect?(): Promise<PgClientLike>;
  on?(event: 'error', listener: (error: Error) => void): unknown;
  on?(event: 'acquire', listener: (client: PgClientLike) => void): unknown;
  removeListener?(event: 'error', listener: (error: Error) => void): unknown;
  removeListener?(event: 'acquire', listener: (client: PgClientLike) => void): unknown;
}

const watched = new WeakSet<PgClientLike>();

/** One listener for each client, however many stores share a pool one after the other. */
function watch(client: PgClientLike): void {
  if (watched.has(client)) return;
  watched.add(client);
  client.on('error', () => {});
}

/**
 * Lets no broken connection end the process: a pool without an `error` listener does when an unused one breaks, a
 * client when it breaks between the moment at which the pool lends it and the one at which the borrower gets it, as
 * where a server that goes down says so right behind its last answer. Returns a function that ends it.
 */
export function surviveBrokenClients(pool: PgPoolLike): () => void {
  // Its own: two stores on one pool each take away what they added.
  const ignore = () => {};
  pool.on?.('error', ignore);
  pool.on?.('acquire', watch);
  return () => {
    pool.removeListener?.('error', ignore);
    pool.removeListener?.('acquire', watch);
  };
}

/** Where a pool connects to, as far as it shows; never a password. */
export function poolTarget(pool: PgPoolLike): string | null {
  const options = (pool as { options?: unknown }).options;
  if (typeof options !== 'object' || options === null) return null;
  const { host, port, connectionString } = options as Record<string, unknown>;
  if (typeof host === 'string') return `${host}:${typeof port === 'number' ? port : 5432}`;
  if (typeof connectionString !== 'string' || !URL.canParse(connectionString)) return null;
  const url = new URL(connectionString);
  return url.hostname === '' ? null : `${url.hostname}:${url.port === '' ? 5432 : url.port}`;
}
