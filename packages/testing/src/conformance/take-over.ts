import { change, claim, hold, join, named, RACERS, race, readOne, tryClaim, tryWrite, write } from './arrange.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';

/** A claim that takes a session from whoever holds it. */
export function describeTakeOver(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('take-over', () => {
    test('takes a session from a living owner; status and evidence stay', async ({ store }) => {
      const held = await hold(store, await join(store), 'a', { health: 'degraded', reason: { code: 'slow' } });
      const taker = await join(store, 'taker');
      const outcome = await tryClaim(store, taker, 'a', 'takeover');
      const row = await readOne(store, 'a');
      expect(row).toEqual({ ...held, owner: taker, tenure: row.tenure, version: held.version + 1 });
      expect(row.tenure).not.toBe(held.tenure);
      expect(outcome).toEqual({ id: 'a', claimed: true, session: row });
    });

    test('takes a session that nobody holds', async ({ store }) => {
      await store.sessions.create({ sessions: [{ id: 'a', desired: 'stopped' }] });
      const taker = await join(store);
      expect(await tryClaim(store, taker, 'a', 'takeover')).toMatchObject({ claimed: true, session: { owner: taker } });
    });

    test('ends the writes, the sweep and the release of the old owner', async ({ store }) => {
      const [old, taker] = [await join(store), await join(store, 'taker')];
      const held = await hold(store, old, 'a');
      await tryClaim(store, taker, 'a', 'takeover');
      const taken = await readOne(store, 'a');
      expect(await tryWrite(store, { ...held, version: taken.version }, change())).toEqual({ id: 'a', applied: false });
      const expected = { status: 'CONNECTED', health: 'healthy', reason: null } as const;
      expect(await store.sessions.sweep({ owner: old, expected, otherIds: ['a'] })).toEqual({
        exceptions: [],
        count: 0,
        idHashSum: 0,
      });
      const release = { owner: old, unobservedIds: [], reason: { code: 'shutdown' } };
      expect(await store.sessions.release(release)).toEqual([]);
      const sessions = [{ id: 'a', tenure: held.tenure ?? '' }, ...(await named(store, 'a'))];
      expect(await store.sessions.release({ ...release, sessions })).toEqual([]);
      expect(await readOne(store, 'a')).toEqual(taken);
      await write(store, taken, { status: 'RECONNECTING' });
    });

    test(`by ${RACERS} at once leaves one holder, whose tenure alone writes`, async (harness) => {
      const { store } = harness;
      const held = await hold(store, await join(store), 'a');
      const racers = await Promise.all(
        (await clientsOf(harness, RACERS)).map(async (client) => ({ client, owner: await join(store) })),
      );
      const outcomes = await race(racers, ({ client, owner }) => tryClaim(client, owner, 'a', 'takeover'));
      const row = await readOne(store, 'a');
      expect(row.version).toBe(held.version + RACERS);
      const versions: number[] = [];
      for (const outcome of outcomes) {
        if (!outcome.claimed) throw new Error(`A take-over was refused: ${outcome.why}`);
        const { session } = outcome;
        versions.push(session.version);
        const isHolder = session.tenure === row.tenure;
        expect(isHolder).toBe(session.version === row.version);
        if (!isHolder) {
          expect(await tryWrite(store, { ...session, version: row.version }, change())).toMatchObject({
            applied: false,
          });
        }
      }
      expect(new Set(versions).size).toBe(RACERS);
      expect(await tryWrite(store, row, change())).toMatchObject({ applied: true });
    });

    test(`against a write under the old tenure: the write comes before it or not at all, ${RACERS} times`, async (harness) => {
      const { store } = harness;
      const [old, taker] = [await join(store), await join(store, 'taker')];
      const [writer = store, challenger = store] = await clientsOf(harness, 2);
      const rounds = Array.from({ length: RACERS }, (_, round) => `s${round}`);
      await race(rounds, async (id, round) => {
        const held = await hold(store, old, id);
        const lost = change({ status: 'RECONNECTING', reconnectAttempt: 7 });
        const writeIt = () => tryWrite(writer, held, lost);
        const takeIt = () => tryClaim(challenger, taker, id, 'takeover');
        // Both orders of sending.
        const answers = round % 2 === 0 ? [writeIt(), takeIt()] : [takeIt(), writeIt()];
        const outcomes = await Promise.all(answers);
        const applied = outcomes.some((outcome) => 'applied' in outcome && outcome.applied);
        const claimed = outcomes.find((outcome) => 'claimed' in outcome);
        const row = await readOne(store, id);
        expect(claimed).toMatchObject({ claimed: true, session: { version: row.version, tenure: row.tenure } });
        expect(row).toMatchObject({ owner: taker, status: applied ? 'RECONNECTING' : 'CONNECTED' });
        expect(row.version).toBe(held.version + (applied ? 2 : 1));
      });
    });

    test('then claimed free by the old owner is refused as held', async ({ store }) => {
      const [old, taker] = [await join(store), await join(store, 'taker')];
      await hold(store, old, 'a');
      await tryClaim(store, taker, 'a', 'takeover');
      await expect(claim(store, old, 'a')).rejects.toThrow('held');
    });
  });
}
