import { startPostgres as startLocal } from '@wa-sync/dev/servers/postgres';
import pg from 'pg';
import { inject } from 'vitest';

/** A database of its own on a running server. */
export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  readonly pool: pg.Pool;
  /** Another pool on the same database. */
  connect(options?: pg.PoolConfig): pg.Pool;
  /** Ends the pools and drops the database. */
  drop(): Promise<void>;
}

/** A real server on loopback. */
export interface TestServer {
  readonly port: number;
  readonly password: string;
  /** Makes a database: a copy of `template`, with the server's zone where no other is given. */
  createDatabase(options?: { template?: string | undefined; timeZone?: string | undefined }): Promise<TestDatabase>;
  /** Ends the server with SIGKILL, as a machine that loses its power; `null` on a server that is not ours. */
  readonly kill: (() => Promise<void>) | null;
  /** Starts it again on the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The Postgres that the files of the project `servers` share; elsewhere one of its own: the one that npm brings, or
 * that of `TEST_POSTGRES_BIN`; about a second. With `TEST_POSTGRES_URL` (of a superuser) the tests run on that server
 * instead, without `flags` and without what would kill it.
 */
export async function startPostgres(flags: readonly string[] = ['-c', 'fsync=off']): Promise<TestServer> {
  const given = process.env.TEST_POSTGRES_URL || inject('postgresUrl');
  if (given) {
    const { hostname, port, username, password } = new URL(given);
    const access = { host: hostname, port: Number(port || 5432), user: username, password };
    return serverAt(access, { kill: null, restart: async () => {}, end: async () => {} });
  }
  const { port, password, kill, restart, stop } = await startLocal(['-c', 'max_connections=200', ...flags]);
  return serverAt({ host: '127.0.0.1', port, user: 'postgres', password }, { kill, restart, end: stop });
}

/** A database that somebody is connected to cannot be copied, and a connection that was ended is there a moment longer. */
async function untilLeft(admin: pg.Pool, name: string): Promise<void> {
  for (const endsAt = performance.now() + 10_000; performance.now() < endsAt; ) {
    const { rows } = await admin.query(`SELECT FROM pg_stat_activity WHERE datname = $1 LIMIT 1`, [name]);
    if (rows.length === 0) return;
  }
}

// Files that share a process share a server too.
let databases = 0;

interface Access {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

function serverAt(
  access: Access,
  { kill, restart, end }: Pick<TestServer, 'kill' | 'restart'> & { end(): Promise<void> },
): TestServer {
  const admin = new pg.Pool({ ...access, database: 'postgres', max: 2 });
  // An unused connection may notice the server's end before the pool has closed it.
  admin.on('error', () => {});
  return {
    port: access.port,
    password: access.password,
    kill,
    restart,
    async createDatabase({ template = 'template1', timeZone } = {}) {
      databases += 1;
      const name = `wa_sync_test_${process.pid}_${databases}`;
      await untilLeft(admin, template);
      await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
      if (timeZone !== undefined) await admin.query(`ALTER DATABASE ${name} SET timezone TO '${timeZone}'`);
      const pools: pg.Pool[] = [];
      const connect = (options: pg.PoolConfig = {}) => {
        const pool = new pg.Pool({ ...access, database: name, ...options });
        pool.on('error', () => {});
        pools.push(pool);
        return pool;
      };
      return {
        name,
        url: `postgres://${access.user}:${access.password}@${access.host}:${access.port}/${name}`,
        pool: connect(),
        connect,
        async drop() {
          await Promise.all(pools.map((pool) => (pool.ended ? undefined : pool.end())));
          await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
        },
      };
    },
    async stop() {
      await admin.end();
      await end();
    },
  };
}
