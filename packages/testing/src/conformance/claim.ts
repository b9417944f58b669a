import {
  claim,
  claimableIds,
  create,
  fence,
  freeAll,
  hold,
  join,
  named,
  RACERS,
  race,
  readOne,
  storeNow,
  TTL_MS,
  token,
  tryClaim,
  write,
} from './arrange.js';
import { beatOf } from './beat-of.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';

/** A claim of a free session, and what `claimable` offers. */
export function describeClaim(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('claim', () => {
    test('sets owner and tenure, raises the version, and leaves status and evidence', async ({ store }) => {
      const owner = await join(store);
      await create(store, 'a');
      const before = await readOne(store, 'a');
      const outcome = await store.sessions.claim({ owner, claims: [{ id: 'a', tenure: 't1', mode: 'free' }] });
      const row = await readOne(store, 'a');
      expect(row).toEqual({ ...before, owner, tenure: 't1', version: before.version + 1 });
      expect(outcome).toEqual([{ id: 'a', claimed: true, session: row }]);
    });

    test('from its deadline on takes nothing from anybody, but is answered what it took before', async ({ store }) => {
      const [owner, late] = [await join(store), await join(store, 'late')];
      const held = await hold(store, owner, 'held');
      await create(store, 'free');
      const [past, future] = [new Date((await storeNow(store)) - 1), new Date((await storeNow(store)) + 60_000)];
      const claims = [
        { id: 'free', tenure: 't1', mode: 'free' },
        { id: 'held', tenure: 't2', mode: 'takeover' },
      ] as const;
      const refused = claims.map(({ id }) => ({ id, claimed: false, why: 'late' }));
      expect(await store.sessions.claim({ owner: late, claims, deadline: past })).toEqual(refused);
      expect(await readOne(store, 'free')).toMatchObject({ owner: null, tenure: null, version: 1 });
      expect(await readOne(store, 'held')).toEqual(held);
      const taken = [
        { id: 'free', claimed: true },
        { id: 'held', claimed: true },
      ];
      expect(await store.sessions.claim({ owner: late, claims, deadline: future })).toMatchObject(taken);
      const rows = [await readOne(store, 'free'), await readOne(store, 'held')];
      expect(await store.sessions.claim({ owner: late, claims, deadline: past })).toMatchObject(taken);
      expect([await readOne(store, 'free'), await readOne(store, 'held')]).toEqual(rows);
    });

    test('of none returns none', async ({ store }) => {
      expect(await store.sessions.claim({ owner: await join(store), claims: [] })).toEqual([]);
    });

    test('of a session that another holds is refused as held, and changes nothing', async ({ store }) => {
      const held = await hold(store, await join(store), 'a');
      const outcome = await tryClaim(store, await join(store, 'other'), 'a', 'free');
      expect(outcome).toEqual({ id: 'a', claimed: false, why: 'held' });
      expect(await readOne(store, 'a')).toEqual(held);
    });

    test('of a session whose owner is fenced or gone is refused as held until it is freed', async ({ store }) => {
      const [fenced, gone, other] = [await join(store), await join(store), await join(store, 'other')];
      await hold(store, fenced, 'a');
      await hold(store, gone, 'b');
      await fence(store, fenced);
      await store.leases.leave({ incarnation: gone });
      expect(await tryClaim(store, other, 'a', 'free')).toMatchObject({ why: 'held' });
      expect(await tryClaim(store, other, 'b', 'free')).toMatchObject({ why: 'held' });
      expect(await freeAll(store)).toEqual(['a', 'b']);
      expect(await tryClaim(store, other, 'a', 'free')).toMatchObject({ claimed: true });
      expect(await tryClaim(store, other, 'b', 'free')).toMatchObject({ claimed: true });
    });

    test('of an own session gives it a new tenure, and the old one no longer writes', async ({ store }) => {
      const owner = await join(store);
      const held = await hold(store, owner, 'a');
      const again = await claim(store, owner, 'a');
      expect(again.tenure).not.toBe(held.tenure);
      expect(again.version).toBe(held.version + 1);
      const late = { ...held, version: again.version };
      await expect(write(store, late)).rejects.toThrow('guard');
      await write(store, again, { status: 'RECONNECTING' });
    });

    // "Committed but errored": the claimant asks again with the token that it made.
    test('repeated under the same tenure is answered as claimed, without a second change', async ({ store }) => {
      const owner = await join(store);
      await create(store, 'a', 'b');
      for (const [id, mode] of [
        ['a', 'free'],
        ['b', 'takeover'],
      ] as const) {
        const claims = [{ id, tenure: 't1', mode }];
        await store.sessions.claim({ owner, claims });
        const row = await readOne(store, id);
        expect(await store.sessions.claim({ owner, claims })).toEqual([{ id, claimed: true, session: row }]);
        expect(await readOne(store, id)).toEqual(row);
        expect(row).toMatchObject({ owner, tenure: 't1' });
      }
    });

    test('never creates a row', async ({ store }) => {
      const owner = await join(store);
      for (const mode of ['free', 'takeover'] as const) {
        expect(await tryClaim(store, owner, 'unknown', mode)).toEqual({
          id: 'unknown',
          claimed: false,
          why: 'missing',
        });
      }
      expect(await store.sessions.get({ ids: ['unknown'] })).toEqual([]);
    });

    test('by an incarnation that is fenced, that left or that never joined is refused as fenced', async ({ store }) => {
      await create(store, 'a');
      const before = await readOne(store, 'a');
      const fenced = await join(store);
      await fence(store, fenced);
      const left = await join(store);
      await store.leases.leave({ incarnation: left });
      for (const owner of [fenced, left, token('incarnation')]) {
        for (const mode of ['free', 'takeover'] as const) {
          expect(await tryClaim(store, owner, 'a', mode)).toEqual({ id: 'a', claimed: false, why: 'fenced' });
        }
      }
      expect(await readOne(store, 'a')).toEqual(before);
    });

    test('of many returns one outcome for each, found by its id', async ({ store }) => {
      const [mine, other] = [await join(store), await join(store, 'other')];
      await create(store, 'free-1', 'free-2', 'mine');
      await hold(store, other, 'held');
      await claim(store, mine, 'mine');
      const ids = ['unknown', 'held', 'free-2', 'mine', 'free-1'];
      const claims = ids.map((id) => ({ id, tenure: token('tenure'), mode: 'free' as const }));
      const outcomes = await store.sessions.claim({ owner: mine, claims });
      const answered = outcomes.map((outcome) => [outcome.id, outcome.claimed ? outcome.session.tenure : outcome.why]);
      const tenureOf = (id: string): string | undefined => claims.find((one) => one.id === id)?.tenure;
      expect(Object.fromEntries(answered)).toEqual({
        unknown: 'missing',
        held: 'held',
        'free-1': tenureOf('free-1'),
        'free-2': tenureOf('free-2'),
        mine: tenureOf('mine'),
      });
      expect(outcomes).toHaveLength(ids.length);
    });

    test(`of a free session has one winner among ${RACERS}`, async (harness) => {
      const { store } = harness;
      await create(store, 'a');
      const before = await readOne(store, 'a');
      const racers = await Promise.all(
        (await clientsOf(harness, RACERS)).map(async (client) => ({ client, owner: await join(store) })),
      );
      const outcomes = await race(racers, ({ client, owner }) => tryClaim(client, owner, 'a', 'free'));
      const winners = outcomes.filter((outcome) => outcome.claimed);
      expect(winners).toHaveLength(1);
      const losers = outcomes.filter((outcome) => !outcome.claimed);
      expect(losers).toEqual(losers.map(() => ({ id: 'a', claimed: false, why: 'held' })));
      const row = await readOne(store, 'a');
      expect(row).toMatchObject({ version: before.version + 1 });
      expect(winners[0]).toMatchObject({ session: { owner: row.owner, tenure: row.tenure } });
    });
  });

  describe('claimable', () => {
    test('offers what nobody owns, should run and is not logged out, up to the limit', async ({ store }) => {
      const owner = await join(store);
      await store.sessions.create({
        sessions: [
          { id: 'free-1', desired: 'running' },
          { id: 'free-2', desired: 'running' },
          { id: 'stopped', desired: 'stopped' },
        ],
      });
      await hold(store, owner, 'held');
      await hold(store, owner, 'logged-out', { status: 'LOGGED_OUT' });
      await store.sessions.release({
        owner,
        sessions: await named(store, 'logged-out'),
        unobservedIds: [],
        reason: { code: 'shutdown' },
      });
      expect(await claimableIds(store)).toEqual(['free-1', 'free-2']);
      expect((await store.sessions.claimable({ limit: 1 })).ids).toEqual(['free-1']);
      await claim(store, owner, 'free-1');
      await store.sessions.setDesired({ id: 'stopped', desired: 'running' });
      expect(await claimableIds(store)).toEqual(['free-2', 'stopped']);
    });

    test('comes in pages by id, whatever is at rest among them', async ({ store }) => {
      const owner = await join(store);
      const ids = Array.from({ length: 30 }, (_, index) => `s-${index + 10}`);
      await store.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' })) });
      const resting = ids.filter((_, index) => index % 3 !== 0);
      for (const id of resting) await write(store, await claim(store, owner, id), { status: 'LOGGED_OUT' });
      await store.sessions.release({ owner, unobservedIds: [], reason: { code: 'shutdown' } });
      const ready = ids.filter((id) => !resting.includes(id));
      for (const limit of [1, 2, 7, 10, 100]) expect(await claimableIds(store, limit)).toEqual(ready);
      expect((await store.sessions.claimable({ limit: 100, after: ready[4] })).ids).toEqual(ready.slice(5));
    });

    test('names the incarnations whose lease stands, where there is something to share', async ({ store, advance }) => {
      const [fenced, left, silent] = [await join(store), await join(store), await join(store)];
      await fence(store, fenced);
      await store.leases.leave({ incarnation: left });
      const living = async () => [...(await store.sessions.claimable({ limit: 10 })).living].sort();
      expect(await living()).toEqual([]);
      await create(store, 'free');
      expect(await living()).toEqual([silent]);
      await advance(TTL_MS + 1_000);
      const other = await join(store);
      expect(await living()).toEqual([other]);
      await store.leases.beat(beatOf(silent));
      expect(await living()).toEqual([other, silent].sort());
    });

    test('offers nothing twice to a store whose sessions are all held', async ({ store }) => {
      await hold(store, await join(store), 'a');
      expect(await claimableIds(store)).toEqual([]);
    });
  });
}
