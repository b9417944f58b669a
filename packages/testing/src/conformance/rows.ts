import {
  claim,
  claimableIds,
  create,
  expectWithin,
  hold,
  join,
  named,
  RACERS,
  race,
  readOne,
  storeNow,
  tryWrite,
  write,
} from './arrange.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';
import { STRANGE_IDS } from './strange-ids.js';

/** Adding, reading and removing rows, and what the host wants of them. */
export function describeRows(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('rows', () => {
    test('start DISCONNECTED, unobserved, active and nobody’s', async ({ store }) => {
      const from = await storeNow(store);
      const sessions = [
        { id: 'a', desired: 'running', phone: '5511999990000' },
        { id: 'b', desired: 'stopped' },
      ] as const;
      expect((await store.sessions.create({ sessions })).sort()).toEqual(['a', 'b']);
      const row = await readOne(store, 'a');
      expect(row).toEqual({
        id: 'a',
        status: 'DISCONNECTED',
        health: 'healthy',
        reason: null,
        reconnectAttempt: 0,
        phone: '5511999990000',
        qr: null,
        evidence: 'unobserved',
        desired: 'running',
        active: true,
        owner: null,
        tenure: null,
        version: expect.any(Number),
        writeId: null,
        statusChangedAt: expect.any(Date),
        lastSeenAt: null,
        createdAt: expect.any(Date),
        effective: { status: 'DISCONNECTED', evidence: 'unobserved' },
        mirror: row.mirror,
      });
      const until = await storeNow(store);
      expectWithin(row.createdAt, from, until);
      expectWithin(row.statusChangedAt, from, until);
      expect(await readOne(store, 'b')).toMatchObject({ desired: 'stopped', phone: null });
    });

    test('created again are left as they are and not answered as new', async ({ store }) => {
      const held = await hold(store, await join(store), 'a');
      const sessions = [
        { id: 'b', desired: 'running' },
        { id: 'a', desired: 'stopped', phone: '1' },
        { id: 'b', desired: 'running' },
      ] as const;
      expect(await store.sessions.create({ sessions })).toEqual(['b']);
      expect(await readOne(store, 'a')).toEqual(held);
      expect(await store.sessions.create({ sessions: [] })).toEqual([]);
    });

    test(`of one id created by ${RACERS} at once are new to one of them`, async (harness) => {
      const { store } = harness;
      const sessions = [{ id: 'a', desired: 'running' as const }];
      const answers = await race(await clientsOf(harness, RACERS), (client) => client.sessions.create({ sessions }));
      expect(answers.flat()).toEqual(['a']);
      expect(await store.sessions.list({ limit: 10 })).toHaveLength(1);
    });

    test('without a row are left out of a reading', async ({ store }) => {
      await create(store, 'a', 'b');
      expect(await store.sessions.get({ ids: [] })).toEqual([]);
      const rows = await store.sessions.get({ ids: ['unknown', 'b', 'a'] });
      expect(rows.map(({ id }) => id).sort()).toEqual(['a', 'b']);
    });

    test('are copies: what a caller does to one reaches nobody else', async ({ store }) => {
      const owner = await join(store);
      const reason = { code: 'slow', detail: 'a' };
      const held = await hold(store, owner, 'a', { health: 'degraded', reason, seenAgoMs: 0 });
      const before = structuredClone(held);
      held.statusChangedAt.setTime(0);
      held.createdAt.setTime(0);
      held.lastSeenAt?.setTime(0);
      reason.detail = 'b';
      expect(await readOne(store, 'a')).toEqual(before);
    });

    test('have what the host wants', async ({ store }) => {
      const owner = await join(store);
      const held = await hold(store, owner, 'a');
      const stopped = await store.sessions.setDesired({ id: 'a', desired: 'stopped' });
      expect(stopped).toEqual({ ...held, desired: 'stopped', version: held.version + 1 });
      expect(await readOne(store, 'a')).toEqual(stopped);
      expect(await store.sessions.setDesired({ id: 'unknown', desired: 'running' })).toBeNull();
      expect(await store.sessions.get({ ids: ['unknown'] })).toEqual([]);
    });

    test('have the last of many desired states that were set at once', async ({ store }) => {
      await create(store, 'a');
      for (let round = 0; round < 20; round += 1) {
        const last = round % 2 === 0 ? 'running' : 'stopped';
        const first = last === 'running' ? 'stopped' : 'running';
        const wanted = Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? first : last));
        await Promise.all(wanted.map((desired) => store.sessions.setDesired({ id: 'a', desired })));
        expect(await readOne(store, 'a')).toMatchObject({ desired: last });
      }
    });

    test('removed are gone, held or not', async ({ store }) => {
      const owner = await join(store);
      const held = await hold(store, owner, 'a');
      await create(store, 'b');
      expect(await store.sessions.remove({ id: 'a' })).toBe(true);
      expect(await store.sessions.remove({ id: 'a' })).toBe(false);
      expect(await store.sessions.remove({ id: 'b' })).toBe(true);
      expect(await store.sessions.list({ limit: 10 })).toEqual([]);
      expect(await claimableIds(store)).toEqual([]);
      await create(store, 'a');
      expect(await tryWrite(store, { ...held, version: (await readOne(store, 'a')).version }, null)).toMatchObject({
        applied: false,
      });
    });

    test('take any session id, and keep all of them apart', async ({ store }) => {
      const owner = await join(store);
      const sessions = STRANGE_IDS.map((id) => ({ id, desired: 'running' as const }));
      expect(new Set(await store.sessions.create({ sessions }))).toEqual(new Set(STRANGE_IDS));
      for (const [index, id] of STRANGE_IDS.entries()) {
        const held = await write(store, await claim(store, owner, id), { reconnectAttempt: index });
        expect(held.id).toBe(id);
      }
      const rows = await store.sessions.get({ ids: STRANGE_IDS });
      const attempts = new Map(rows.map((row) => [row.id, row.reconnectAttempt]));
      expect([...STRANGE_IDS].map((id) => attempts.get(id))).toEqual(STRANGE_IDS.map((_, index) => index));
      const some = STRANGE_IDS.filter((_, index) => index % 2 === 0);
      const released = await store.sessions.release({
        owner,
        sessions: await named(store, ...some),
        unobservedIds: some,
        reason: { code: 'x' },
      });
      expect(new Set(released)).toEqual(new Set(some));
      for (const id of some) expect(await store.sessions.remove({ id })).toBe(true);
      expect(await store.sessions.list({ limit: 1000, owner })).toHaveLength(STRANGE_IDS.length - some.length);
    });

    test('take any text in a reason, a phone and a pairing code', async ({ store }) => {
      const owner = await join(store);
      const reason = { code: 'x'.repeat(64), detail: `'"\\$1 {"a":[1]} 😀 ${'long '.repeat(400)}\n\t` };
      const held = await hold(store, owner, 'a', {
        status: 'QR_CODE',
        reason,
        qr: '2@a+/=,b"\\',
        phone: '0'.repeat(20),
      });
      expect(await readOne(store, 'a')).toEqual(held);
      expect(held).toMatchObject({ reason, qr: '2@a+/=,b"\\' });
    });
  });
}
