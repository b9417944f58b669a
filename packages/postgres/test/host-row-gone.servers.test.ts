/** Rows that the host deletes while a replica holds their sessions: real engine, real table, a clock twenty times as fast. */
import { type Clock, createWaSync, silentLogger, systemClock, type WaSync } from '@wa-sync/core';
import { createScriptedProvider } from '@wa-sync/testing';
import type pg from 'pg';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createPostgresStore, type PostgresStore, type SessionsMirror } from '../src/index.js';
import { useDatabase } from './use-database.js';

const FASTER = 20;
const fast: Clock = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() * FASTER,
  schedule: (run, delayMs) => systemClock.schedule(run, delayMs / FASTER),
};

const at = useDatabase({
  prepare: (pool) =>
    pool.query(`CREATE TABLE host (id text PRIMARY KEY, status text, channel text DEFAULT 'whatsapp');
      INSERT INTO host (id) VALUES ('a'), ('b'), ('c'), ('d')`),
});
let pool: pg.Pool;
let store: PostgresStore;
let wa: WaSync;
let provider: ReturnType<typeof createScriptedProvider>;

beforeEach(() => {
  pool = at.database.pool;
});

async function start(fields: Partial<SessionsMirror> = {}): Promise<void> {
  const sessions = { table: 'host', columns: { id: 'id', status: 'status' }, ...fields };
  store = createPostgresStore({ pool, mirror: { sessions } });
  provider = createScriptedProvider({ clock: fast, onOpen: ({ connection }) => connection.script.open() });
  // A third of it is how long a call may take, by the fast clock.
  wa = createWaSync({
    store,
    provider,
    clock: fast,
    lease: { ttlMs: 120_000, tickMs: 5_000 },
    jobs: { sync: false, cleanup: false, inactivity: false },
    logger: silentLogger,
  });
  const { wa: mine, store: its } = { wa, store };
  onTestFinished(async () => {
    await mine.stop();
    await its.close();
  });
  await wa.start();
  for (const id of ['a', 'b', 'c', 'd']) await wa.sessions.ensure({ id });
  await expect.poll(words).toEqual(['CONNECTED', 'CONNECTED', 'CONNECTED', 'CONNECTED']);
}

async function words(): Promise<string[]> {
  const { rows } = await pool.query<{ status: string }>('SELECT status FROM wa_sync.session ORDER BY id');
  return rows.map(({ status }) => status);
}

/** By the fast clock. */
const pass = (ms: number) => new Promise<void>((resolve) => void fast.schedule(resolve, ms));
const desired = async (id: string) => (await wa.sessions.get(id))?.desired;

describe('a host row that is deleted', () => {
  it('is reported by every sync, and the session goes on', async () => {
    await start();
    expect((await wa.syncNow()).totals).toMatchObject({ checked: 4, inSync: 4 });
    await pool.query(`DELETE FROM host WHERE id = 'a'`);
    const { totals, sessions } = await wa.syncNow();
    expect(totals).toMatchObject({ checked: 4, inSync: 3, failed: 1 });
    expect(sessions[0]).toMatchObject({ id: 'a', action: 'failed', reason: 'host_row_missing', actual: 'CONNECTED' });
    expect((await wa.syncNow('a')).sessions).toMatchObject([{ action: 'failed', reason: 'host_row_missing' }]);
    expect((await wa.forceSync()).sessions[0]).toMatchObject({ id: 'a', reason: 'host_row_missing' });
    await pass(40_000);
    expect(await desired('a')).toBe('running');
    await pool.query(`INSERT INTO host (id) VALUES ('a')`);
    expect((await wa.syncNow()).sessions[0]).toMatchObject({ id: 'a', action: 'mirror_repaired' });
    expect((await wa.syncNow()).totals).toMatchObject({ inSync: 4 });
  });

  it('is not there as well where it is another channel’s by now', async () => {
    await start({ where: { channel: 'whatsapp' } });
    await pool.query(`UPDATE host SET channel = 'sms' WHERE id = 'b'`);
    expect((await wa.syncNow('b')).sessions).toMatchObject([{ action: 'failed', reason: 'host_row_missing' }]);
  });

  it('stops its session where the mapping says so, and no other', async () => {
    await start({ whenHostRowIsGone: 'stop' });
    await pool.query(`DELETE FROM host WHERE id = 'a'`);
    await wa.syncNow();
    await expect.poll(words, { timeout: 10_000 }).toEqual(['DISCONNECTED', 'CONNECTED', 'CONNECTED', 'CONNECTED']);
    expect(await wa.sessions.get('a')).toMatchObject({ desired: 'stopped', reason: { code: 'host_row_missing' } });
    expect(provider.latest('a')?.connection.snapshot()).toMatchObject({ status: 'DISCONNECTED' });
    await pass(40_000);
    expect(provider.opened).toHaveLength(4);
  });

  it('goes on where it is back in time, or where the transaction that deletes it is rolled back', async () => {
    await start({ whenHostRowIsGone: 'stop' });
    const client = await pool.connect();
    await client.query(`BEGIN; DELETE FROM host WHERE id = 'c'`);
    await pool.query(`DELETE FROM host WHERE id = 'a'`);
    await wa.syncNow();
    await pass(8_000);
    await pool.query(`INSERT INTO host (id) VALUES ('a')`);
    await pass(40_000);
    await client.query('ROLLBACK');
    client.release();
    expect([await desired('a'), await desired('c')]).toEqual(['running', 'running']);
    expect(await words()).toEqual(['CONNECTED', 'CONNECTED', 'CONNECTED', 'CONNECTED']);
    // Read again at the end of the ten seconds, the row that came back was written.
    const { rows } = await pool.query(`SELECT status FROM host WHERE id = 'a'`);
    expect(rows).toEqual([{ status: 'CONNECTED' }]);
  });

  it('an emptied table stops nothing', async () => {
    await start({ whenHostRowIsGone: 'stop' });
    await pool.query('DELETE FROM host');
    expect((await wa.syncNow()).totals).toMatchObject({ failed: 4 });
    await pass(40_000);
    expect(await words()).toEqual(['CONNECTED', 'CONNECTED', 'CONNECTED', 'CONNECTED']);
    for (const id of ['a', 'b', 'c', 'd']) expect(await desired(id)).toBe('running');
  });
});

it('whenHostRowIsGone takes two words', () => {
  const sessions = { table: 'host', columns: { id: 'id', status: 'status' }, whenHostRowIsGone: 'delete' as never };
  expect(() => createPostgresStore({ pool, mirror: { sessions } })).toThrow(
    'Option mirror.sessions.whenHostRowIsGone takes ',
  );
});
