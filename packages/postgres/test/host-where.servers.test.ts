import {
  change,
  fenceReplica,
  heldUnder,
  holdSessions,
  joinReplica,
  writeOf,
} from '@wa-sync/dev/fixtures/hold-sessions';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore, prismaWhatsAppSession } from '../src/index.js';
import { addHostRows, hostWords, PRISMA_TABLES } from './host-table.js';
import { shiftStoreTime } from './store-harness.js';
import { untilWaiting } from './until-waiting.js';
import { useDatabase } from './use-database.js';

const DAY = 24 * 3600_000;
const mirror = { sessions: { ...prismaWhatsAppSession(), where: { channel: ['whatsapp', 'beta'] } } };
/** What the tests themselves change of a row is neither. */
const WRITTEN_BY_US = `new."updatedAt" <> old."updatedAt" OR new."active" AND NOT old."active"`;
const at = useDatabase({
  prepare: async (pool) => {
    await pool.query(`${PRISMA_TABLES} ALTER TABLE "WhatsAppSession" ADD "channel" text DEFAULT 'whatsapp';
      DROP TRIGGER audit_session ON "WhatsAppSession";
      CREATE TRIGGER audit_session AFTER UPDATE ON "WhatsAppSession" FOR EACH ROW
        WHEN (${WRITTEN_BY_US}) EXECUTE FUNCTION audit_session()`);
    await createPostgresStore({ pool, mirror }).init();
  },
});
let pool: pg.Pool;
let store: PostgresStore;
let owner: string;

beforeEach(async () => {
  pool = at.database.pool;
  store = createPostgresStore({ pool, mirror });
  await store.init();
  owner = await joinReplica(store);
  await addHostRows(pool, ['beta', 'in', 'null', 'out'], 'ERROR');
  await setChannel('beta', 'beta');
  await setChannel('null', null);
  await setChannel('out', 'mail');
});

// Whatever was done to it: a trigger of the host saw no write of ours to a row that is not ours.
afterEach(async () => {
  const { rows } = await pool.query(
    `SELECT DISTINCT "sessionId" AS id FROM "Audit" WHERE "sessionId" IN ('out', 'null')`,
  );
  expect(rows).toEqual([]);
});

async function setChannel(id: string, channel: string | null): Promise<void> {
  await pool.query(`UPDATE "WhatsAppSession" SET "channel" = $2 WHERE "id" = $1`, [id, channel]);
}

const ALL = ['beta', 'in', 'null', 'out'];
const OTHERS = { null: 'ERROR', out: 'ERROR' };
const hold = (fields: Parameters<typeof change>[0] = {}) => holdSessions(store, owner, ALL, fields);
const states = async () =>
  Object.fromEntries((await store.sessions.get({ ids: ALL })).map(({ id, mirror }) => [id, mirror]));
const sweep = () =>
  store.sessions.sweep({ owner, expected: { status: 'CONNECTED', health: 'healthy', reason: null }, otherIds: [] });

describe('a row that does not fit where', () => {
  it('is neither written nor read, and counts as missing', async () => {
    await hold();
    expect(await hostWords(pool)).toEqual({ beta: 'CONNECTED', in: 'CONNECTED', ...OTHERS });
    const missing = { state: 'missing', word: null };
    const inSync = { state: 'in_sync', word: 'CONNECTED' };
    expect(await states()).toEqual({ beta: inSync, in: inSync, null: missing, out: missing });
    const listed = await store.sessions.list({ limit: 10 });
    expect(listed.map(({ mirror }) => mirror.state)).toEqual(['in_sync', 'in_sync', 'missing', 'missing']);
  });

  it('is no other word to a sweep, and a repair leaves it alone', async () => {
    await hold();
    await pool.query(`UPDATE "WhatsAppSession" SET "status" = 'QR_CODE' WHERE "id" = 'in'`);
    const { exceptions } = await sweep();
    expect(exceptions.map(({ id, mirror }) => [id, mirror.state, mirror.word])).toEqual([
      ['in', 'differs', 'QR_CODE'],
      ['null', 'missing', null],
      ['out', 'missing', null],
    ]);
    const outcomes = await store.sessions.write({ owner, writes: exceptions.map((row) => writeOf(row, null)) });
    expect(outcomes.map((outcome) => outcome.applied && outcome.mirrorBlocked)).toEqual([
      undefined,
      'missing',
      'missing',
    ]);
    expect(await hostWords(pool)).toEqual({ beta: 'CONNECTED', in: 'CONNECTED', ...OTHERS });
  });

  it('is left by a release', async () => {
    await hold();
    const sessions = await heldUnder(store, ALL);
    const released = await store.sessions.release({ owner, sessions, unobservedIds: [], reason: { code: 'shutdown' } });
    expect(released.sort()).toEqual(ALL);
    expect(await hostWords(pool)).toEqual({ beta: 'DISCONNECTED', in: 'DISCONNECTED', ...OTHERS });
  });

  it('is left when its owner is gone', async () => {
    await hold();
    await fenceReplica(store, owner);
    expect((await store.leases.freeFenced({ limit: 10 })).sort()).toEqual(ALL);
    expect(await hostWords(pool)).toEqual({ beta: 'DISCONNECTED', in: 'DISCONNECTED', ...OTHERS });
  });

  it('neither makes an unheld session one to close, nor is written where it is closed', async () => {
    const status = { out: 'CONNECTED', in: 'DISCONNECTED', null: 'DISCONNECTED' } as const;
    const sessions = Object.entries(status).map(([id, status]) => ({ id, desired: 'running' as const, status }));
    await store.sessions.create({ sessions });
    // Ours says DISCONNECTED and the host ERROR, in a row that is ours and in one that is not.
    const closed = await store.sessions.closeUnheld!({ graceMs: 0, limit: 10 });
    expect(closed.map(({ id }) => id).sort()).toEqual(['in', 'out']);
    expect(await hostWords(pool)).toEqual({ beta: 'ERROR', in: 'DISCONNECTED', ...OTHERS });
  });

  it('is neither switched off by the cleanup nor on by a start', async () => {
    await hold({ status: 'DISCONNECTED' });
    await shiftStoreTime(pool, 31 * DAY);
    expect((await store.cleanup.deactivate({ ids: ALL, inactiveForMs: 30 * DAY, restedForMs: 0 })).sort()).toEqual(ALL);
    const off = async () =>
      (await pool.query(`SELECT "id" FROM "WhatsAppSession" WHERE NOT "active" ORDER BY "id"`)).rows.map(
        ({ id }) => id,
      );
    expect(await off()).toEqual(['beta', 'in']);
    await pool.query(`UPDATE "WhatsAppSession" SET "active" = false`);
    for (const id of ALL) await store.sessions.setDesired({ id, desired: 'running' });
    expect(await off()).toEqual(['null', 'out']);
    const next = await joinReplica(store);
    await pool.query(`UPDATE wa_sync.session SET active = false`);
    await store.sessions.claim({
      owner: next,
      claims: ALL.map((id) => ({ id, tenure: id, mode: 'takeover' as const })),
    });
    expect(await off()).toEqual(['null', 'out']);
  });

  it('stops no session by its own active', async () => {
    await store.sessions.create({ sessions: ALL.map((id) => ({ id, desired: 'running' as const })) });
    await pool.query(`UPDATE "WhatsAppSession" SET "active" = false`);
    expect((await store.sessions.claimable({ limit: 10 })).ids).toEqual(['null', 'out']);
    const wanted = (await store.sessions.list({ limit: 10 })).map(({ desired }) => desired);
    expect(wanted).toEqual(['stopped', 'stopped', 'running', 'running']);
  });

  it('is shown as it is by the view', async () => {
    await hold();
    await pool.query((await store.hostViewSql()) ?? '');
    const { rows } = await pool.query(`SELECT "id", "status"::text, "waSyncEvidence" AS evidence
      FROM "WhatsAppSessionEffective" ORDER BY "id"`);
    expect(rows).toEqual([
      { id: 'beta', status: 'CONNECTED', evidence: 'observed' },
      { id: 'in', status: 'CONNECTED', evidence: 'observed' },
      { id: 'null', status: 'ERROR', evidence: null },
      { id: 'out', status: 'ERROR', evidence: null },
    ]);
  });
});

describe('a row that stops to fit', () => {
  it('between two statements is written no more, and is again once it fits', async () => {
    const held = await hold();
    await setChannel('in', 'mail');
    const written = await store.sessions.write({
      owner,
      writes: held.map((session) => writeOf(session, change({ status: 'RECONNECTING' }))),
    });
    expect(written.map((outcome) => outcome.applied && outcome.session.mirror.state)).toEqual([
      'in_sync',
      'missing',
      'missing',
      'missing',
    ]);
    expect(await hostWords(pool)).toEqual({ beta: 'CONNECTING', in: 'CONNECTED', ...OTHERS });
    await setChannel('in', 'beta');
    expect((await states()).in).toEqual({ state: 'differs', word: 'CONNECTED' });
    await store.sessions.release({ owner, unobservedIds: [], reason: { code: 'shutdown' } });
    expect(await hostWords(pool)).toEqual({ beta: 'DISCONNECTED', in: 'DISCONNECTED', ...OTHERS });
  });

  it('while a statement of ours waits for its lock is not written', async () => {
    const held = await hold();
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query(`UPDATE "WhatsAppSession" SET "channel" = 'mail', "status" = 'QR_CODE' WHERE "id" = 'in'`);
    const writing = store.sessions.write({
      owner,
      writes: held.map((session) => writeOf(session, change({ status: 'RECONNECTING' }))),
    });
    await untilWaiting(pool);
    await client.query('COMMIT');
    client.release();
    const outcomes = await writing;
    expect(outcomes.map((outcome) => outcome.applied && outcome.mirrorBlocked)).toEqual([
      undefined,
      'missing',
      'missing',
      'missing',
    ]);
    expect(await hostWords(pool)).toEqual({ beta: 'CONNECTING', in: 'QR_CODE', ...OTHERS });
    expect((await states()).in).toEqual({ state: 'missing', word: null });
  });

  it('while a cleanup waits for its lock is not switched off', async () => {
    await hold({ status: 'DISCONNECTED' });
    await shiftStoreTime(pool, 31 * DAY);
    const client = await pool.connect();
    await client.query('BEGIN');
    // A cleanup waits for rows of ours: the host's row has moved when it comes to that.
    await client.query(`SELECT FROM wa_sync.session WHERE id = 'in' FOR UPDATE`);
    const cleaning = store.cleanup.deactivate({ ids: ALL, inactiveForMs: 30 * DAY, restedForMs: 0 });
    await untilWaiting(pool);
    await setChannel('in', 'mail');
    await client.query('COMMIT');
    client.release();
    await cleaning;
    const { rows } = await pool.query(`SELECT "active" FROM "WhatsAppSession" WHERE "id" = 'in'`);
    expect(rows).toEqual([{ active: true }]);
  });
});
