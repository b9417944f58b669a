import { change, fenceReplica, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore, prismaWhatsAppSession } from '../src/index.js';
import { addHostRows, PRISMA_TABLES } from './host-table.js';
import { shiftStoreTime } from './store-harness.js';
import { untilWaiting } from './until-waiting.js';
import { useDatabase } from './use-database.js';

const DAY = 24 * 3600_000;
const inactiveForMs = 30 * DAY;
const mirror = { sessions: prismaWhatsAppSession() };

const at = useDatabase({
  prepare: async (pool) => {
    await pool.query(PRISMA_TABLES);
    await createPostgresStore({ pool, mirror }).init();
  },
});
let pool: pg.Pool;
let store: PostgresStore;

beforeEach(async () => {
  pool = at.database.pool;
  store = createPostgresStore({ pool, mirror });
  await store.init();
});

async function create(...ids: string[]): Promise<void> {
  await addHostRows(pool, ids, 'CONNECTED');
  await store.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
}
async function get(id: string) {
  const [session] = await store.sessions.get({ ids: [id] });
  return session;
}
async function hostRow(id: string) {
  const { rows } = await pool.query(`SELECT "status", "active", "error" FROM "WhatsAppSession" WHERE "id" = $1`, [id]);
  return rows[0];
}

describe('cleanup', () => {
  it('deactivates old sessions, here and in the host’s row, and no others', async () => {
    await create('old');
    const owner = await joinReplica(store);
    await holdSessions(store, owner, ['resting'], { status: 'QR_CODE', qr: 'x' });
    await holdSessions(store, owner, ['repairing'], { status: 'RECONNECTING' });
    await holdSessions(store, owner, ['living'], { status: 'CONNECTED' });
    await shiftStoreTime(pool, 31 * DAY);
    await create('new');
    expect(await store.cleanup.census()).toEqual({ total: 5, active: 5 });
    const candidates = await store.cleanup.candidates({
      stage: 'deactivate',
      inactiveForMs,
      restedForMs: 0,
      limit: 10,
    });
    expect(candidates.map(({ id }) => id)).toEqual(['old', 'resting']);
    expect(candidates[0]).toMatchObject({ status: 'DISCONNECTED', aliveAt: expect.any(Date) });
    expect(candidates[0]?.inactiveForMs).toBeGreaterThan(31 * DAY - 1);
    const all = ['old', 'resting', 'repairing', 'living', 'new', 'unknown'];
    expect((await store.cleanup.deactivate({ ids: all, inactiveForMs, restedForMs: 0 })).sort()).toEqual([
      'old',
      'resting',
    ]);
    expect(await hostRow('old')).toEqual({ status: 'DISCONNECTED', active: false, error: 'inactive' });
    expect(await hostRow('new')).toMatchObject({ status: 'CONNECTED', active: true });
    expect(await get('resting')).toMatchObject({
      active: false,
      owner: null,
      status: 'DISCONNECTED',
      reason: { code: 'inactive' },
    });
    expect(await store.cleanup.census()).toEqual({ total: 5, active: 3 });
    expect(await store.cleanup.deactivate({ ids: all, inactiveForMs, restedForMs: 0 })).toEqual([]);
  });

  it('leaves sessions of an owner that suspects its own network', async () => {
    const owner = await joinReplica(store);
    await holdSessions(store, owner, ['a'], { status: 'DISCONNECTED' });
    await shiftStoreTime(pool, 31 * DAY);
    await store.leases.beat(beatOf(owner, { massOutage: true }));
    expect(await store.cleanup.deactivate({ ids: ['a'], inactiveForMs, restedForMs: 0 })).toEqual([]);
    await store.leases.beat(beatOf(owner));
    expect(await store.cleanup.deactivate({ ids: ['a'], inactiveForMs, restedForMs: 0 })).toEqual(['a']);
  });

  it('purges rows and credentials that were marked, and never the host’s row', async () => {
    await create('a', 'b', 'c');
    const entries = [{ type: 'creds', id: 'creds', value: new Uint8Array([1]) }];
    for (const sessionId of ['a', 'b', 'c']) await store.auth.write({ sessionId, tenure: null, entries });
    await shiftStoreTime(pool, 61 * DAY);
    const ids = ['a', 'b', 'c'];
    expect(await store.cleanup.markForPurge({ ids, inactiveForMs, restedForMs: 0 })).toEqual([]);
    await store.cleanup.deactivate({ ids, inactiveForMs, restedForMs: 0 });
    expect(await store.cleanup.markForPurge({ ids, inactiveForMs, restedForMs: 0 })).toEqual(ids);
    expect((await store.auth.read({ sessionId: 'a', type: 'creds', ids: ['creds'] })).size).toBe(0);
    expect((await store.cleanup.marked({ limit: 10 })).map(({ id }) => id)).toEqual(ids);
    expect(await store.cleanup.candidates({ stage: 'purge', inactiveForMs, restedForMs: 0, limit: 10 })).toEqual([]);

    // Two come back before the deletion: one is wanted again, on one WhatsApp is already open.
    expect(await store.sessions.setDesired({ id: 'a', desired: 'running' })).toMatchObject({
      active: true,
      desired: 'running',
    });
    expect(await hostRow('a')).toMatchObject({ active: true });
    const owner = await joinReplica(store);
    const claim = (id: string, mode: 'free' | 'takeover') =>
      store.sessions.claim({ owner, claims: [{ id, tenure: 't', mode }] });
    expect(await claim('b', 'free')).toEqual([{ id: 'b', claimed: false, why: 'inactive' }]);
    expect(await claim('b', 'takeover')).toMatchObject([
      { claimed: true, session: { active: true, desired: 'running' } },
    ]);
    expect(await store.cleanup.purge({ ids })).toEqual(['c']);
    expect((await pool.query('SELECT count(*)::int AS n FROM wa_sync.auth_record')).rows).toEqual([{ n: 2 }]);
    expect(await hostRow('c')).toMatchObject({ active: false });
    expect((await store.sessions.list({ limit: 10 })).map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('F29: never takes one that comes back between read and write, 100 times', async () => {
    const owner = await joinReplica(store);
    const ids = Array.from({ length: 100 }, (_, index) => `s${index}`);
    const held = await holdSessions(store, owner, ids, { status: 'DISCONNECTED' });
    await shiftStoreTime(pool, 31 * DAY);
    const wrong: string[] = [];
    for (const session of held) {
      // Held open by a lock until the cleanup waits for the row, so that each repetition really is the race.
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query('SELECT 1 FROM wa_sync.session WHERE id = $1 FOR UPDATE', [session.id]);
      const cleaning = store.cleanup.deactivate({ ids: [session.id], inactiveForMs, restedForMs: 0 });
      await untilWaiting(pool);
      await client.query(`UPDATE wa_sync.session SET status = 'CONNECTED', version = version + 1 WHERE id = $1`, [
        session.id,
      ]);
      await client.query('COMMIT');
      client.release();
      wrong.push(...(await cleaning));
    }
    expect(wrong).toEqual([]);
    expect(await store.cleanup.census()).toEqual({ total: 100, active: 100 });
  });
});

describe('jobs', () => {
  const slot = new Date('2031-01-01T02:00:00Z');
  const counts = { checked: 3 };

  it('have a last slot from the first read on', async () => {
    const first = await store.jobs.lastSlot({ job: 'cleanup' });
    expect(Math.abs(first.getTime() - Date.now())).toBeLessThan(60_000);
    expect(await store.jobs.lastSlot({ job: 'cleanup' })).toEqual(first);
  });

  it('that were never seen have begun no slot yet', async () => {
    const owner = await joinReplica(store);
    const past = new Date('2001-01-01T02:00:00Z');
    expect(await store.jobs.begin({ runId: '1', job: 'cleanup', slot: past, owner })).toMatchObject({ begun: true });
    expect(await store.jobs.lastSlot({ job: 'cleanup' })).toEqual(past);
    expect(await store.jobs.begin({ runId: '2', job: 'inactivity', slot: null, owner })).toMatchObject({ begun: true });
    const seen = await store.jobs.lastSlot({ job: 'inactivity' });
    expect(Math.abs(seen.getTime() - Date.now())).toBeLessThan(60_000);
  });

  it('begin once a slot, run once at a time, and are remembered', async () => {
    const owner = await joinReplica(store);
    const begin = (runId: string, at: Date | null) => store.jobs.begin({ runId, job: 'cleanup', slot: at, owner });
    const begun = await begin('1', slot);
    expect(begun).toMatchObject({
      begun: true,
      run: { id: '1', job: 'cleanup', slot, owner, outcome: 'running', counts: {} },
    });
    expect(await begin('1', slot)).toEqual(begun);
    expect(await begin('2', new Date(slot.getTime() + DAY))).toMatchObject({
      begun: false,
      why: 'running',
      run: { id: '1' },
    });
    expect(await store.jobs.begin({ runId: 'x', job: 'inactivity', slot: null, owner })).toMatchObject({ begun: true });
    const end = { runId: '1', owner, outcome: 'finished', counts, error: null } as const;
    expect(await store.jobs.end({ ...end, owner: 'another' })).toBe(false);
    expect(await store.jobs.end(end)).toBe(true);
    expect(await store.jobs.end(end)).toBe(true);
    expect(await begin('3', slot)).toMatchObject({
      begun: false,
      why: 'slot_taken',
      run: { id: '1', outcome: 'finished', counts },
    });
    expect(await begin('4', null)).toMatchObject({ begun: true });
    expect(await store.jobs.lastSlot({ job: 'cleanup' })).toEqual(slot);
    expect((await store.jobs.list({ limit: 10 })).map(({ id }) => id)).toEqual(['4', 'x', '1']);
    expect((await store.jobs.list({ job: 'cleanup', before: '4', limit: 10 })).map(({ id }) => id)).toEqual(['1']);
    expect(await store.jobs.get({ runId: '1' })).toMatchObject({ endedAt: expect.any(Date) });
    expect(await store.jobs.get({ runId: 'nope' })).toBeNull();
  });

  it('of an owner whose lease is over are abandoned, and a fenced owner begins none', async () => {
    const [first, second] = [await joinReplica(store), await joinReplica(store)];
    await store.jobs.begin({ runId: '1', job: 'cleanup', slot: null, owner: first });
    await shiftStoreTime(pool, 31_000);
    await store.leases.beat(beatOf(second));
    expect(await store.jobs.begin({ runId: '2', job: 'cleanup', slot: null, owner: second })).toMatchObject({
      begun: true,
    });
    expect(await store.jobs.get({ runId: '1' })).toMatchObject({ outcome: 'abandoned' });
    const end = { runId: '1', owner: first, outcome: 'finished', counts, error: null } as const;
    expect(await store.jobs.end(end)).toBe(false);
    await fenceReplica(store, first);
    const late = await store.jobs.begin({ runId: '3', job: 'inactivity', slot: null, owner: first });
    expect(late).toEqual({ begun: false, why: 'fenced', run: null });
  });
});

describe('a session that was deactivated', () => {
  it('by the host’s own switch is wanted again only by the host or by a start', async () => {
    await create('a');
    await pool.query(`UPDATE "WhatsAppSession" SET "active" = false`);
    expect(await get('a')).toMatchObject({ desired: 'stopped', active: true });
    const owner = await joinReplica(store);
    const [held] = await holdSessions(store, owner, ['a']);
    await store.sessions.write({ owner, writes: [writeOf(held!, change({ status: 'ERROR' }))] });
    expect(await hostRow('a')).toMatchObject({ active: false, status: 'ERROR' });
    expect(await store.sessions.setDesired({ id: 'a', desired: 'running' })).toMatchObject({ desired: 'running' });
    expect(await hostRow('a')).toMatchObject({ active: true });
  });
});
