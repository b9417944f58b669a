import { createWaSync, type StoredSession, systemClock } from '@wa-sync/core';
import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { createScriptedConnection } from '@wa-sync/testing';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore } from '../src/index.js';
import { useDatabase } from './use-database.js';

const at = useDatabase();
const ids = Array.from({ length: 50 }, (_, index) => `s${String(index).padStart(2, '0')}`);
const LOCKED = 's07';
/** A write takes some 2 ms; one that waits for the lock takes a second. */
const AT_ONCE_MS = 500;

let store: PostgresStore;
let other: pg.PoolClient;

beforeEach(async () => {
  store = createPostgresStore({ pool: at.database.connect({ max: 5 }) });
  await store.init();
  other = await at.database.pool.connect();
});
afterEach(async () => {
  await other.query('ROLLBACK');
  other.release();
  await store.close();
});

const lock = (strength: string) =>
  other.query(`BEGIN; SELECT FROM wa_sync.session WHERE id = '${LOCKED}' FOR ${strength}`);

describe('a row that somebody has locked', () => {
  let owner: string;
  let rows: StoredSession[];

  beforeEach(async () => {
    owner = await joinReplica(store);
    rows = await holdSessions(store, owner, ids);
  });

  const writesOf = (some: readonly StoredSession[]) =>
    some.map((row) => writeOf(row, change({ status: 'RECONNECTING' })));

  async function timedWrite(some: readonly StoredSession[]) {
    const startedMs = performance.now();
    const outcomes = await store.sessions.write({ owner, writes: writesOf(some) });
    return { outcomes, tookMs: performance.now() - startedMs };
  }

  it.each(['UPDATE', 'SHARE'])(
    'FOR %s delays none of its batch, and is written once the lock is over',
    async (strength) => {
      await lock(strength);
      const { outcomes, tookMs } = await timedWrite(rows);
      expect(tookMs).toBeLessThan(AT_ONCE_MS);
      expect(outcomes.filter(({ applied }) => !applied)).toEqual([{ id: LOCKED, applied: false, locked: true }]);
      const [row] = await store.sessions.get({ ids: [LOCKED] });
      const alone = await timedWrite([row!]);
      expect(alone.outcomes).toEqual([{ id: LOCKED, applied: false, locked: true }]);
      expect(alone.tookMs).toBeLessThan(AT_ONCE_MS);
      await other.query('COMMIT');
      const after = await store.sessions.write({ owner, writes: writesOf([row!]) });
      expect(after).toMatchObject([{ id: LOCKED, applied: true, session: { status: 'RECONNECTING' } }]);
    },
  );

  it('by a foreign key that points at it is written', async () => {
    await lock('KEY SHARE');
    expect((await timedWrite(rows)).outcomes.filter(({ applied }) => !applied)).toEqual([]);
  });

  it('and was changed under the lock is another writer’s, under a guard that is over', async () => {
    await lock('UPDATE');
    await other.query(`UPDATE wa_sync.session SET version = version + 1 WHERE id = '${LOCKED}'`);
    const locked = rows.filter(({ id }) => id === LOCKED);
    expect((await timedWrite(locked)).outcomes).toEqual([{ id: LOCKED, applied: false, locked: true }]);
    await other.query('COMMIT');
    expect((await timedWrite(locked)).outcomes).toEqual([{ id: LOCKED, applied: false }]);
  });
});

describe('a free row that somebody has locked', () => {
  it.each(['UPDATE', 'SHARE'])(
    'FOR %s delays no claim of its batch, and is claimed once the lock is over',
    async (strength) => {
      const owner = await joinReplica(store);
      await store.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
      await lock(strength);
      const claims = [...ids, 'none'].map((id) => ({ id, tenure: `tenure of ${id}`, mode: 'free' as const }));
      const startedMs = performance.now();
      const outcomes = await store.sessions.claim({ owner, claims });
      expect(performance.now() - startedMs).toBeLessThan(AT_ONCE_MS);
      expect(outcomes.filter(({ claimed }) => !claimed)).toEqual([
        { id: LOCKED, claimed: false, why: 'locked' },
        { id: 'none', claimed: false, why: 'missing' },
      ]);
      await other.query('COMMIT');
      expect(await store.sessions.claim({ owner, claims: claims.filter(({ id }) => id === LOCKED) })).toMatchObject([
        { id: LOCKED, claimed: true, session: { tenure: `tenure of ${LOCKED}` } },
      ]);
    },
  );
});

describe('connections of which one has its row locked', () => {
  it('write the others at once, and the locked one right after the lock, however long it was', async () => {
    const said: unknown[] = [];
    const say = (fields: Readonly<Record<string, unknown>>) => void said.push(fields);
    const wa = createWaSync({
      store,
      jobs: { sync: false, cleanup: false, inactivity: false },
      logger: { debug() {}, info() {}, warn: say, error: say },
    });
    await wa.start();
    const connections = ids.map((sessionId) =>
      createScriptedConnection({ sessionId, clock: systemClock, hostOwned: true }),
    );
    await Promise.all(connections.map((connection) => wa.attach(connection).ready));
    const wrong = async (status: string) =>
      (await store.sessions.list({ limit: 100 })).filter((row) => row.status !== status).map(({ id }) => id);
    const afterMs = async (status: string, left: readonly string[]) => {
      const startedMs = performance.now();
      await expect.poll(() => wrong(status), { interval: 5, timeout: 5_000 }).toEqual(left);
      return performance.now() - startedMs;
    };
    await lock('UPDATE');
    for (const { script } of connections) script.close('connection_lost');
    expect(await afterMs('RECONNECTING', [LOCKED])).toBeLessThan(AT_ONCE_MS);
    // A later event is not behind the locked row either.
    for (const { script } of connections) script.close('gone', 'DISCONNECTED');
    expect(await afterMs('DISCONNECTED', [LOCKED])).toBeLessThan(AT_ONCE_MS);
    await other.query('COMMIT');
    expect(await afterMs('DISCONNECTED', [])).toBeLessThan(1_000);
    await wa.stop();
    expect(said).toEqual([]);
  });
});
