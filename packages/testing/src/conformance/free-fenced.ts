import { SESSION_STATUSES } from '@wa-sync/core';
import {
  alive,
  change,
  claim,
  claimableIds,
  create,
  expectWithin,
  fence,
  freeAll,
  heartbeatOf,
  hold,
  holdAll,
  join,
  RACERS,
  race,
  readOne,
  storeNow,
  TTL_MS,
  token,
  tryClaim,
  tryWrite,
} from './arrange.js';
import { beatOf } from './beat-of.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';

/** The sessions of ended leases are written as owned by nobody. */
export function describeFreeFenced(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('freeFenced', () => {
    test('writes DISCONNECTED, expired, owner_lost, and leaves the row to nobody', async ({ store }) => {
      const owner = await join(store);
      const held = await hold(store, owner, 'a', {
        health: 'degraded',
        reason: { code: 'slow', detail: 'very' },
        reconnectAttempt: 2,
        phone: '5511999990000',
      });
      await fence(store, owner);
      const { beatAt } = (await heartbeatOf(store, owner)) ?? {};
      expect(await store.leases.freeFenced({ limit: 10 })).toEqual(['a']);
      expect(await readOne(store, 'a')).toEqual({
        ...held,
        status: 'DISCONNECTED',
        health: 'healthy',
        reconnectAttempt: 0,
        reason: { code: 'owner_lost' },
        evidence: 'expired',
        owner: null,
        tenure: null,
        version: held.version + 1,
        writeId: expect.toSatisfy((writeId) => writeId === null || writeId === held.writeId),
        statusChangedAt: expect.any(Date),
        lastSeenAt: beatAt,
        effective: { status: 'DISCONNECTED', evidence: 'expired' },
      });
      expect(await store.leases.freeFenced({ limit: 10 })).toEqual([]);
    });

    test('treats every status so, but keeps LOGGED_OUT with its reason', async ({ store, advance }) => {
      const owner = await join(store);
      const reason = { code: 'as_it_was' };
      for (const status of SESSION_STATUSES) {
        await hold(store, owner, status, {
          status,
          reason,
          qr: 'qr',
          seenAgoMs: status === 'CONNECTED' ? null : 60_000,
        });
      }
      await advance(2_000);
      const before = new Map((await store.sessions.list({ limit: 10 })).map((row) => [row.id, row]));
      const { beatAt } = (await heartbeatOf(store, owner)) ?? {};
      await fence(store, owner);
      const from = await storeNow(store);
      expect(await freeAll(store)).toEqual([...SESSION_STATUSES].sort());
      const until = await storeNow(store);
      for (const status of SESSION_STATUSES) {
        const stays = status === 'LOGGED_OUT';
        const changed = !stays && status !== 'DISCONNECTED';
        const row = await readOne(store, status);
        expect(row).toMatchObject({
          status: stays ? 'LOGGED_OUT' : 'DISCONNECTED',
          reason: stays ? reason : { code: 'owner_lost' },
          evidence: 'expired',
          owner: null,
          tenure: null,
          qr: null,
          lastSeenAt: status === 'CONNECTED' ? beatAt : before.get(status)?.lastSeenAt,
        });
        if (changed) expectWithin(row.statusChangedAt, from, until);
        else expect(row.statusChangedAt).toEqual(before.get(status)?.statusChangedAt);
      }
    });

    test('leaves alone what stands: living owners, expired ones that nobody fenced, free rows', async (harness) => {
      const { store, advance } = harness;
      const [expired, fenced] = [await join(store, 'expired'), await join(store, 'fenced')];
      await hold(store, expired, 'expired');
      await hold(store, fenced, 'fenced');
      await create(store, 'free');
      await advance(TTL_MS + 1_000);
      const living = await join(store, 'living');
      await hold(store, living, 'living');
      await fence(store, fenced);
      const rows = ['expired', 'free', 'living'];
      const before = await Promise.all(rows.map((id) => readOne(store, id)));
      expect(await freeAll(store)).toEqual(['fenced']);
      expect(await Promise.all(rows.map((id) => readOne(store, id)))).toEqual(before);
    });

    test('frees up to the limit and goes on where it is called again', async ({ store, advance }) => {
      const first = await join(store);
      await advance(2_000);
      const second = await join(store);
      const ids = Array.from({ length: 25 }, (_, index) => `s${String(index).padStart(2, '0')}`);
      await holdAll(store, first, ids.slice(0, 15));
      await holdAll(store, second, ids.slice(15));
      await fence(store, first);
      await fence(store, second);
      const [firstBeat, secondBeat] = [await heartbeatOf(store, first), await heartbeatOf(store, second)];
      expect(await store.leases.freeFenced({ limit: 10 })).toHaveLength(10);
      expect(await claimableIds(store)).toHaveLength(10);
      expect(await freeAll(store, 10)).toHaveLength(15);
      expect(await claimableIds(store)).toEqual(ids);
      // The heartbeat stands until the last session of its owner was freed with it.
      const seen = (await store.sessions.list({ limit: 100 })).map(({ lastSeenAt }) => lastSeenAt);
      expect(seen).toEqual(ids.map((_, index) => (index < 15 ? firstBeat : secondBeat)?.beatAt));
    });

    test('deletes a fenced heartbeat once it owns nothing, and no other', async ({ store }) => {
      const [busy, empty, living] = [
        await join(store, 'busy'),
        await join(store, 'empty'),
        await join(store, 'living'),
      ];
      await holdAll(store, busy, ['a', 'b']);
      await fence(store, busy);
      await fence(store, empty);
      await freeAll(store, 1);
      expect(await heartbeatOf(store, busy)).toBeUndefined();
      expect(await heartbeatOf(store, empty)).toBeUndefined();
      expect(await heartbeatOf(store, living)).toMatchObject({ fenced: false });
      expect(await store.leases.beat(beatOf(busy))).toEqual({ alive: false });
    });

    test('ends writes and the release of the old owner', async ({ store }) => {
      const owner = await join(store);
      const held = await hold(store, owner, 'a');
      await fence(store, owner);
      await freeAll(store);
      const row = await readOne(store, 'a');
      expect(await tryWrite(store, { ...held, version: row.version }, change())).toEqual({ id: 'a', applied: false });
      expect(await store.sessions.release({ owner, unobservedIds: [], reason: { code: 'shutdown' } })).toEqual([]);
      expect(await readOne(store, 'a')).toEqual(row);
      const next = await join(store, 'next');
      expect(await claim(store, next, 'a')).toMatchObject({ owner: next, status: 'DISCONNECTED', evidence: 'expired' });
    });

    test(`by ${RACERS} at once frees each session once`, async (harness) => {
      const { store } = harness;
      const owner = await join(store);
      const ids = Array.from({ length: 200 }, (_, index) => `s${index}`);
      const held = await holdAll(store, owner, ids);
      await fence(store, owner);
      const freed = await race(await clientsOf(harness, RACERS), async (client) => {
        const mine: string[] = [];
        for (;;) {
          const some = await client.leases.freeFenced({ limit: 20 });
          if (some.length === 0) return mine;
          mine.push(...some);
        }
      });
      // One that found the rows of another locked may have stopped early.
      freed.push(await freeAll(store));
      expect(freed.flat().sort()).toEqual([...ids].sort());
      const versions = new Map(held.map(({ id, version }) => [id, version]));
      for (const row of await store.sessions.list({ limit: 1000 })) {
        expect(row).toMatchObject({ owner: null, version: (versions.get(row.id) ?? 0) + 1 });
      }
    });

    test(`against a take-over, ${RACERS} times: the taker keeps the session`, async (harness) => {
      const { store } = harness;
      const taker = await join(store, 'taker');
      const [freer = store, client = store] = await clientsOf(harness, 2);
      const ids = Array.from({ length: RACERS }, (_, round) => `s${round}`);
      const owner = await join(store);
      await holdAll(store, owner, ids);
      await fence(store, owner);
      const takeAll = () => race(ids, (id) => tryClaim(client, taker, id, 'takeover'));
      const [outcomes] = await Promise.all([
        takeAll(),
        freer.leases.freeFenced({ limit: 5 }),
        freer.leases.freeFenced({ limit: 5 }),
      ]);
      for (const outcome of outcomes) expect(outcome).toMatchObject({ claimed: true });
      expect(await freeAll(store)).toEqual([]);
      for (const row of await store.sessions.get({ ids })) expect(row.owner).toBe(taker);
    });
  });

  describe('leave', () => {
    test('deletes the heartbeat, and may be called again', async ({ store }) => {
      const owner = await join(store);
      await hold(store, owner, 'a');
      await store.sessions.release({ owner, unobservedIds: [], reason: { code: 'shutdown' } });
      await store.leases.leave({ incarnation: owner });
      await store.leases.leave({ incarnation: owner });
      await store.leases.leave({ incarnation: token('incarnation') });
      expect(await heartbeatOf(store, owner)).toBeUndefined();
      expect(await readOne(store, 'a')).toMatchObject({ reason: { code: 'shutdown' }, evidence: 'observed' });
    });

    test('of one that still holds sessions ends its lease, so that they are free at once', async ({ store }) => {
      const owner = await join(store);
      await hold(store, owner, 'a');
      await store.leases.leave({ incarnation: owner });
      await store.leases.leave({ incarnation: owner });
      expect(await heartbeatOf(store, owner)).toMatchObject({ fenced: true });
      expect(await freeAll(store)).toEqual(['a']);
      await freeAll(store);
      expect(await heartbeatOf(store, owner)).toBeUndefined();
    });
  });

  describe('addUnknown', () => {
    test('adds nothing where every owner has a heartbeat', async ({ store }) => {
      const [owner, fenced] = [await join(store), await join(store)];
      await hold(store, owner, 'a');
      await hold(store, fenced, 'b');
      await create(store, 'c');
      await fence(store, fenced);
      expect(await store.leases.addUnknown({ ttlMs: TTL_MS })).toBe(0);
    });

    test('adds a heartbeat that stands still and is stuck, once, for each owner without one', async (harness, leaveOut) => {
      const { store, deleteHeartbeat } = harness;
      if (deleteHeartbeat === undefined) return leaveOut('a heartbeat of it cannot be deleted by hand');
      const [living, dead] = [await join(store, 'living'), await join(store, 'dead')];
      await hold(store, living, 'a');
      const held = await hold(store, dead, 'b');
      for (const owner of [living, dead]) await deleteHeartbeat(owner);
      expect(await freeAll(store)).toEqual([]);
      expect(await store.leases.addUnknown({ ttlMs: TTL_MS })).toBe(2);
      expect(await store.leases.addUnknown({ ttlMs: TTL_MS })).toBe(0);
      for (const owner of [living, dead]) {
        expect(await heartbeatOf(store, owner)).toMatchObject({ replicaId: 'unknown', stuck: true, ttlMs: TTL_MS });
      }
      expect(await freeAll(store)).toEqual([]);
      expect(await store.leases.beat(beatOf(living, { replicaId: 'living' }))).toMatchObject({ alive: true });
      expect(await heartbeatOf(store, living)).toMatchObject({ replicaId: 'living', stuck: false, fenced: false });
      expect((await readOne(store, 'a')).effective).toEqual({ status: 'CONNECTED', evidence: 'observed' });
      await fence(store, dead);
      expect(await freeAll(store)).toEqual(['b']);
      const row = await readOne(store, 'b');
      expect(row).toMatchObject({ status: 'DISCONNECTED', evidence: 'expired', owner: null, tenure: null });
      // Nothing is known of its last beat; none at all would make the session seem as old as its row.
      expectWithin(row.lastSeenAt, held.statusChangedAt.getTime(), await storeNow(store));
    });

    test('is not needed by an owner that lives: its next beat goes on', async (harness, leaveOut) => {
      const { store, deleteHeartbeat } = harness;
      if (deleteHeartbeat === undefined) return leaveOut('a heartbeat of it cannot be deleted by hand');
      const owner = await join(store);
      const held = await hold(store, owner, 'a');
      await deleteHeartbeat(owner);
      const answer = alive(await store.leases.beat(beatOf(owner)));
      expect(answer.joined).toBe(answer.number);
      expect(await heartbeatOf(store, owner)).toMatchObject({ number: answer.number, fenced: false });
      expect(await store.leases.addUnknown({ ttlMs: TTL_MS })).toBe(0);
      expect(await readOne(store, 'a')).toEqual(held);
      expect(await tryWrite(store, held, change({ status: 'RECONNECTING' }))).toMatchObject({ applied: true });
    });
  });
}
