import { type StatusChange, sessionIdHash } from '@wa-sync/core';
import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore, prismaWhatsAppSession } from '../src/index.js';
import { countStatements } from './count-statements.js';
import { addHostRows, PRISMA_TABLES } from './host-table.js';
import { startPostgres, type TestDatabase, type TestServer } from './start-postgres.js';

const SESSIONS = 10_000;
const ids = Array.from({ length: SESSIONS }, (_, index) => `session-${index}`);
const expected = { status: 'CONNECTED', health: 'healthy', reason: null } as const;

let server: TestServer;
let database: TestDatabase;
let pool: pg.Pool;
let store: PostgresStore;
let owner: string;
let texts: string[];

beforeAll(async () => {
  // No background writer of WAL may speak while a byte is counted.
  server = await startPostgres(['-c', 'fsync=off', '-c', 'autovacuum=off', '-c', 'checkpoint_timeout=1h']);
  database = await server.createDatabase();
  pool = database.pool;
  await pool.query(PRISMA_TABLES);
  const counted = countStatements(pool);
  texts = counted.texts;
  store = createPostgresStore({ pool: counted.pool, mirror: { sessions: prismaWhatsAppSession() } });
  await store.init();
  owner = await joinReplica(store);
  await addHostRows(pool, ids);
  await holdSessions(store, owner, ids);
  await pool.query('VACUUM ANALYZE');
  await pool.query('CHECKPOINT');
});
afterAll(async () => {
  await database.drop();
  await server.stop();
});

async function walBytes(run: () => Promise<unknown>): Promise<number> {
  const position = async () =>
    Number((await pool.query<{ at: string }>(`SELECT pg_current_wal_insert_lsn() - '0/0' AS at`)).rows[0]?.at);
  const before = await position();
  await run();
  return (await position()) - before;
}

/** A backend reports what it did a moment after it did it: makes each of them report now. */
async function flushCounters(): Promise<void> {
  for (const client of await Promise.all(Array.from({ length: 10 }, () => pool.connect()))) {
    await client.query('SELECT pg_stat_force_next_flush()');
    client.release();
  }
}

/** Every session changes at once. Returns how many rows were updated since, and how many of them on their page. */
async function storm(fields: Partial<StatusChange>): Promise<{ updated: number; hot: number }> {
  const { exceptions } = await store.sessions.sweep({ owner, expected, otherIds: ids });
  await flushCounters();
  await pool.query(`SELECT pg_stat_reset_single_table_counters('wa_sync.session'::regclass)`);
  const writes = exceptions.map((session) => writeOf(session, change(fields)));
  expect((await store.sessions.write({ owner, writes })).every(({ applied }) => applied)).toBe(true);
  await flushCounters();
  const { rows } = await pool.query(
    `SELECT n_tup_upd::int AS updated, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables
     WHERE relid = 'wa_sync.session'::regclass`,
  );
  return rows[0];
}

describe(`with ${SESSIONS} owned sessions and a mirror`, () => {
  it('a sweep in sync is one query, returns no row and writes nothing', async () => {
    const sweep = () => store.sessions.sweep({ owner, expected, otherIds: [] });
    await sweep();
    texts.length = 0;
    let answer: Awaited<ReturnType<typeof sweep>> | null = null;
    const bytes = await walBytes(async () => {
      answer = await sweep();
    });
    expect(texts).toHaveLength(1);
    expect(bytes).toBe(0);
    const idHashSum = ids.reduce((sum, id) => sum + sessionIdHash(id), 0);
    expect(answer).toEqual({ exceptions: [], count: SESSIONS, idHashSum });
  });

  it('a beat is one query and less than a kilobyte of WAL', async () => {
    const beat = () => store.leases.beat(beatOf(owner));
    await beat();
    texts.length = 0;
    expect(await walBytes(beat)).toBeLessThan(1024);
    expect(texts).toHaveLength(1);
  });

  it('one in a hundred changed is one statement, and 2,500 are three', async () => {
    const { exceptions } = await store.sessions.sweep({ owner, expected, otherIds: ids.slice(0, 2_500) });
    expect(exceptions).toHaveLength(2_500);
    texts.length = 0;
    const some = exceptions.slice(0, 100).map((session) => writeOf(session, change({ status: 'RECONNECTING' })));
    expect((await store.sessions.write({ owner, writes: some })).every(({ applied }) => applied)).toBe(true);
    expect(texts).toHaveLength(1);
    texts.length = 0;
    const { exceptions: again } = await store.sessions.sweep({ owner, expected, otherIds: ids.slice(0, 2_500) });
    const all = again.map((session) => writeOf(session, change()));
    expect((await store.sessions.write({ owner, writes: all })).every(({ applied }) => applied)).toBe(true);
    expect(texts).toHaveLength(1 + 3);
  });

  it('status updates here and there are heap-only, every one', async () => {
    const some = ids.filter((_, index) => index % 20 === 0);
    await pool.query('VACUUM wa_sync.session');
    await flushCounters();
    await pool.query(`SELECT pg_stat_reset_single_table_counters('wa_sync.session'::regclass)`);
    for (const status of ['RECONNECTING', 'CONNECTED', 'QR_CODE', 'CONNECTED'] as const) {
      const { exceptions } = await store.sessions.sweep({ owner, expected, otherIds: some });
      const writes = exceptions.map((session) => writeOf(session, change({ status, qr: '2@a-pairing-code' })));
      await store.sessions.write({ owner, writes });
      await pool.query('VACUUM wa_sync.session');
    }
    await flushCounters();
    const { rows } = await pool.query(
      `SELECT n_tup_upd::int AS updated, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables
       WHERE relid = 'wa_sync.session'::regclass`,
    );
    expect(rows[0].updated).toBeGreaterThanOrEqual(2_000);
    expect(rows[0].hot).toBe(rows[0].updated);
  });

  it('a storm in which every session changes at once is heap-only too, and every change is in the history once', async () => {
    await pool.query('VACUUM wa_sync.session');
    const { next } = await store.history.since({ after: null, limit: 1 });
    texts.length = 0;
    // The rows that were just made have less in them than they ever will again.
    expect(await storm({ status: 'RECONNECTING' })).toEqual({ updated: SESSIONS, hot: SESSIONS });
    expect(texts.filter((text) => text.includes('changed AS'))).toHaveLength(SESSIONS / 1_000);
    const { transitions } = await store.history.since({ after: next, limit: 2 * SESSIONS });
    expect(new Set(transitions.map(({ sessionId }) => sessionId)).size).toBe(SESSIONS);
    expect(transitions).toHaveLength(SESSIONS);
  });

  it('storms stay heap-only while rows grow and shrink, by a phone and by a reason with its detail', async () => {
    const reason = { code: 'connection_lost', detail: 'Connection was lost (408): the peer closed the WebSocket' };
    const phone = '5511911110001';
    for (let round = 0; round < 4; round += 1) {
      await pool.query('VACUUM wa_sync.session');
      const fields =
        round % 2 === 0 ? ({} as const) : ({ status: 'RECONNECTING', reason, reconnectAttempt: 1 } as const);
      expect(await storm({ phone, seenAgoMs: 5, ...fields })).toEqual({ updated: SESSIONS, hot: SESSIONS });
    }
  });

  it('no index has a column that changes with the status', async () => {
    const { rows } = await pool.query(
      `SELECT DISTINCT a.attname FROM pg_index i
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
       WHERE i.indrelid = 'wa_sync.session'::regclass ORDER BY 1`,
    );
    expect(rows.map(({ attname }) => attname)).toEqual(['created_at', 'id', 'no', 'owner']);
  });
});
