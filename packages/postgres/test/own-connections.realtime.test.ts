import { createWaSync, isWaSyncError, systemClock, type WaSync } from '@wa-sync/core';
import { type FaultProxy, startFaultProxy } from '@wa-sync/dev/faults';
import { joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import { createScriptedConnection, type ScriptedConnection } from '@wa-sync/testing';
import { beatOf } from '@wa-sync/testing/conformance';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore } from '../src/index.js';
import { startPostgres, type TestDatabase, type TestServer } from './start-postgres.js';

/** `HOLD_SECONDS=600 npx vitest run packages/postgres/test/own-connections` is the whole. */
const HOLD_MS = Number(process.env.HOLD_SECONDS ?? 4) * 1_000;
const lease = { ttlMs: 3_000, tickMs: 400 };
const jobs = { sync: false, cleanup: false, inactivity: false } as const;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let server: TestServer;
let database: TestDatabase;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  database = await server.createDatabase();
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await database.drop();
});

const access = () => ({ user: 'postgres', password: server.password, database: database.name });

/** A pool of the host; the fifth of its connections is not lent in these tests. */
function hostPool(options: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({ host: '127.0.0.1', port: server.port, ...access(), max: 4, ...options });
  pool.on('error', () => {});
  ends.push(() => pool.end());
  return pool;
}

function storeOn(pool: pg.Pool, options: { directUrl?: string } = {}): PostgresStore {
  const store = createPostgresStore({ pool, ...options });
  ends.push(() => store.close());
  return store;
}

/** A replica that holds these sessions, each on a scripted connection. */
async function replica(store: PostgresStore, replicaId: string, ids: readonly string[]) {
  const lost: string[] = [];
  const wa: WaSync = createWaSync({ store, replicaId, lease, jobs, logger: quiet });
  wa.on('lease:lost', ({ why }) => void lost.push(why));
  wa.on('ownership:lost', ({ why }) => void lost.push(why));
  ends.push(() => wa.stop({ timeoutMs: 3_000 }));
  await wa.start();
  const connections = new Map<string, ScriptedConnection>();
  for (const sessionId of ids) {
    const connection = createScriptedConnection({ sessionId, clock: systemClock, hostOwned: true });
    connections.set(sessionId, connection);
    await wa.attach(connection).ready;
  }
  return { wa, lost, connections };
}

const nothing = () => {};
const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing };

async function rowsOf(column = 'status'): Promise<Record<string, string>> {
  const { rows } = await database.pool.query(`SELECT id, ${column} AS said FROM wa_sync.session_status ORDER BY id`);
  return Object.fromEntries(rows.map(({ id, said }) => [id, said]));
}

async function backends(): Promise<number> {
  const { rows } = await database.pool.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  );
  return rows[0]!.n;
}

/** Statements on the server that wait for a lock. */
async function waiting(): Promise<number> {
  const { rows } = await database.pool.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows[0]!.n;
}

describe('beside the pool of the host', () => {
  it(
    'rows are right within a second of each event and nobody is fenced while every client of it is lent',
    async () => {
      const [pool, other] = [hostPool(), hostPool()];
      const one = await replica(storeOn(pool), 'one', ['a', 'b', 'c']);
      const two = await replica(storeOn(other), 'two', ['d']);
      const lent = await Promise.all(Array.from({ length: 4 }, () => pool.connect()));
      const untilMs = performance.now() + HOLD_MS;
      let slowestMs = 0;
      for (let round = 0; performance.now() < untilMs; round += 1) {
        const id = ['a', 'b', 'c'][round % 3]!;
        const [open, word] = round % 6 < 3 ? [false, 'DISCONNECTED'] : [true, 'CONNECTED'];
        const startedMs = performance.now();
        if (open) one.connections.get(id)!.script.open();
        else one.connections.get(id)!.script.close('gone', 'DISCONNECTED');
        await expect.poll(async () => (await rowsOf())[id], { interval: 10, timeout: 5_000 }).toBe(word);
        slowestMs = Math.max(slowestMs, performance.now() - startedMs);
        await pause(100);
      }
      for (const client of lent) client.release();
      expect([...one.lost, ...two.lost]).toEqual([]);
      expect(slowestMs).toBeLessThan(1_000);
    },
    HOLD_MS + 60_000,
  );

  it(
    'LOCK TABLE tells readers that rows are expired, takes no lease, and leaves nobody waiting on the server',
    async () => {
      const one = await replica(storeOn(hostPool()), 'one', ['a', 'b']);
      const two = await replica(storeOn(hostPool()), 'two', ['c']);
      const locker = await database.pool.connect();
      await locker.query('BEGIN');
      await locker.query('LOCK TABLE wa_sync.session IN SHARE MODE');
      one.connections.get('a')!.script.close('gone', 'DISCONNECTED');
      const startedMs = performance.now();
      await expect
        .poll(() => rowsOf('evidence'), { interval: 20, timeout: 10_000 })
        .toEqual({ a: 'expired', b: 'expired', c: 'observed' });
      // A third of the lease, a tick, and what a beat takes.
      expect(performance.now() - startedMs).toBeLessThan(lease.ttlMs / 3 + 2 * lease.tickMs);
      await pause(HOLD_MS);
      const waiting = await database.pool.query(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      expect(waiting.rows[0].n).toBeLessThanOrEqual(2);
      await locker.query('COMMIT');
      locker.release();
      const overMs = performance.now();
      await expect
        .poll(() => rowsOf(), { interval: 20, timeout: 10_000 })
        .toEqual({ a: 'DISCONNECTED', b: 'CONNECTED', c: 'CONNECTED' });
      await expect
        .poll(() => rowsOf('evidence'), { interval: 20, timeout: 10_000 })
        .toEqual({ a: 'observed', b: 'observed', c: 'observed' });
      expect(performance.now() - overMs).toBeLessThan(10_000);
      expect([...one.lost, ...two.lost]).toEqual([]);
    },
    HOLD_MS + 60_000,
  );

  it('a renewal that hangs is sent again over another connection', async () => {
    const proxy: FaultProxy = await startFaultProxy({ port: server.port });
    ends.push(() => proxy.close());
    const store = storeOn(hostPool({ host: proxy.host, port: proxy.port }));
    await store.init();
    const owner = await joinReplica(store);
    const said = { ttlMs: 3_000 };
    await store.leases.beat(beatOf(owner, said));
    proxy.apply({ kind: 'black-hole', direction: 'to-server' });
    const startedMs = performance.now();
    expect(await store.leases.beat(beatOf(owner, said))).toMatchObject({ alive: true });
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThanOrEqual(490);
    expect(tookMs).toBeLessThan(900);
    proxy.heal();
  });

  it('what is given up is stopped on the server', async () => {
    const pool = hostPool();
    const store = createPostgresStore({ pool, timeouts: { statementMs: 300, lockMs: 200 } });
    ends.push(() => store.close());
    await store.init();
    const locker = await database.pool.connect();
    await locker.query('BEGIN');
    await locker.query('LOCK TABLE wa_sync.session');
    for (let tries = 0; tries < 5; tries += 1) {
      const failed = await store.sessions.get({ ids: ['a'] }).catch((error: unknown) => error);
      expect(isWaSyncError(failed) && failed.code).toBe('store_timeout');
    }
    const left = await waiting();
    await locker.query('COMMIT');
    locker.release();
    // The last one may just be on its way.
    expect(left).toBeLessThanOrEqual(1);
    expect(await store.sessions.get({ ids: ['a'] })).toEqual([]);
  });

  it('connections are set up as the host sets up its own, and are gone with the store', async () => {
    const pool = hostPool();
    const set: number[] = [];
    pool.on('connect', (client) => {
      set.push((client as unknown as { processID: number }).processID);
      void client.query(`SET application_name = 'of the host'`);
    });
    const store = createPostgresStore({ pool });
    await store.init();
    const owner = await joinReplica(store);
    const stop = await store.inbox.listen!({ incarnation: owner, notify: nothing });
    await store.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
    await store.sessions.claim({ owner, claims: [{ id: 'a', tenure: 't', mode: 'free' }] });
    const named = async () => {
      const { rows } = await database.pool.query(
        `SELECT pid FROM pg_stat_activity WHERE application_name = 'of the host' ORDER BY pid`,
      );
      return rows.map(({ pid }) => pid);
    };
    // Three beside that of the host: one renews, one writes rows, one listens.
    await expect.poll(named, { timeout: 5_000 }).toEqual([...set].sort((a, b) => a - b));
    expect(set.length).toBeGreaterThanOrEqual(4);
    expect(pool.totalCount).toBeLessThan(set.length);
    stop();
    await store.close();
    await expect.poll(named, { timeout: 5_000 }).toHaveLength(pool.totalCount);
  });

  it.each([
    ['the store is closed while somebody listens', (_: pg.Pool, store: PostgresStore) => store.close()],
    ['the host ends its pool and closes nothing', (pool: pg.Pool) => pool.end()],
  ])('connections are gone where %s', async (_, endIt) => {
    const pool = new pg.Pool({ host: '127.0.0.1', port: server.port, ...access(), max: 4 });
    // pg.Pool's end() settles before the server has closed its side, and the database that goes next says so to both.
    pool.on('error', nothing);
    const store = createPostgresStore({ pool });
    await store.init();
    const owner = await joinReplica(store);
    await store.inbox.listen!({ incarnation: owner, notify: nothing });
    await store.sessions.get({ ids: ['a'] });
    await endIt(pool, store);
    // What is left is the pool's.
    await expect.poll(backends, { interval: 20, timeout: 5_000 }).toBe(pool.ended ? 0 : pool.totalCount);
    if (!pool.ended) await pool.end();
  });

  it.each([
    ['a pool of two', () => hostPool({ max: 2 }), /fewer than 3/],
    ['a pool that does not say what it is', () => masked(hostPool()), /not say what it is/],
  ])('%s is used for all of it, which is said once', async (_, make, why) => {
    const logged: { code: unknown; message: string }[] = [];
    const pool = make();
    const store = storeOn(pool as pg.Pool);
    store.useLogger({
      logger: {
        ...quiet,
        info: (fields: object, message: string) => void logged.push({ ...fields, message } as never),
      },
    });
    await store.init();
    const owner = await joinReplica(store);
    expect(await store.leases.beat(beatOf(owner))).toMatchObject({ alive: true });
    expect(logged.filter(({ code }) => code === 'pool_shared')).toMatchObject([
      { message: expect.stringMatching(why) },
    ]);
    expect(await backends()).toBeLessThanOrEqual(3);
  });

  it('a server that takes no more connections leaves the ones of the pool', async () => {
    const role = `few_${database.name}`;
    await database.pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x' SUPERUSER CONNECTION LIMIT 1`);
    await database.pool.query(`ALTER ROLE ${role} NOSUPERUSER; GRANT CREATE ON DATABASE ${database.name} TO ${role}`);
    const store = storeOn(hostPool({ user: role, password: 'x' }));
    await store.init();
    const owner = await joinReplica(store);
    expect(await store.leases.beat(beatOf(owner))).toMatchObject({ alive: true });
    await store.close();
    await ends.splice(-2)[0]!();
    await database.pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });
});

/** As libraries wrap a pool: it lends and counts, and shows nothing of what it is made of. */
function masked(pool: pg.Pool): object {
  return { query: pool.query.bind(pool), connect: pool.connect.bind(pool), totalCount: 0, options: { max: 4 } };
}
