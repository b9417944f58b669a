import type { Delivery, WaSyncStore } from '@wa-sync/core';
import { alive, fence, hold, join, RACERS, race, readOne, TTL_MS, tryClaim, write } from './arrange.js';
import {
  conversationsOf,
  gate,
  move,
  moveTo,
  openGate,
  pass,
  readConversation,
  say,
  UNCHANGED_MS,
} from './arrange-conversations.js';
import { beatOf } from './beat-of.js';
import { expect } from './expect.js';
import { clientsOf, type StoreHarness, type StoreSuite, storeTest } from './store-suite.js';

/** Conversation `c` has its farewell `m1` pending. */
async function closing(harness: StoreHarness, id = 'c', messageId = 'm1'): Promise<string> {
  const owner = await openGate(harness);
  await say(harness.store, id);
  await move(harness.store, moveTo('CLOSING', id, 1, messageId));
  return owner;
}

const beginning = (owner: string, id = 'c', messageId = 'm1') => ({ id, sequence: 1, messageId, owner, ...gate });

function end(store: WaSyncStore, delivery: Exclude<Delivery, 'pending' | 'sending'>, messageId = 'm1', id = 'c') {
  return conversationsOf(store).endSend({ id, messageId, delivery });
}

/** What has been decided is sent, once. */
export function describeOutgoing(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('outgoing', () => {
    test('returns what is pending for an owner’s sessions, but for the ones named, by id', async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      const other = await join(store, 'other');
      await hold(store, owner, 't');
      await hold(store, other, 'elsewhere');
      await pass(harness, owner, UNCHANGED_MS + 1_000);
      await store.leases.beat(beatOf(other));
      const of = { s: ['s2', 's1', 's3'], t: ['t1'], elsewhere: ['e1'] };
      for (const [sessionId, ids] of Object.entries(of)) {
        for (const id of ids) {
          await say(store, id, { sessionId });
          await move(store, moveTo('CLOSING', id, 1, `m-${id}`));
        }
      }
      await say(store, 'silent');
      const waiting = async (exceptSessions: string[], limit = 9) =>
        (await conversationsOf(store).outgoing({ owner, exceptSessions, limit })).map(({ id }) => id);
      expect(await waiting([])).toEqual(['s1', 's2', 's3', 't1']);
      expect(await waiting(['s'])).toEqual(['t1']);
      expect(await waiting(['s', 't'])).toEqual([]);
      expect(await waiting([], 2)).toEqual(['s1', 's2']);
      await conversationsOf(store).beginSend(beginning(owner, 's1', 'm-s1'));
      await say(store, 's2');
      expect(await waiting([])).toEqual(['s3', 't1']);
      const [found] = await conversationsOf(store).outgoing({ owner, exceptSessions: [], limit: 1 });
      expect(found).toEqual(await readConversation(store, 's3'));
    });

    test('is reported by the beat of the owner, and by no other', async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      const other = await join(store, 'other');
      const beat = async (incarnation: string) => alive(await store.leases.beat(beatOf(incarnation))).outgoing;
      await say(store, 'c');
      expect(await beat(owner)).toBe(false);
      await move(store, moveTo('CLOSING', 'c', 1, 'm1'));
      expect([await beat(owner), await beat(other)]).toEqual([true, false]);
      await conversationsOf(store).beginSend(beginning(owner));
      expect(await beat(owner)).toBe(false);
      await end(store, 'sent');
      await say(store, 'd');
      await move(store, moveTo('WARNED', 'd', 1, 'm2'));
      expect(await beat(owner)).toBe(true);
      await say(store, 'd');
      expect(await beat(owner)).toBe(false);
    });
  });

  describe('beginSend', () => {
    test('records that it begins', async (harness) => {
      const owner = await closing(harness);
      const before = await readConversation(harness.store, 'c');
      expect(await conversationsOf(harness.store).beginSend(beginning(owner))).toBe(true);
      expect(await readConversation(harness.store, 'c')).toEqual({
        ...before,
        outgoing: { ...before.outgoing, delivery: 'sending' },
      });
      expect(await conversationsOf(harness.store).beginSend(beginning(owner))).toBe(false);
    });

    const refused: [string, (harness: StoreHarness, owner: string) => Promise<unknown>][] = [
      ['a message came', ({ store }) => say(store, 'c')],
      ['another has the session', async ({ store }) => tryClaim(store, await join(store), 's', 'takeover')],
      ['the owner is fenced', ({ store }, owner) => fence(store, owner)],
      ['the owner’s lease is over', ({ advance }) => advance(TTL_MS + 1_000)],
      [
        'its handlers are stalled',
        async ({ store }) => write(store, await readOne(store, 's'), { health: 'degraded' }),
      ],
      [
        'the number has only just come back',
        async ({ store }) => {
          await write(store, await readOne(store, 's'), { status: 'RECONNECTING' });
          await write(store, await readOne(store, 's'));
        },
      ],
    ];
    for (const [why, act] of refused) {
      test(`is refused where ${why}`, async (harness) => {
        const owner = await closing(harness);
        await act(harness, owner);
        const before = await readConversation(harness.store, 'c');
        expect(await conversationsOf(harness.store).beginSend(beginning(owner))).toBe(false);
        expect(await readConversation(harness.store, 'c')).toEqual(before);
      });
    }

    test('is refused for another sequence, another message, an unknown conversation', async (harness) => {
      const owner = await closing(harness);
      const { beginSend } = conversationsOf(harness.store);
      const begin = beginning(owner);
      expect(await beginSend({ ...begin, sequence: 2 })).toBe(false);
      expect(await beginSend({ ...begin, messageId: 'm2' })).toBe(false);
      expect(await beginSend({ ...begin, id: 'unknown' })).toBe(false);
      expect(await beginSend(begin)).toBe(true);
    });

    test(`by ${RACERS} at once has one winner`, async (harness) => {
      const owner = await closing(harness);
      const clients = await clientsOf(harness, RACERS);
      const begun = await race(clients, (client) => conversationsOf(client).beginSend(beginning(owner)));
      expect(begun.filter(Boolean)).toHaveLength(1);
    });

    test(`against ${RACERS} messages begins before each or not at all`, async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      const ids = Array.from({ length: RACERS }, (_, index) => `c${index}`);
      for (const id of ids) {
        await say(store, id);
        await move(store, moveTo('CLOSING', id, 1, `m-${id}`));
      }
      const [sender = store, recorder = store] = await clientsOf(harness, 2);
      const [begun] = await Promise.all([
        race(ids, (id) => conversationsOf(sender).beginSend(beginning(owner, id, `m-${id}`))),
        race(ids, (id) => say(recorder, id)),
      ]);
      for (const [index, id] of ids.entries()) {
        const { state, outgoing } = await readConversation(store, id);
        expect([state, outgoing?.delivery ?? null]).toEqual(['OPEN', begun[index] ? 'sending' : null]);
      }
    });
  });

  describe('endSend', () => {
    for (const delivery of ['sent', 'unknown', 'failed'] as const) {
      test(`closes after a farewell that is ${delivery}, once`, async (harness) => {
        const { store } = harness;
        const owner = await closing(harness);
        await conversationsOf(store).beginSend(beginning(owner));
        const ended = await end(store, delivery);
        expect(ended).toMatchObject({ state: 'CLOSED', outgoing: { id: 'm1', delivery } });
        expect(await end(store, delivery)).toEqual(ended);
        expect(await end(store, delivery === 'sent' ? 'failed' : 'sent')).toBeNull();
        expect(await readConversation(store, 'c')).toEqual(ended);
      });
    }

    test('after a warning starts its grace and leaves it warned', async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      await say(store, 'c');
      await move(store, moveTo('WARNED', 'c', 1, 'm1'));
      await pass(harness, owner, 10_000);
      const { warnedAt } = await readConversation(store, 'c');
      await conversationsOf(store).beginSend(beginning(owner));
      const ended = await end(store, 'sent');
      expect(ended).toMatchObject({ state: 'WARNED', outgoing: { delivery: 'sent' } });
      expect(ended?.warnedAt?.getTime()).toBeGreaterThanOrEqual((warnedAt?.getTime() ?? 0) + 9_000);
    });

    test('leaves open what was reopened meanwhile, and records what became of the message', async (harness) => {
      const { store } = harness;
      const owner = await closing(harness);
      await conversationsOf(store).beginSend(beginning(owner));
      await say(store, 'c');
      expect(await end(store, 'sent')).toMatchObject({ state: 'OPEN', outgoing: { delivery: 'sent' } });
    });

    test('is refused where nothing is being sent, or another message is', async (harness) => {
      const { store } = harness;
      const owner = await closing(harness);
      expect(await end(store, 'sent')).toBeNull();
      await conversationsOf(store).beginSend(beginning(owner));
      expect(await end(store, 'sent', 'm2')).toBeNull();
      expect(await end(store, 'sent', 'm1', 'unknown')).toBeNull();
      expect(await readConversation(store, 'c')).toMatchObject({ outgoing: { delivery: 'sending' } });
    });
  });

  describe('endLost', () => {
    test('ends as unknown what a sender left whose lease is over, whoever has the session, if anybody', async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      for (const id of ['reopened', 'still']) {
        await say(store, id);
        await move(store, moveTo('CLOSING', id, 1, `m-${id}`));
        await conversationsOf(store).beginSend(beginning(owner, id, `m-${id}`));
      }
      await say(store, 'reopened');
      expect(await conversationsOf(store).endLost({ limit: 9 })).toEqual([]);
      await tryClaim(store, await join(store, 'taker'), 's', 'takeover');
      expect(await conversationsOf(store).endLost({ limit: 9 })).toEqual([]);
      await store.sessions.remove({ id: 's' });
      await fence(store, owner);
      const settled = await conversationsOf(store).endLost({ limit: 9 });
      expect(settled.map(({ id, state, outgoing }) => [id, state, outgoing?.delivery]).sort()).toEqual([
        ['reopened', 'OPEN', 'unknown'],
        ['still', 'CLOSED', 'unknown'],
      ]);
      expect(await conversationsOf(store).endLost({ limit: 9 })).toEqual([]);
      expect(await end(store, 'sent', 'm-still', 'still')).toBeNull();
    });

    test('ends up to the limit, and nothing that is pending', async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      for (const id of ['a', 'b', 'c', 'pending']) {
        await say(store, id);
        await move(store, moveTo('CLOSING', id, 1, `m-${id}`));
        if (id !== 'pending') await conversationsOf(store).beginSend(beginning(owner, id, `m-${id}`));
      }
      await harness.advance(TTL_MS + 1_000);
      expect(await conversationsOf(store).endLost({ limit: 2 })).toHaveLength(2);
      expect(await conversationsOf(store).endLost({ limit: 2 })).toHaveLength(1);
      expect((await readConversation(store, 'pending')).outgoing).toMatchObject({ delivery: 'pending' });
    });
  });
}
