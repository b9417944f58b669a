import type { WaSyncStore } from '@wa-sync/core';
import {
  alive,
  fence,
  freeAll,
  heartbeatOf,
  hold,
  join,
  othersOf,
  RACERS,
  race,
  readOne,
  TTL_MS,
  token,
} from './arrange.js';
import { beatOf } from './beat-of.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';

/** A lease begins and is renewed. */
export function describeJoinAndBeat(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('join', () => {
    test('adds a heartbeat that others see', async ({ store }) => {
      const incarnation = token('incarnation');
      const answer = alive(await store.leases.join({ incarnation, replicaId: 'réplica 1', ttlMs: 12_345 }));
      expect(answer).toMatchObject({ alive: true, storeNow: expect.any(Date), others: [], fencedLeft: false });
      expect(answer.joined).toBe(answer.number);
      expect(await heartbeatOf(store, incarnation)).toEqual({
        incarnation,
        replicaId: 'réplica 1',
        number: answer.number,
        joined: answer.number,
        beatAt: expect.any(Date),
        ttlMs: 12_345,
        fenced: false,
        massOutage: false,
        stuck: false,
      });
    });

    test('takes several incarnations of one replica id', async ({ store }) => {
      const [first, second] = [await join(store, 'same'), await join(store, 'same')];
      // Its own name is listed however lately it was renewed.
      const { others } = alive(await store.leases.beat(beatOf(first, { replicaId: 'same' })));
      expect(others).toMatchObject([{ incarnation: second, replicaId: 'same' }]);
      const rejoined = alive(await store.leases.join({ incarnation: first, replicaId: 'same', ttlMs: TTL_MS }));
      expect(rejoined.others).toEqual(others);
      expect(rejoined.joined).toBeLessThan(others[0]?.joined ?? 0);
    });

    // The caller trusts its lease from the start of the call that was answered, be it the second one.
    test('repeated is one join, and renews', async ({ store, advance }) => {
      const owner = await join(store);
      await hold(store, owner, 'a');
      const before = await heartbeatOf(store, owner);
      await advance(TTL_MS * 0.7);
      expect(await store.leases.join({ incarnation: owner, replicaId: 'replica', ttlMs: TTL_MS })).toMatchObject({
        alive: true,
        others: [],
      });
      expect((await heartbeatOf(store, owner))?.number).toBeGreaterThan(before?.number ?? Number.POSITIVE_INFINITY);
      await advance(TTL_MS * 0.7);
      expect((await readOne(store, 'a')).effective).toEqual({ status: 'CONNECTED', evidence: 'observed' });
    });

    test('of a fenced incarnation does not revive it', async ({ store }) => {
      const owner = await join(store);
      await hold(store, owner, 'a');
      await fence(store, owner);
      expect(await store.leases.join({ incarnation: owner, replicaId: 'replica', ttlMs: TTL_MS })).toEqual({
        alive: false,
      });
      expect(await heartbeatOf(store, owner)).toMatchObject({ fenced: true });
    });

    test(`${RACERS} times at once is one heartbeat, alive for all`, async (harness) => {
      const { store } = harness;
      const incarnation = token('incarnation');
      const answers = await race(await clientsOf(harness, RACERS), (client) =>
        client.leases.join({ incarnation, replicaId: 'replica', ttlMs: TTL_MS }),
      );
      for (const answer of answers) expect(answer).toMatchObject({ alive: true, others: [] });
      expect(await othersOf(store, await join(store, 'reader'))).toHaveLength(1);
    });
  });

  describe('beat', () => {
    test('draws a greater number each time and moves the time of the heartbeat', async ({ store, advance }) => {
      const owner = await join(store);
      await advance(1_000);
      // Read after the move: a store whose heartbeats were shifted back has its new time only then.
      const before = await heartbeatOf(store, owner);
      const first = alive(await store.leases.beat(beatOf(owner)));
      const after = await heartbeatOf(store, owner);
      expect(after).toMatchObject({ number: first.number, joined: before?.joined });
      expect(first.number).toBeGreaterThan(before?.number ?? Number.POSITIVE_INFINITY);
      expect(first.joined).toBe(before?.joined);
      expect(after?.beatAt.getTime()).toBeGreaterThan(before?.beatAt.getTime() ?? Number.POSITIVE_INFINITY);
      expect(Math.abs((after?.beatAt.getTime() ?? 0) - first.storeNow.getTime())).toBeLessThanOrEqual(1_000);
      const second = alive(await store.leases.beat(beatOf(owner)));
      expect(second.number).toBeGreaterThan(first.number);
    });

    test('draws from one sequence for all replicas', async ({ store }) => {
      const [one, other] = [await join(store), await join(store)];
      const numbers: number[] = [];
      for (const owner of [one, other, one, one, other]) {
        numbers.push(alive(await store.leases.beat(beatOf(owner))).number);
      }
      expect([...numbers].sort((a, b) => a - b)).toEqual(numbers);
      expect(new Set(numbers).size).toBe(numbers.length);
    });

    test('lists who has not drawn since `after`, fenced and expired ones too, and never its own', async ({
      store,
      advance,
    }) => {
      const [expired, fenced] = [await join(store, 'expired'), await join(store, 'fenced')];
      await advance(TTL_MS + 1_000);
      const holder = await join(store, 'holder');
      await hold(store, fenced, 'a');
      await fence(store, fenced);
      const { incarnation: me, number: after } = await joinMe(store);
      expect(alive(await store.leases.beat(beatOf(me, { replicaId: 'me' }))).others).toEqual([]);
      await store.leases.beat(beatOf(holder, { replicaId: 'holder' }));
      const answer = alive(await store.leases.beat(beatOf(me, { replicaId: 'me', after })));
      const answered = answer.others.map(({ replicaId, fenced: ended }) => `${replicaId} ${ended}`).sort();
      expect(answered).toEqual(['expired false', 'fenced true']);
      expect(answer.others.map(({ incarnation }) => incarnation)).toContain(expired);
      expect(answer.fencedLeft).toBe(true);
      // A number is not listed for itself: only smaller ones are.
      const { number } = (await heartbeatOf(store, expired)) ?? { number: -1 };
      expect(alive(await store.leases.beat(beatOf(me, { replicaId: 'me', after: number }))).others).toEqual([]);
      await freeAll(store);
      const later = alive(await store.leases.beat(beatOf(me, { replicaId: 'me', after })));
      expect(later).toMatchObject({ fencedLeft: false, others: [{ replicaId: 'expired' }] });
    });

    test('knows `last` while its own row stood there or later, and not once the store has gone back', async ({
      store,
    }) => {
      const { incarnation: me, number: joined } = await joinMe(store);
      const beat = async (last: number | null) => alive(await store.leases.beat(beatOf(me, { last })));
      expect(await beat(null)).toMatchObject({ lastKnown: true });
      const { number } = await beat(joined);
      expect(await beat(number)).toMatchObject({ lastKnown: true });
      // As a store that lost it answers.
      expect(await beat(Number.MAX_SAFE_INTEGER)).toMatchObject({ lastKnown: false });
    });

    test('says that it is stuck: its rows are expired for readers until it no longer is', async ({ store }) => {
      const owner = await join(store);
      await hold(store, owner, 'a');
      await store.leases.beat(beatOf(owner, { stuck: true }));
      expect(await heartbeatOf(store, owner)).toMatchObject({ stuck: true, fenced: false });
      expect((await readOne(store, 'a')).effective).toEqual({ status: 'DISCONNECTED', evidence: 'expired' });
      expect(await freeAll(store)).toEqual([]);
      await store.leases.beat(beatOf(owner));
      expect((await readOne(store, 'a')).effective).toEqual({ status: 'CONNECTED', evidence: 'observed' });
    });

    test('reports a mass outage to others, and its end', async ({ store }) => {
      const owner = await join(store);
      await store.leases.beat(beatOf(owner, { massOutage: true }));
      expect(await heartbeatOf(store, owner)).toMatchObject({ massOutage: true });
      await store.leases.beat(beatOf(owner));
      expect(await heartbeatOf(store, owner)).toMatchObject({ massOutage: false });
    });

    test('of an expired lease that nobody ended renews it', async ({ store, advance }) => {
      const owner = await join(store);
      await advance(TTL_MS * 3);
      expect(await store.leases.beat(beatOf(owner))).toMatchObject({ alive: true });
    });

    test('of a fenced, a left or an unknown incarnation is dead and adds no heartbeat', async ({ store }) => {
      const [fenced, left] = [await join(store), await join(store)];
      await hold(store, fenced, 'a');
      await fence(store, fenced);
      await store.leases.leave({ incarnation: left });
      for (const incarnation of [fenced, left, token('incarnation')]) {
        expect(await store.leases.beat(beatOf(incarnation))).toEqual({ alive: false });
      }
      expect(await othersOf(store, await join(store, 'reader'))).toMatchObject([{ incarnation: fenced, fenced: true }]);
    });

    test(`by ${RACERS} at once draws a number for each`, async (harness) => {
      const { store } = harness;
      const owner = await join(store);
      const clients = await clientsOf(harness, RACERS);
      const answers = await race(clients, (client) => client.leases.beat(beatOf(owner)));
      const numbers = answers.map((answer) => alive(answer).number);
      expect(new Set(numbers).size).toBe(RACERS);
      expect((await heartbeatOf(store, owner))?.number).toBe(Math.max(...numbers));
    });
  });
}

async function joinMe(store: WaSyncStore): Promise<{ incarnation: string; number: number }> {
  const incarnation = token('incarnation');
  const { number } = alive(await store.leases.join({ incarnation, replicaId: 'me', ttlMs: TTL_MS }));
  return { incarnation, number };
}
