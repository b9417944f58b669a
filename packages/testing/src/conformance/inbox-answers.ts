import { fence, hold, join, RACERS, race, TTL_MS } from './arrange.js';
import { ask, askAndTake, inboxOf, REQUEST_TTL_MS, request, take } from './arrange-inbox.js';
import { beatOf } from './beat-of.js';
import { expect } from './expect.js';
import { clientsOf, type StoreHarness, type StoreSuite, storeTest } from './store-suite.js';

/** A request for `s` that its owner has taken. */
async function taken({ store }: StoreHarness) {
  const [owner, asker] = [await join(store, 'owner'), await join(store, 'asker')];
  await hold(store, owner, 's');
  const { id } = await askAndTake(store, { asker, owner, sessionId: 's' });
  const answer = (body: string, by = owner) => inboxOf(store).answer({ owner: by, answers: [{ id, body }] });
  const collect = () => inboxOf(store).collect({ ids: [id] });
  return { owner, asker, id, answer, collect };
}

/** What the owner said reaches the one who asked, once. */
export function describeInboxAnswers(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('answer and collect', () => {
    test('bring an answer back, once', async (harness) => {
      const { answer, collect, id } = await taken(harness);
      expect(await collect()).toEqual([]);
      await answer('{"status":"CONNECTED"}');
      expect(await collect()).toEqual([{ id, body: '{"status":"CONNECTED"}' }]);
      expect(await collect()).toEqual([]);
      expect(await inboxOf(harness.store).collect({ ids: [] })).toEqual([]);
      expect(await inboxOf(harness.store).collect({ ids: ['unknown', '😀'] })).toEqual([]);
    });

    test('bring any text', async (harness) => {
      const { answer, collect, id } = await taken(harness);
      const body = `${JSON.stringify({ a: `'"\\$1 😀 \u2028 {x} %s :name`, b: [1, null] })}${' '.repeat(70_000)}`;
      await answer(body);
      expect(await collect()).toEqual([{ id, body }]);
    });

    test('leave an answer until it is collected, though its request would be void by now', async (harness) => {
      const { answer, collect, id } = await taken(harness);
      await answer('1');
      await harness.advance(REQUEST_TTL_MS + 1_000);
      expect(await collect()).toEqual([{ id, body: '1' }]);
    });

    test('bring the first of two answers', async (harness) => {
      const { answer, collect, id } = await taken(harness);
      await answer('1');
      await answer('2');
      expect(await collect()).toEqual([{ id, body: '1' }]);
      await answer('3');
      expect(await collect()).toEqual([]);
    });

    test('bring what the owner said before it released the session', async (harness) => {
      const { answer, collect, id, owner } = await taken(harness);
      await harness.store.sessions.release({ owner, unobservedIds: [], reason: { code: 'stopped' } });
      await answer('1');
      expect(await collect()).toEqual([{ id, body: '1' }]);
    });

    test('change nothing for one who did not take the request', async (harness) => {
      const { store } = harness;
      const { answer, collect, asker, owner } = await taken(harness);
      await answer('1', asker);
      expect(await collect()).toEqual([]);
      const waiting = request('s');
      await ask(store, asker, waiting);
      await inboxOf(store).answer({ owner, answers: [{ id: waiting.id, body: '1' }] });
      await inboxOf(store).answer({ owner, answers: [{ id: 'unknown', body: '1' }] });
      expect(await inboxOf(store).collect({ ids: [waiting.id, 'unknown'] })).toEqual([]);
      expect(await take(store, owner)).toEqual([waiting]);
    });

    const late: [string, (harness: StoreHarness, owner: string) => Promise<unknown>][] = [
      ['the request is void', ({ advance }) => advance(REQUEST_TTL_MS + 1_000)],
      ['the owner is fenced', ({ store }, owner) => fence(store, owner)],
      ['the owner’s lease is over', ({ advance }) => advance(TTL_MS + 1_000)],
      ['the row is gone', ({ store }) => store.sessions.remove({ id: 's' })],
    ];
    for (const [why, act] of late) {
      test(`change nothing once ${why}`, async (harness) => {
        const { answer, collect, owner } = await taken(harness);
        await act(harness, owner);
        await answer('1');
        expect(await collect()).toEqual([]);
      });
    }

    test('change nothing for an owner whose lease is over, though the request stands', async (harness) => {
      const { store, advance } = harness;
      const { owner, asker } = await taken(harness);
      const asked = request('s');
      await inboxOf(store).ask({ asker, requests: [asked], ttlMs: 10 * TTL_MS });
      await take(store, owner);
      await advance(TTL_MS + 1_000);
      const answers = [{ id: asked.id, body: '1' }];
      await inboxOf(store).answer({ owner, answers });
      expect(await inboxOf(store).collect({ ids: [asked.id] })).toEqual([]);
      await store.leases.beat(beatOf(owner));
      await inboxOf(store).answer({ owner, answers });
      expect(await inboxOf(store).collect({ ids: [asked.id] })).toEqual(answers);
    });

    test(`by ${RACERS} at once bring each answer to one of them`, async (harness) => {
      const { store } = harness;
      const { owner, asker } = await taken(harness);
      const requests = Array.from({ length: 50 }, () => request('s'));
      await ask(store, asker, ...requests);
      await take(store, owner);
      const answers = requests.map(({ id }, index) => ({ id, body: String(index) }));
      await inboxOf(store).answer({ owner, answers });
      const ids = requests.map(({ id }) => id);
      const collected = await race(await clientsOf(harness, RACERS), (client) => inboxOf(client).collect({ ids }));
      expect(collected.flat().sort((a, b) => Number(a.body) - Number(b.body))).toEqual(answers);
    });
  });

  describe('prune', () => {
    test('deletes what is void, taken or not, and no request that waits', async (harness) => {
      const { store, advance } = harness;
      const { asker, owner } = await taken(harness);
      await ask(store, asker, request('s'), request('s'));
      const prune = (limit = 100) => inboxOf(store).prune({ keepMs: 60_000, limit });
      expect(await prune()).toBe(0);
      await advance(REQUEST_TTL_MS + 1_000);
      const young = request('s');
      await ask(store, asker, young);
      expect(await prune(2)).toBe(2);
      expect(await prune()).toBe(1);
      expect(await prune()).toBe(0);
      expect(await take(store, owner)).toEqual([young]);
    });

    test('deletes answers that nobody collected in time, by store time', async (harness) => {
      const { store, advance } = harness;
      const { answer, collect } = await taken(harness);
      await answer('1');
      await advance(20_000);
      expect(await inboxOf(store).prune({ keepMs: 60_000, limit: 100 })).toBe(0);
      expect(await inboxOf(store).prune({ keepMs: 10_000, limit: 100 })).toBe(1);
      expect(await collect()).toEqual([]);
    });
  });
}
