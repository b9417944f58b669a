import { type NewSession, SESSION_STATUSES, type UnheldSession, type WaSyncStore } from '@wa-sync/core';
import {
  change,
  claim,
  claimableIds,
  create,
  expectWithin,
  hold,
  join,
  RACERS,
  race,
  readOne,
  storeNow,
  tryClaim,
  tryWrite,
} from './arrange.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';

const GRACE_MS = 600_000;

function settle(store: WaSyncStore, limit = 1_000): Promise<UnheldSession[]> {
  if (!store.sessions.closeUnheld) throw new Error('This store cannot end the adoption grace');
  return store.sessions.closeUnheld({ graceMs: GRACE_MS, limit });
}

function add(store: WaSyncStore, ...sessions: (Partial<NewSession> & { id: string })[]): Promise<string[]> {
  return store.sessions.create({ sessions: sessions.map((one) => ({ desired: 'running' as const, ...one })) });
}

/**
 * Declares the tests of rows that an earlier system left behind: `create` with its words, and the end of the adoption
 * grace.
 */
export function describeSessionImport(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe(`${suite.name}: import of sessions`, () => {
    test('keeps what the earlier system said, vouched for by nobody', async ({ store }) => {
      const lastSeenAt = new Date('2024-05-06T07:08:09.123Z');
      const ids = await add(
        store,
        ...SESSION_STATUSES.map((status) => ({ id: status, status, lastSeenAt, phone: '551' })),
      );
      expect([...ids].sort()).toEqual([...SESSION_STATUSES].sort());
      for (const status of SESSION_STATUSES) {
        const row = await readOne(store, status);
        expect(row).toMatchObject({ status, lastSeenAt, phone: '551', evidence: 'unobserved', owner: null, qr: null });
        expect(row).toMatchObject({ effective: { status, evidence: 'unobserved' }, reason: null, health: 'healthy' });
      }
    });

    test('takes a sign of life in the future for now, and none for none', async ({ store }) => {
      const from = await storeNow(store);
      await add(store, { id: 'a', lastSeenAt: new Date('2199-01-01T00:00:00Z') }, { id: 'b', lastSeenAt: null });
      expectWithin((await readOne(store, 'a')).lastSeenAt, from, await storeNow(store));
      expect((await readOne(store, 'b')).lastSeenAt).toBeNull();
    });

    test('leaves a row that is there as it is, and takes the first of two', async ({ store }) => {
      const held = await hold(store, await join(store), 'held');
      expect(await add(store, { id: 'held', status: 'ERROR' }, { id: 'new', status: 'QR_CODE' })).toEqual(['new']);
      expect(await readOne(store, 'held')).toEqual(held);
      expect(await add(store, { id: 'twice', status: 'ERROR' }, { id: 'twice', status: 'CONNECTED' })).toEqual([
        'twice',
      ]);
      expect((await readOne(store, 'twice')).status).toBe('ERROR');
    });

    test('offers to be claimed what should run and is not logged out', async ({ store }) => {
      await add(
        store,
        { id: 'up', status: 'CONNECTED' },
        { id: 'out', status: 'LOGGED_OUT' },
        { id: 'off', desired: 'stopped' },
      );
      expect(await claimableIds(store)).toEqual(['up']);
    });

    test('is no proof of life: neither a release nor a lost owner makes one of it', async ({ store }) => {
      const lastSeenAt = new Date('2024-05-06T07:08:09.000Z');
      await add(store, { id: 'a', status: 'CONNECTED', lastSeenAt });
      const owner = await join(store);
      await claim(store, owner, 'a');
      await store.sessions.release({ owner, unobservedIds: [], reason: { code: 'shutdown' } });
      expect(await readOne(store, 'a')).toMatchObject({ status: 'DISCONNECTED', lastSeenAt });
    });

    test('ends after the grace as DISCONNECTED, not a moment earlier; LOGGED_OUT stays', async ({ store, advance }) => {
      const lastSeenAt = new Date('2024-05-06T07:08:09.000Z');
      await add(store, ...SESSION_STATUSES.map((status) => ({ id: status, status, lastSeenAt })));
      await advance(GRACE_MS - 5_000);
      expect(await settle(store)).toEqual([]);
      await advance(6_000);
      const before = await readOne(store, 'CONNECTED');
      const settled = await settle(store);
      const expected = SESSION_STATUSES.filter((status) => !['DISCONNECTED', 'LOGGED_OUT'].includes(status));
      expect([...settled].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
        [...expected].sort().map((status) => ({ id: status, from: status })),
      );
      const after = await readOne(store, 'CONNECTED');
      expect(after).toMatchObject({
        status: 'DISCONNECTED',
        evidence: 'unobserved',
        reason: { code: 'not_held' },
        lastSeenAt,
        version: before.version + 1,
      });
      expect(after.statusChangedAt.getTime()).toBeGreaterThan(before.statusChangedAt.getTime());
      expect((await readOne(store, 'LOGGED_OUT')).status).toBe('LOGGED_OUT');
      expect(await settle(store)).toEqual([]);
      expect(await claimableIds(store)).not.toContain('LOGGED_OUT');
    });

    test('ends for nobody who holds, held or was only just made', async ({ store, advance }) => {
      const owner = await join(store);
      await add(store, { id: 'claimed', status: 'CONNECTED' }, { id: 'observed', status: 'CONNECTED' });
      await claim(store, owner, 'claimed');
      const observed = await claim(store, owner, 'observed');
      await tryWrite(store, observed, change({ status: 'RECONNECTING' }));
      await create(store, 'plain');
      await advance(GRACE_MS + 60_000);
      await add(store, { id: 'young', status: 'CONNECTED' });
      const ids = ['claimed', 'observed', 'plain', 'young'];
      const before = await Promise.all(ids.map((id) => readOne(store, id)));
      expect(await settle(store)).toEqual([]);
      expect(await Promise.all(ids.map((id) => readOne(store, id)))).toEqual(before);
    });

    test('ends up to the limit, and goes on where it is called again', async ({ store, advance }) => {
      const sessions = Array.from({ length: 25 }, (_, index) => ({ id: `s${index}`, status: 'CONNECTED' as const }));
      await add(store, ...sessions);
      await advance(GRACE_MS + 1_000);
      const seen: string[] = [];
      for (const count of [10, 10, 5, 0]) {
        const settled = await settle(store, 10);
        expect(settled).toHaveLength(count);
        seen.push(...settled.map(({ id }) => id));
      }
      expect(seen.sort()).toEqual(sessions.map(({ id }) => id).sort());
    });

    test(`ends against ${RACERS} claims each or leaves it whole, and is reported once by ${RACERS}`, async (harness) => {
      const { store, advance } = harness;
      const ids = Array.from({ length: RACERS }, (_, index) => `s${index}`);
      await add(store, ...ids.map((id) => ({ id, status: 'CONNECTED' as const })));
      await advance(GRACE_MS + 1_000);
      const owner = await join(store);
      const clients = await clientsOf(harness, RACERS);
      const [settled] = await Promise.all([
        race(clients, (client) => settle(client, 2)),
        race(ids, (id, index) => tryClaim(clients[index] ?? store, owner, id, 'free')),
      ]);
      const reported = settled.flat().map(({ id }) => id);
      expect(new Set(reported).size).toBe(reported.length);
      for (const id of ids) {
        const row = await readOne(store, id);
        expect(row).toMatchObject({ owner, status: reported.includes(id) ? 'DISCONNECTED' : 'CONNECTED' });
      }
    });
  });
}
