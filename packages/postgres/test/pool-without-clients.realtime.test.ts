import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type FaultProxy, startFaultProxy } from '@wa-sync/dev/faults';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore } from '../src/index.js';
import { startPostgres, type TestDatabase, type TestServer } from './start-postgres.js';

const MAX = 4;
const STATEMENT_MS = 400;
/** Calls that find no client, twice as many as the pool has at a time; `ROUNDS=10` is the whole. */
const ROUNDS = Number(process.env.ROUNDS ?? 4);

let server: TestServer;
let database: TestDatabase;
let proxy: FaultProxy;
/** Accepts and never answers. */
let mute: Server;
const muted = new Set<Socket>();
let pool: pg.Pool;
let store: PostgresStore;

beforeAll(async () => {
  server = await startPostgres();
  database = await server.createDatabase();
  proxy = await startFaultProxy({ port: server.port });
  mute = createServer((socket) => {
    muted.add(socket);
    socket.on('error', () => {}).on('close', () => muted.delete(socket));
  }).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  await createPostgresStore({ pool: database.pool }).init();
});
afterAll(async () => {
  await proxy.close();
  mute.close();
  await database.drop();
  await server.stop();
});
beforeEach(async () => {
  proxy.retarget({ port: server.port });
  const { host, port } = proxy;
  const access = { user: 'postgres', password: server.password, database: database.name };
  pool = new pg.Pool({ ...access, host, port, max: MAX });
  pool.on('error', () => {});
  store = createPostgresStore({ pool, timeouts: { statementMs: STATEMENT_MS, lockMs: 100 }, notify: false });
  await store.init();
});
afterEach(async () => {
  await store.close();
  await pool.end();
});

const ask = (ids: readonly string[] = ['a']) => store.sessions.get({ ids });
const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => null,
    (error: { code: string; retryable: boolean; message: string }) => error,
  );

describe('a pool that gives no client', () => {
  it('because all are lent is named with the option to set, and serves again once one is back', async () => {
    const lent = await Promise.all(Array.from({ length: MAX }, () => pool.connect()));
    const failures = await Promise.all(Array.from({ length: 150 }, () => failureOf(ask())));
    for (const failure of failures) expect(failure).toMatchObject({ code: 'store_timeout', retryable: true });
    expect(failures[0]?.message).toMatch(
      /^Postgres at 127\.0\.0\.1:\d+ gave no connection within 400 ms: all 4 of the pool are lent, 150 wait; give it a larger max/,
    );
    // Nobody stands in the queue before the host's own queries.
    expect(pool.waitingCount).toBe(0);
    lent[0]?.release();
    expect(await ask()).toEqual([]);
    for (const client of lent.slice(1)) client.release();
  });

  it('by its own connectionTimeoutMillis is named with the option to set', async () => {
    const lent = await Promise.all(Array.from({ length: MAX }, () => pool.connect()));
    // Only now: the connections above may take longer on a busy machine.
    pool.options.connectionTimeoutMillis = 100;
    const failure = await failureOf(ask());
    for (const client of lent) client.release();
    expect(failure).toMatchObject({ code: 'store_timeout', message: expect.stringMatching(/give it a larger max/) });
  });

  it.each([
    ['new connections alone', false],
    ['those that were open, too', true],
  ])(
    'because the server accepts and never answers is not filled with ours: %s',
    { timeout: 30_000 },
    async (_, open) => {
      if (open) await Promise.all(Array.from({ length: MAX }, () => pool.query('SELECT pg_sleep(0.1)')));
      else await Promise.all(Array.from({ length: MAX }, async () => (await pool.connect()).release(true)));
      proxy.retarget({ port: (mute.address() as AddressInfo).port });
      if (open) proxy.apply({ kind: 'black-hole' });
      for (let round = 0; round < ROUNDS; round += 1) {
        const failures = await Promise.all(Array.from({ length: MAX * 2 }, () => failureOf(ask())));
        for (const failure of failures) expect(failure).toMatchObject({ retryable: true });
        if (!open)
          expect(failures.map((failure) => failure?.message).join()).toMatch(/connectionTimeoutMillis of the pool/);
      }
      proxy.retarget({ port: server.port });
      const backMs = performance.now();
      while ((await failureOf(ask())) !== null) expect(performance.now() - backMs).toBeLessThan(10_000);
      const hosts = await Promise.all(Array.from({ length: MAX * 2 }, () => pool.query('SELECT 1 AS one')));
      expect(hosts).toHaveLength(MAX * 2);
      expect(pool.waitingCount).toBe(0);
      expect(pool.totalCount).toBeLessThanOrEqual(MAX);
      for (const socket of muted) socket.destroy();
    },
  );
});
