import { createWaSync, type SessionStatus, type StoredSession, systemClock } from '@wa-sync/core';
import { change, fenceReplica, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { createScriptedConnection } from '@wa-sync/testing';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore, type SessionsMirror, whaticketWhatsapps } from '../src/index.js';
import { untilWaiting } from './until-waiting.js';
import { useDatabase } from './use-database.js';

const ODD = `it's \\ odd`;
const sessions: SessionsMirror = {
  ...whaticketWhatsapps(),
  columns: { ...whaticketWhatsapps().columns, reason: 'why', phone: 'number', lastSeenAt: 'seen' },
  leaveAlone: ['passkey_required', ODD],
};
const at = useDatabase({
  prepare: async (pool) => {
    await pool.query(`CREATE TABLE "Whatsapps" (id serial PRIMARY KEY, name text, qrcode text, status varchar(255), why text,
      number text, seen timestamptz, "updatedAt" timestamptz NOT NULL)`);
    await createPostgresStore({ pool, mirror: { sessions } }).init();
  },
});
const silent = () => {};
const logger = { debug: silent, info: silent, warn: silent, error: silent };
let pool: pg.Pool;
let store: PostgresStore;
let owner: string;

beforeEach(async () => {
  pool = at.database.pool;
  store = createPostgresStore({ pool, mirror: { sessions } });
  store.useLogger({ logger });
  await store.init();
  owner = await joinReplica(store);
  await pool.query(
    `INSERT INTO "Whatsapps" (status, "updatedAt") VALUES ('DISCONNECTED', '2020-01-01'), ('DISCONNECTED', '2020-01-01')`,
  );
});

/** The host's own code waits for a passkey, and keeps its token where the code was. */
const waitForPasskey = (word = 'passkey_required', on: pg.Pool | pg.PoolClient = pool) =>
  on.query(
    `UPDATE "Whatsapps" SET status = $1, qrcode = 'token', why = 'mine', "updatedAt" = '2020-01-01' WHERE id = 1`,
    [word],
  );
async function hostRow() {
  const { rows } = await pool.query(
    `SELECT status, qrcode, why, number, "updatedAt" > '2021-01-01' AS touched FROM "Whatsapps" WHERE id = 1`,
  );
  return rows[0];
}
const LEFT = { status: 'passkey_required', qrcode: 'token', why: 'mine' };
const hold = async (status: SessionStatus): Promise<StoredSession> =>
  (await holdSessions(store, owner, ['1'], { status, qr: status === 'QR_CODE' ? '2@a' : null }))[0]!;
const write = async (session: StoredSession, set: Parameters<typeof writeOf>[1]) => {
  const [outcome] = await store.sessions.write({ owner, writes: [writeOf(session, set)] });
  if (!outcome?.applied) throw new Error('not written');
  return outcome;
};
const get = async () => (await store.sessions.get({ ids: ['1'] }))[0]!;

describe('a word to leave alone', () => {
  const words: [status: SessionStatus, word: string][] = [
    ['CONNECTING', 'passkey_required'],
    ['QR_CODE', 'passkey_required'],
    ['RECONNECTING', 'passkey_required'],
    ['CONNECTED', 'CONNECTED'],
    ['DISCONNECTED', 'DISCONNECTED'],
    ['LOGGED_OUT', 'DISCONNECTED'],
    ['REPLACED', 'DISCONNECTED'],
    ['ERROR', 'DISCONNECTED'],
  ];
  it.each(words)('beside an event of %s: the row says %s', async (status, word) => {
    const held = await hold('CONNECTING');
    await waitForPasskey();
    const set = change({ status, qr: status === 'QR_CODE' ? '2@b' : null, phone: '551199', reason: { code: 'drift' } });
    const { session, mirrorBlocked } = await write(held, set);
    expect(mirrorBlocked).toBeUndefined();
    expect(session).toMatchObject({ status, mirror: { state: 'in_sync', word } });
    expect((await get()).mirror).toEqual(session.mirror);
    const written = { status: word, qrcode: null, why: 'drift' };
    expect(await hostRow()).toEqual({ ...(word === LEFT.status ? LEFT : written), number: '551199', touched: true });
  });

  it('is no exception of a sweep and no other word, whatever is expected', async () => {
    await hold('CONNECTING');
    await waitForPasskey();
    const sweep = async (status: SessionStatus) => {
      const expected = { status, health: 'healthy', reason: null } as const;
      return (await store.sessions.sweep({ owner, expected, otherIds: [] })).exceptions;
    };
    expect(await sweep('CONNECTING')).toEqual([]);
    const inSync = { state: 'in_sync', word: 'passkey_required' };
    expect(await sweep('CONNECTED')).toMatchObject([{ status: 'CONNECTING', mirror: inSync }]);
    expect((await store.sessions.list({ limit: 9 }))[0]?.mirror).toEqual(inSync);
    await write(await get(), change());
    await waitForPasskey();
    const differs = { state: 'differs', word: 'passkey_required' };
    expect(await sweep('CONNECTED')).toMatchObject([{ status: 'CONNECTED', mirror: differs }]);
  });

  it('hides neither a row without a word nor a missing one from a sweep', async () => {
    await holdSessions(store, owner, ['1', '2', 'no row'], { status: 'CONNECTING' });
    await pool.query('UPDATE "Whatsapps" SET status = NULL WHERE id = 1');
    const expected = { status: 'CONNECTING', health: 'healthy', reason: null } as const;
    const { exceptions } = await store.sessions.sweep({ owner, expected, otherIds: [] });
    expect(exceptions.map(({ id, mirror }) => [id, mirror.state])).toEqual([
      ['1', 'differs'],
      ['no row', 'missing'],
    ]);
  });

  it('stays at a repair while a login is under way, and no longer', async () => {
    await hold('QR_CODE');
    await waitForPasskey();
    expect(await write(await get(), null)).not.toHaveProperty('mirrorBlocked');
    expect(await hostRow()).toMatchObject(LEFT);
    await write(await get(), change());
    await waitForPasskey();
    await write(await get(), null);
    expect(await hostRow()).toMatchObject({ status: 'CONNECTED', qrcode: null, why: null });
  });

  it('that comes while a statement of ours waits for the row stays', async () => {
    const held = await hold('CONNECTING');
    const client = await pool.connect();
    await client.query('BEGIN');
    await waitForPasskey(undefined, client);
    const writing = write(held, change({ status: 'QR_CODE', qr: '2@b' }));
    await untilWaiting(pool);
    await client.query('COMMIT');
    client.release();
    expect(await writing).not.toHaveProperty('mirrorBlocked');
    expect(await hostRow()).toMatchObject(LEFT);
  });

  it('goes when the session is released, freed, or closed because nobody holds it', async () => {
    const off = { status: 'DISCONNECTED', qrcode: null };
    await hold('QR_CODE');
    await waitForPasskey();
    await store.sessions.release({ owner, unobservedIds: [], reason: { code: 'shutdown' } });
    expect(await hostRow()).toMatchObject({ ...off, why: 'shutdown' });
    await hold('QR_CODE');
    await waitForPasskey();
    await fenceReplica(store, owner);
    await store.leases.freeFenced({ limit: 9 });
    expect(await hostRow()).toMatchObject({ ...off, why: 'owner_lost' });
    await pool.query(`UPDATE wa_sync.session SET status = 'CONNECTING', evidence = 'unobserved'`);
    await waitForPasskey();
    await store.sessions.closeUnheld!({ graceMs: 0, limit: 9 });
    expect(await hostRow()).toMatchObject({ ...off, why: 'not_held' });
  });

  it('is a word, whatever is in it, and another is overwritten as before', async () => {
    const held = await hold('CONNECTING');
    await waitForPasskey(ODD);
    const { session } = await write(held, change({ status: 'RECONNECTING' }));
    expect(await hostRow()).toMatchObject({ ...LEFT, status: ODD });
    await waitForPasskey('Passkey_required');
    expect((await get()).mirror).toEqual({ state: 'differs', word: 'Passkey_required' });
    await write(session, null);
    expect(await hostRow()).toMatchObject({ status: 'OPENING', qrcode: null });
    await pool.query('UPDATE "Whatsapps" SET status = NULL');
    expect((await get()).mirror).toEqual({ state: 'differs', word: null });
    await write(await get(), null);
    expect(await hostRow()).toMatchObject({ status: 'OPENING' });
  });

  it('is shown by the view until the login is over', async () => {
    await hold('QR_CODE');
    await waitForPasskey();
    await pool.query((await store.hostViewSql()) ?? '');
    const shown = async () =>
      (await pool.query(`SELECT status FROM "WhatsappsEffective" WHERE id = 1`)).rows.map(({ status }) => status);
    expect(await shown()).toEqual(['passkey_required']);
    await pool.query(`UPDATE wa_sync.replica SET beat_at = beat_at - interval '31 seconds'`);
    expect(await shown()).toEqual(['DISCONNECTED']);
  });
});

it('a login with a passkey goes through, and a word of an editor is reported', async () => {
  const wa = createWaSync({ store, logger, jobs: { sync: false, cleanup: false, inactivity: false } });
  const foreign: (string | null)[] = [];
  wa.on('drift:foreign-write', ({ word }) => void foreign.push(word));
  await wa.start();
  try {
    const connection = createScriptedConnection({ sessionId: '1', status: 'QR_CODE', clock: systemClock });
    connection.script.set({ qr: '2@a' });
    await wa.attach(connection).ready;
    expect(await hostRow()).toMatchObject({ status: 'qrcode', qrcode: '2@a' });
    await waitForPasskey();
    const report = await wa.syncNow();
    expect(report.sessions).toMatchObject([{ id: '1', action: 'none', reason: 'in_sync' }]);
    connection.script.set({ status: 'QR_CODE', qr: '2@b' });
    await expect.poll(async () => (await get()).qr).toBe('2@b');
    expect(await hostRow()).toMatchObject(LEFT);
    connection.script.set({ status: 'CONNECTED', qr: null });
    await expect.poll(async () => (await hostRow()).status).toBe('CONNECTED');
    expect(await hostRow()).toMatchObject({ qrcode: null, why: null });
    expect(foreign).toEqual([]);
    await waitForPasskey();
    await wa.syncNow();
    expect(await hostRow()).toMatchObject({ status: 'CONNECTED', qrcode: null });
    connection.script.set({ status: 'CONNECTING' });
    await expect.poll(async () => (await hostRow()).status).toBe('OPENING');
    await waitForPasskey('PAIRING');
    await wa.syncNow();
    expect(await hostRow()).toMatchObject({ status: 'OPENING' });
    expect(foreign).toEqual(['passkey_required', 'PAIRING']);
  } finally {
    await wa.stop();
  }
});

describe('words that do not fit', () => {
  it('are findings of the column', async () => {
    await pool.query(`CREATE TYPE "Word" AS ENUM ('CONNECTING', 'CONNECTED', 'DISCONNECTED', 'QR_CODE', 'ERROR');
      CREATE TABLE numbers (id text PRIMARY KEY, word "Word", short varchar(12))`);
    const problems = async (status: string) => {
      const mapping = { table: 'numbers', columns: { id: 'id', status }, leaveAlone: ['passkey_required'] };
      const findings = await createPostgresStore({ pool, mirror: { sessions: mapping } }).checkMirror();
      return findings.map(({ problem, fix }) => [problem, fix]);
    };
    expect(await problems('word')).toEqual([
      [
        'its enum "Word" has no word passkey_required (for a word to leave alone)',
        'give mirror.sessions.leaveAlone one of CONNECTING, CONNECTED, DISCONNECTED, QR_CODE, ERROR, or add the word to the enum',
      ],
    ]);
    expect(await problems('short')).toEqual([
      [
        'is too short for the word passkey_required (for a word to leave alone)',
        'give mirror.sessions.leaveAlone a shorter word',
      ],
    ]);
  });

  it.each([['OPENING'], ['CONNECTED'], ['qrcode']])('are refused where %s is the word of a status', (word) => {
    const mirror = { sessions: { ...whaticketWhatsapps(), leaveAlone: ['passkey_required', word] } };
    expect(() => createPostgresStore({ pool, mirror })).toThrow(
      expect.objectContaining({
        code: 'config_invalid',
        message: 'Option mirror.sessions.leaveAlone takes words that are no word of a status',
      }),
    );
  });
});
