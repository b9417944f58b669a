import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore } from '../src/index.js';
import { useDatabase } from './use-database.js';

const at = useDatabase({
  // A statistic that autovacuum writes would hold the feed of the history back for a moment.
  flags: ['-c', 'fsync=off', '-c', 'autovacuum=off'],
  prepare: (pool) => createPostgresStore({ pool }).init(),
});
let pool: pg.Pool;
let store: PostgresStore;

beforeEach(async () => {
  pool = at.database.pool;
  store = createPostgresStore({ pool });
  await store.init();
});

const words = async (after: string | null) => {
  const feed = await store.history.since({ after, limit: 1_000 });
  return { ...feed, words: feed.transitions.map(({ sessionId, from, to }) => `${sessionId} ${from}>${to}`) };
};

describe('the history', () => {
  it('records a change that a person makes by hand, and every row of a statement that changes many', async () => {
    await store.sessions.create({ sessions: ['a', 'b', 'c'].map((id) => ({ id, desired: 'running' as const })) });
    const { next } = await store.history.since({ after: null, limit: 1 });
    await pool.query(`UPDATE wa_sync.session SET status = CASE id WHEN 'c' THEN status ELSE 'ERROR' END`);
    expect((await words(next)).words.sort()).toEqual(['a DISCONNECTED>ERROR', 'b DISCONNECTED>ERROR']);
    await pool.query("BEGIN; UPDATE wa_sync.session SET status = 'CONNECTED'; ROLLBACK");
    expect((await words(next)).words).toHaveLength(2);
  });

  it('leaves nothing out when a transaction that began first commits last, and holds back what came between', async () => {
    await store.sessions.create({ sessions: ['a', 'b'].map((id) => ({ id, desired: 'running' as const })) });
    const { next: start } = await store.history.since({ after: null, limit: 1 });
    const slow = await pool.connect();
    await slow.query('BEGIN');
    await slow.query(`UPDATE wa_sync.session SET status = 'ERROR' WHERE id = 'a'`);
    await pool.query(`UPDATE wa_sync.session SET status = 'QR_CODE' WHERE id = 'b'`);
    const between = await words(start);
    expect(between.words).toEqual([]);
    // The history of one session does not wait.
    expect((await store.history.ofSession({ sessionId: 'b', limit: 10 })).map(({ to }) => to)).toEqual(['QR_CODE']);
    await slow.query('COMMIT');
    slow.release();
    expect((await words(between.next)).words.sort()).toEqual(['a DISCONNECTED>ERROR', 'b DISCONNECTED>QR_CODE']);
  });

  it('keeps the order of one row’s changes, whichever transaction began first', async () => {
    await store.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
    const { next: start } = await store.history.since({ after: null, limit: 1 });
    const [early, late] = [await pool.connect(), await pool.connect()];
    await early.query('BEGIN; SELECT pg_current_xact_id()');
    await late.query(`BEGIN; UPDATE wa_sync.session SET status = 'QR_CODE' WHERE id = 'a'`);
    const waiting = early.query(`UPDATE wa_sync.session SET status = 'CONNECTED' WHERE id = 'a'; COMMIT`);
    await late.query('COMMIT');
    await waiting;
    early.release();
    late.release();
    expect((await words(start)).words).toEqual(['a DISCONNECTED>QR_CODE', 'a QR_CODE>CONNECTED']);
    const own = await store.history.ofSession({ sessionId: 'a', limit: 10 });
    expect(own.map(({ to }) => to)).toEqual(['CONNECTED', 'QR_CODE']);
  });

  it('is read whole by pages under many writers, each change once', async () => {
    const owner = await joinReplica(store);
    const ids = Array.from({ length: 24 }, (_, index) => `s${index}`);
    let held = await holdSessions(store, owner, ids);
    let { next } = await store.history.since({ after: null, limit: 1 });
    const read: string[] = [];
    let writing = true;
    const readAll = async () => {
      for (;;) {
        const last = !writing;
        const feed = await store.history.since({ after: next, limit: 7 });
        expect(feed.missed).toBe(false);
        read.push(...feed.transitions.map(({ id }) => id));
        next = feed.next;
        if (last && feed.transitions.length === 0) return;
      }
    };
    const reading = readAll();
    for (let round = 0; round < 20; round += 1) {
      const status = round % 2 === 0 ? 'RECONNECTING' : 'CONNECTED';
      const groups = Array.from({ length: 8 }, (_, group) => held.filter((_, index) => index % 8 === group));
      const written = await Promise.all(
        groups.map((some) =>
          store.sessions.write({ owner, writes: some.map((one) => writeOf(one, change({ status }))) }),
        ),
      );
      held = written.flat().map((outcome) => {
        if (!outcome.applied) throw new Error('the guard was expected to hold');
        return outcome.session;
      });
    }
    writing = false;
    await reading;
    const { rows } = await pool.query(
      `SELECT stamp || '.' || no AS id FROM wa_sync.transition WHERE to_status = 'RECONNECTING' OR from_status = 'RECONNECTING'`,
    );
    expect(rows).toHaveLength(20 * ids.length);
    expect([...read].sort()).toEqual(rows.map(({ id }) => id).sort());
  });

  it('goes with its session, also where a change waits for the deletion or the deletion for a change', async () => {
    await store.sessions.create({ sessions: ['a', 'b'].map((id) => ({ id, desired: 'running' as const })) });
    const changing = await pool.connect();
    await changing.query(`BEGIN; UPDATE wa_sync.session SET status = 'ERROR' WHERE id = 'a'`);
    const removing = store.sessions.remove({ id: 'a' });
    await changing.query(`UPDATE wa_sync.session SET status = 'CONNECTED' WHERE id = 'a'; COMMIT`);
    changing.release();
    expect(await removing).toBe(true);
    await Promise.all([
      pool.query(`UPDATE wa_sync.session SET status = 'ERROR' WHERE id = 'b'`),
      store.sessions.remove({ id: 'b' }),
    ]);
    expect((await pool.query('SELECT 1 FROM wa_sync.transition')).rows).toEqual([]);
  });

  it('of a database that was put back to an earlier day counts every later cursor as missed', async () => {
    const feed = await store.history.since({ after: '900000000000.7', limit: 10 });
    expect(feed).toMatchObject({ transitions: [], missed: true });
    expect((await store.history.since({ after: feed.next, limit: 10 })).missed).toBe(false);
  });
});
