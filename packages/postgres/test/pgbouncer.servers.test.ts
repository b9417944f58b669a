import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore, prismaWhatsAppSession } from '../src/index.js';
import { addHostRows, hostWords, PRISMA_TABLES } from './host-table.js';
import { pgbouncerIsThere, startPgbouncer } from './start-pgbouncer.js';
import { startPostgres, type TestDatabase, type TestServer } from './start-postgres.js';

describe.skipIf(!pgbouncerIsThere())('behind PgBouncer in transaction mode', () => {
  let server: TestServer;
  let database: TestDatabase;
  let bouncer: Awaited<ReturnType<typeof startPgbouncer>>;
  let pools: pg.Pool[];
  let stores: PostgresStore[];
  const mirror = { sessions: prismaWhatsAppSession() };
  const ids = Array.from({ length: 64 }, (_, index) => `s${index}`);

  beforeAll(async () => {
    server = await startPostgres();
    database = await server.createDatabase();
    await database.pool.query(PRISMA_TABLES);
    await addHostRows(database.pool, ids);
    bouncer = await startPgbouncer({ port: server.port, password: server.password, database: database.name });
    pools = [0, 1].map(() => {
      const pool = new pg.Pool({ host: '127.0.0.1', port: bouncer.port, database: 'test', user: 'x', max: 16 });
      return pool.on('error', () => {});
    });
    stores = pools.map((pool) => createPostgresStore({ pool, mirror }));
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await Promise.all(pools.map((pool) => pool.end()));
    await bouncer.stop();
    await database.drop();
    await server.stop();
  });

  it('two processes migrate once, and all calls work on whatever connection they get', async () => {
    const [first, second] = stores as [PostgresStore, PostgresStore];
    await Promise.all(stores.map((store) => store.init()));
    const owner = await joinReplica(first);
    let held = await holdSessions(first, owner, ids);
    for (let round = 0; round < 12; round += 1) {
      const status = round % 2 === 0 ? 'RECONNECTING' : 'CONNECTED';
      const outcomes = await Promise.all(
        held.map((session, index) =>
          (index % 2 === 0 ? first : second).sessions.write({ owner, writes: [writeOf(session, change({ status }))] }),
        ),
      );
      held = outcomes.map(([outcome]) => {
        if (!outcome?.applied) throw new Error('the guard was expected to hold');
        expect(outcome.mirrorBlocked).toBeUndefined();
        return outcome.session;
      });
    }
    const words = await hostWords(database.pool);
    expect(new Set(ids.map((id) => words[id]))).toEqual(new Set(['CONNECTED']));
    const expected = { status: 'CONNECTED', health: 'healthy', reason: null } as const;
    expect(await second.sessions.sweep({ owner, expected, otherIds: [] })).toMatchObject({
      count: ids.length,
      exceptions: [],
    });
    const value = new Uint8Array([1, 2, 3]);
    await Promise.all(
      ids.map((sessionId) =>
        second.auth.write({ sessionId, tenure: null, entries: [{ type: 'creds', id: 'creds', value }] }),
      ),
    );
    expect((await first.auth.read({ sessionId: 's7', type: 'creds', ids: ['creds'] })).get('creds')).toEqual(value);
  });

  it('renewals go past it where directUrl leads, while every connection of the pooler is taken', async () => {
    const [pool] = pools as [pg.Pool];
    const directUrl = `postgres://postgres:${server.password}@127.0.0.1:${server.port}/${database.name}`;
    const direct = createPostgresStore({ pool, directUrl, notify: false });
    const behind = createPostgresStore({ pool, notify: false, timeouts: { statementMs: 1_000 } });
    const owner = await joinReplica(direct);
    const other = await joinReplica(behind);
    const lent = await Promise.all(Array.from({ length: 12 }, () => pool.connect()));
    // More transactions than the pooler has connections: some of them wait themselves.
    const begun = lent.map((client) => client.query('BEGIN').catch(() => {}));
    await Promise.race(begun);
    await expect.poll(() => direct.leases.beat(beatOf(owner)), { timeout: 5_000 }).toMatchObject({ alive: true });
    const waited = await behind.leases.beat(beatOf(other)).catch((error: { code: string }) => error.code);
    expect(waited).toMatch(/^store_/);
    for (const client of lent) void client.query('ROLLBACK').catch(() => {});
    await Promise.all(begun);
    for (const client of lent) client.release(true);
    await Promise.all([direct.close(), behind.close()]);
  });

  it('leave no lock limit on the connections of others', async () => {
    const [pool] = pools as [pg.Pool];
    const limits = await Promise.all(Array.from({ length: 12 }, () => pool.query('SHOW lock_timeout')));
    expect(new Set(limits.map(({ rows }) => rows[0].lock_timeout))).toEqual(new Set(['0']));
  });
});
