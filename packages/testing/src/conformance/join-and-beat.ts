import { alive, create, fence, heartbeatOf, hold, join, RACERS, race, readOne, TTL_MS, token } from './arrange.js';
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
      expect(answer).toMatchObject({ alive: true, storeNow: expect.any(Date), others: [], claimable: false });
      expect(await heartbeatOf(store, incarnation)).toEqual({
        incarnation,
        replicaId: 'réplica 1',
        beats: expect.any(Number),
        beatAt: expect.any(Date),
        ttlMs: 12_345,
        fenced: false,
        massOutage: false,
      });
    });

    test('takes several incarnations of one replica id', async ({ store }) => {
      const [first, second] = [await join(store, 'same'), await join(store, 'same')];
      const { others } = alive(await store.leases.beat({ incarnation: first, massOutage: false }));
      expect(others).toMatchObject([{ incarnation: second, replicaId: 'same' }]);
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
      expect((await heartbeatOf(store, owner))?.beats).toBeGreaterThan(before?.beats ?? Number.POSITIVE_INFINITY);
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
      const reader = await join(store, 'reader');
      expect(alive(await store.leases.beat({ incarnation: reader, massOutage: false })).others).toHaveLength(1);
    });
  });

  describe('beat', () => {
    test('grows by one and moves the time of the heartbeat', async ({ store, advance }) => {
      const owner = await join(store);
      await advance(1_000);
      // Read after the move: a store whose heartbeats were shifted back has its new time only then.
      const before = await heartbeatOf(store, owner);
      const first = alive(await store.leases.beat({ incarnation: owner, massOutage: false }));
      const after = await heartbeatOf(store, owner);
      expect(after?.beats).toBe((before?.beats ?? 0) + 1);
      expect(after?.beatAt.getTime()).toBeGreaterThan(before?.beatAt.getTime() ?? Number.POSITIVE_INFINITY);
      expect(Math.abs((after?.beatAt.getTime() ?? 0) - first.storeNow.getTime())).toBeLessThanOrEqual(1_000);
      await store.leases.beat({ incarnation: owner, massOutage: false });
      expect((await heartbeatOf(store, owner))?.beats).toBe((before?.beats ?? 0) + 2);
    });

    test('returns every other heartbeat, fenced and expired ones too, and never its own', async ({
      store,
      advance,
    }) => {
      const [expired, fenced] = [await join(store, 'expired'), await join(store, 'fenced')];
      await advance(TTL_MS + 1_000);
      await hold(store, await join(store, 'holder'), 'a');
      await fence(store, fenced);
      const owner = await join(store, 'me');
      const { others } = alive(await store.leases.beat({ incarnation: owner, massOutage: false }));
      const answered = others.map(({ replicaId, fenced: ended }) => `${replicaId} ${ended}`).sort();
      expect(answered).toEqual(['expired false', 'fenced true', 'holder false']);
      expect(others.map(({ incarnation }) => incarnation)).toContain(expired);
    });

    test('reports a mass outage to others, and its end', async ({ store }) => {
      const owner = await join(store);
      await store.leases.beat({ incarnation: owner, massOutage: true });
      expect(await heartbeatOf(store, owner)).toMatchObject({ massOutage: true });
      await store.leases.beat({ incarnation: owner, massOutage: false });
      expect(await heartbeatOf(store, owner)).toMatchObject({ massOutage: false });
    });

    test('of an expired lease that nobody ended renews it', async ({ store, advance }) => {
      const owner = await join(store);
      await advance(TTL_MS * 3);
      expect(await store.leases.beat({ incarnation: owner, massOutage: false })).toMatchObject({ alive: true });
    });

    test('of a fenced, a left or an unknown incarnation is dead and adds no heartbeat', async ({ store }) => {
      const [fenced, left] = [await join(store), await join(store)];
      await hold(store, fenced, 'a');
      await fence(store, fenced);
      await store.leases.leave({ incarnation: left });
      for (const incarnation of [fenced, left, token('incarnation')]) {
        expect(await store.leases.beat({ incarnation, massOutage: false })).toEqual({ alive: false });
      }
      const reader = await join(store, 'reader');
      const { others } = alive(await store.leases.beat({ incarnation: reader, massOutage: false }));
      expect(others).toMatchObject([{ incarnation: fenced, fenced: true }]);
    });

    test('says whether a session stands ready, by the rule of claimable', async ({ store }) => {
      const owner = await join(store);
      const beat = async () => alive(await store.leases.beat({ incarnation: owner, massOutage: false })).claimable;
      expect(await beat()).toBe(false);
      await store.sessions.create({ sessions: [{ id: 'stopped', desired: 'stopped' }] });
      expect(await beat()).toBe(false);
      await hold(store, owner, 'logged-out', { status: 'LOGGED_OUT' });
      await store.sessions.release({ owner, unobservedIds: [], reason: { code: 'shutdown' } });
      expect(await beat()).toBe(false);
      await create(store, 'ready');
      expect(await beat()).toBe(true);
      expect(alive(await store.leases.join({ incarnation: token('i'), replicaId: 'r', ttlMs: TTL_MS })).claimable).toBe(
        true,
      );
      await store.sessions.remove({ id: 'ready' });
      expect(await beat()).toBe(false);
    });

    test(`by ${RACERS} at once counts each`, async (harness) => {
      const { store } = harness;
      const owner = await join(store);
      const before = await heartbeatOf(store, owner);
      const clients = await clientsOf(harness, RACERS);
      await race(clients, (client) => client.leases.beat({ incarnation: owner, massOutage: false }));
      expect((await heartbeatOf(store, owner))?.beats).toBe((before?.beats ?? 0) + RACERS);
    });
  });
}
