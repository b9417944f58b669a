import { INBOX_REQUESTS } from '@wa-sync/core';
import { alive, claim, create, fence, hold, holdAll, join, RACERS, race, TTL_MS, tryClaim } from './arrange.js';
import { ask, inboxOf, REQUEST_TTL_MS, request, take } from './arrange-inbox.js';
import { beatOf } from './beat-of.js';
import { expect } from './expect.js';
import { clientsOf, type StoreHarness, type StoreSuite, storeTest } from './store-suite.js';
import { STRANGE_IDS } from './strange-ids.js';

/** An owner that holds `s`, and somebody who asks. */
async function asking({ store }: StoreHarness): Promise<{ owner: string; asker: string }> {
  const [owner, asker] = [await join(store, 'owner'), await join(store, 'asker')];
  await hold(store, owner, 's');
  return { owner, asker };
}

/** A question reaches the one who holds the session, once. */
export function describeInboxRequests(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('ask and take', () => {
    test('hand each request to the owner of its session, oldest first, once', async (harness) => {
      const { store } = harness;
      const { owner, asker } = await asking(harness);
      const other = await join(store, 'other');
      await hold(store, other, 't');
      const requests = INBOX_REQUESTS.map((kind) => request('s', kind));
      const elsewhere = request('t');
      for (const one of requests.slice(0, 2)) expect(await ask(store, asker, one)).toEqual([one.id]);
      expect((await ask(store, asker, elsewhere, ...requests.slice(2))).sort()).toEqual(
        [elsewhere, ...requests.slice(2)].map(({ id }) => id).sort(),
      );
      expect(await take(store, asker)).toEqual([]);
      const first = await take(store, owner, 2);
      expect(first).toEqual(requests.slice(0, 2));
      const rest = await take(store, owner);
      expect(rest).toHaveLength(requests.length - 2);
      expect(rest).toEqual(expect.arrayContaining(requests.slice(2)));
      expect(await take(store, owner)).toEqual([]);
      expect(await take(store, other)).toEqual([elsewhere]);
    });

    test('put nothing before nobody: no row, no owner, a lease that is over', async (harness) => {
      const { store, advance } = harness;
      const { owner, asker } = await asking(harness);
      const fenced = await join(store, 'fenced');
      await create(store, 'free');
      await hold(store, fenced, 'fenced');
      await fence(store, fenced);
      const requests = ['unknown', 'free', 'fenced', 's'].map((id) => request(id));
      expect(await ask(store, asker, ...requests)).toEqual([requests[3]?.id]);
      expect(await take(store, fenced)).toEqual([]);
      expect(await take(store, owner)).toHaveLength(1);
      await advance(TTL_MS + 1_000);
      expect(await ask(store, asker, request('s'))).toEqual([]);
      expect(await inboxOf(store).ask({ asker, requests: [], ttlMs: REQUEST_TTL_MS })).toEqual([]);
    });

    test('take the same id for the same request', async (harness) => {
      const { store } = harness;
      const { owner, asker } = await asking(harness);
      const asked = request('s');
      expect(await ask(store, asker, asked)).toEqual([asked.id]);
      expect(await ask(store, asker, asked)).toEqual([asked.id]);
      expect(await take(store, owner)).toEqual([asked]);
      expect(await ask(store, asker, asked)).toEqual([asked.id]);
      expect(await take(store, owner)).toEqual([]);
    });

    test('is reported by the beat of the owner, and by no other', async (harness) => {
      const { store } = harness;
      const { owner, asker } = await asking(harness);
      const beat = async (incarnation: string) => alive(await store.leases.beat(beatOf(incarnation))).inbox;
      expect([await beat(owner), await beat(asker)]).toEqual([false, false]);
      await ask(store, asker, request('s'));
      expect([await beat(owner), await beat(asker)]).toEqual([true, false]);
      await take(store, owner);
      expect(await beat(owner)).toBe(false);
    });

    test('hand out nothing that is void, and the beat does not report it', async (harness) => {
      const { store, advance } = harness;
      const { owner, asker } = await asking(harness);
      await ask(store, asker, request('s'));
      await advance(REQUEST_TTL_MS + 1_000);
      const young = request('s');
      await ask(store, asker, young);
      expect(await take(store, owner)).toEqual([young]);
      await ask(store, asker, request('s'));
      await advance(REQUEST_TTL_MS + 1_000);
      expect(alive(await store.leases.beat(beatOf(owner))).inbox).toBe(false);
      expect(await take(store, owner)).toEqual([]);
    });

    const gone: [string, (harness: StoreHarness, owner: string) => Promise<unknown>][] = [
      ['has lost the session', async ({ store }) => tryClaim(store, await join(store, 'next'), 's', 'takeover')],
      [
        'has released it',
        ({ store }, owner) => store.sessions.release({ owner, unobservedIds: [], reason: { code: 'stopped' } }),
      ],
      ['is fenced', ({ store }, owner) => fence(store, owner)],
      ['has left', ({ store }, owner) => store.leases.leave({ incarnation: owner })],
    ];
    for (const [why, act] of gone) {
      test(`hand out nothing to one who ${why}`, async (harness) => {
        const { store } = harness;
        const { owner, asker } = await asking(harness);
        await ask(store, asker, request('s'));
        await act(harness, owner);
        expect(await take(store, owner)).toEqual([]);
      });
    }

    test('hand out nothing to one whose lease is over, though nobody ended it', async (harness) => {
      const { store, advance } = harness;
      const { owner, asker } = await asking(harness);
      await inboxOf(store).ask({ asker, requests: [request('s')], ttlMs: 10 * TTL_MS });
      await advance(TTL_MS + 1_000);
      expect(await take(store, owner)).toEqual([]);
      await store.leases.beat(beatOf(owner));
      expect(await take(store, owner)).toHaveLength(1);
    });

    test('do not pass a request on to the next owner', async (harness) => {
      const { store } = harness;
      const { asker } = await asking(harness);
      await ask(store, asker, request('s'));
      const next = await join(store, 'next');
      await tryClaim(store, next, 's', 'takeover');
      expect(await take(store, next)).toEqual([]);
    });

    test('go with the row', async (harness) => {
      const { store } = harness;
      const { owner, asker } = await asking(harness);
      await ask(store, asker, request('s'));
      await store.sessions.remove({ id: 's' });
      await create(store, 's');
      await claim(store, owner, 's');
      expect(await take(store, owner)).toEqual([]);
    });

    test('keep any session id apart', async (harness) => {
      const { store } = harness;
      const { owner, asker } = await asking(harness);
      await holdAll(store, owner, STRANGE_IDS);
      const requests = STRANGE_IDS.map((id) => request(id, 'sync'));
      expect((await ask(store, asker, ...requests)).sort()).toEqual(requests.map(({ id }) => id).sort());
      const taken = await take(store, owner);
      expect(taken).toHaveLength(requests.length);
      expect(taken).toEqual(expect.arrayContaining(requests));
    });

    test(`by ${RACERS} takers at once hand each of 200 requests out once`, async (harness) => {
      const { store } = harness;
      const { owner, asker } = await asking(harness);
      const requests = Array.from({ length: 200 }, () => request('s'));
      const taken: string[] = [];
      const clients = await clientsOf(harness, RACERS);
      await Promise.all([
        ...requests.map((one, index) => ask(clients[index % RACERS] ?? store, asker, one)),
        ...clients.map(async (client) => {
          while (taken.length < requests.length) {
            const some = await take(client, owner, 3);
            expect(some.length).toBeLessThanOrEqual(3);
            taken.push(...some.map(({ id }) => id));
            if (some.length === 0) await new Promise((resolve) => setImmediate(resolve));
          }
        }),
      ]);
      expect(new Set(taken).size).toBe(taken.length);
      expect([...taken].sort()).toEqual(requests.map(({ id }) => id).sort());
      expect(await take(store, owner)).toEqual([]);
    });

    test(`of one request by ${RACERS} at once is one request`, async (harness) => {
      const { store } = harness;
      const { owner, asker } = await asking(harness);
      const asked = request('s');
      const put = await race(await clientsOf(harness, RACERS), (client) => ask(client, asker, asked));
      expect(put).toEqual(put.map(() => [asked.id]));
      expect(await take(store, owner)).toEqual([asked]);
    });
  });

  describe('listen', () => {
    test('notifies the owner when something is asked and the asker when it is answered, until it is stopped', async (harness, leaveOut) => {
      const { store } = harness;
      const { owner, asker } = await asking(harness);
      const { listen } = inboxOf(store);
      if (!listen) return leaveOut('the store can notify nobody');
      const other = (await clientsOf(harness, 2))[1] ?? store;
      const notified = { owner: 0, asker: 0, stopped: 0 };
      const waiting = new Set<() => void>();
      const count = (who: keyof typeof notified) => () => {
        notified[who] += 1;
        for (const call of waiting) call();
      };
      const until = async (done: () => boolean) => {
        while (!done()) {
          await new Promise<void>((resolve) => {
            waiting.add(resolve);
          });
        }
      };
      const stops = [
        await listen({ incarnation: owner, notify: count('owner') }),
        await listen({ incarnation: asker, notify: count('asker') }),
      ];
      const stopOne = await listen({ incarnation: owner, notify: count('stopped') });
      stopOne();
      const asked = request('s');
      await ask(other, asker, asked);
      await until(() => notified.owner > 0);
      expect(await take(store, owner)).toEqual([asked]);
      await inboxOf(other).answer({ owner, answers: [{ id: asked.id, body: '{}' }] });
      await until(() => notified.asker > 0);
      expect(await inboxOf(store).collect({ ids: [asked.id] })).toEqual([{ id: asked.id, body: '{}' }]);
      expect(notified.stopped).toBe(0);
      for (const stop of stops) stop();
    });
  });
}
