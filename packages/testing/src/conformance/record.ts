import { expectWithin, RACERS, race, storeNow } from './arrange.js';
import {
  conversationsOf,
  INACTIVE_MS,
  move,
  moveTo,
  openGate,
  pass,
  readConversation,
  say,
} from './arrange-conversations.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';
import { STRANGE_IDS } from './strange-ids.js';

const DAY_MS = 86_400_000;

/** Messages are recorded. */
export function describeRecord(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('record', () => {
    test('makes a conversation, at the store’s time', async ({ store }) => {
      const from = await storeNow(store);
      expect(await say(store, 'c', { from: 'agent', chat: 'x@lid' })).toBe(1);
      const made = await readConversation(store, 'c');
      expect(made).toEqual({
        id: 'c',
        sessionId: 's',
        chat: 'x@lid',
        state: 'OPEN',
        sequence: 1,
        lastMessageAt: expect.any(Date),
        heardAt: expect.any(Date),
        lastFrom: 'agent',
        warnedAt: null,
        closingNumber: 0,
        outgoing: null,
        adopted: false,
        hostStatus: null,
      });
      expectWithin(made.heardAt, from, await storeNow(store));
    });

    test('raises the sequence by one per message, several of one conversation in one call too', async ({ store }) => {
      const at = new Date(await storeNow(store));
      const message = { sessionId: 's', from: 'contact' as const, at };
      const ids = ['a', 'b', 'a', 'a', 'b'];
      const answers = await conversationsOf(store).record({
        messages: ids.map((conversationId) => ({ ...message, conversationId })),
      });
      expect(answers).toEqual([
        { conversationId: 'a', sequence: 1 },
        { conversationId: 'b', sequence: 1 },
        { conversationId: 'a', sequence: 2 },
        { conversationId: 'a', sequence: 3 },
        { conversationId: 'b', sequence: 2 },
      ]);
      expect(await say(store, 'a')).toBe(4);
      expect(await conversationsOf(store).record({ messages: [] })).toEqual([]);
    });

    test('keeps any text, and the address that was known', async ({ store }) => {
      for (const id of STRANGE_IDS) expect(await say(store, id, { chat: id })).toBe(1);
      await say(store, STRANGE_IDS[0] ?? '', { chat: undefined });
      const found = await conversationsOf(store).get({ ids: [...STRANGE_IDS, 'unknown'] });
      expect(found.map(({ id, chat }) => [id, chat]).sort()).toEqual(STRANGE_IDS.map((id) => [id, id]).sort());
    });

    test('takes a time in the future for now, and never goes back', async ({ store }) => {
      await say(store, 'c', { at: new Date('2199-01-01T00:00:00Z') });
      expectWithin((await readConversation(store, 'c')).lastMessageAt, 0, await storeNow(store));
      const { lastMessageAt } = await readConversation(store, 'c');
      expect(await say(store, 'c', { at: new Date(lastMessageAt.getTime() - 60_000), from: 'bot' })).toBe(2);
      expect(await readConversation(store, 'c')).toMatchObject({ lastMessageAt, lastFrom: 'contact' });
      expect(await say(store, 'c', { at: lastMessageAt, from: 'bot' })).toBe(3);
      expect(await readConversation(store, 'c')).toMatchObject({ lastMessageAt, lastFrom: 'bot' });
    });

    test('counts from when it heard, in whole milliseconds, not by when it was written', async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      const from = await storeNow(store);
      await say(store, 'c', { at: new Date(from - 5 * INACTIVE_MS) });
      const { heardAt } = await readConversation(store, 'c');
      expectWithin(heardAt, from, await storeNow(store));
      expect(await conversationsOf(store).inactive({ inactiveForMs: 1_000, ...gateless, limit: 9 })).toEqual([]);
      await pass(harness, owner, 10_000);
      expect(await conversationsOf(store).inactive({ inactiveForMs: 1_000, ...gateless, limit: 9 })).toHaveLength(1);
    });

    test('adopts what it first hears of by a message that is a day old, until somebody speaks', async ({ store }) => {
      const now = await storeNow(store);
      await say(store, 'old', { at: new Date(now - DAY_MS - 60_000) });
      await say(store, 'young', { at: new Date(now - DAY_MS + 60_000) });
      expect(await readConversation(store, 'old')).toMatchObject({ adopted: true, state: 'OPEN', sequence: 1 });
      expect(await readConversation(store, 'young')).toMatchObject({ adopted: false });
      await say(store, 'old', { at: new Date(now - DAY_MS - 30_000) });
      expect(await readConversation(store, 'old')).toMatchObject({ adopted: true, sequence: 2 });
      await say(store, 'old');
      expect(await readConversation(store, 'old')).toMatchObject({ adopted: false, sequence: 3 });
      await say(store, 'old', { at: new Date(now - 9 * DAY_MS) });
      expect(await readConversation(store, 'old')).toMatchObject({ adopted: false });
    });

    test('reopens whatever state, and withdraws what is pending', async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      for (const to of ['WARNED', 'CLOSING', 'CLOSED'] as const) {
        await say(store, to);
        await pass(harness, owner, 1_000);
        expect(await move(store, moveTo(to, to, 1, to === 'CLOSED' ? undefined : `m-${to}`))).toBe(true);
        expect(await say(store, to)).toBe(2);
        expect(await readConversation(store, to)).toMatchObject({ state: 'OPEN', outgoing: null, warnedAt: null });
      }
      const { closingNumber } = await readConversation(store, 'CLOSING');
      expect(closingNumber).toBe(1);
    });

    test('does not take the echo of the last warning or farewell for a message', async (harness) => {
      const { store } = harness;
      await openGate(harness);
      await say(store, 'c');
      await move(store, moveTo('WARNED', 'c', 1, 'warning-1'));
      expect(await say(store, 'c', { messageId: 'warning-1' })).toBe(1);
      await move(store, moveTo('CLOSING', 'c', 1, 'farewell-1'));
      const closing = await readConversation(store, 'c');
      for (const messageId of ['warning-1', 'farewell-1']) expect(await say(store, 'c', { messageId })).toBe(1);
      expect(await readConversation(store, 'c')).toEqual(closing);
      expect(await say(store, 'c', { messageId: 'another' })).toBe(2);
      expect((await readConversation(store, 'c')).state).toBe('OPEN');
      expect(await say(store, 'c', { messageId: 'farewell-1' })).toBe(2);
    });

    test('does not reopen a closed conversation by a message that is no newer', async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      await say(store, 'c');
      const { lastMessageAt } = await readConversation(store, 'c');
      await pass(harness, owner, 1_000);
      await move(store, moveTo('CLOSED', 'c', 1));
      const closed = await readConversation(store, 'c');
      const newest = closed.lastMessageAt.getTime();
      expect(newest).toBeLessThanOrEqual(lastMessageAt.getTime());
      for (const at of [newest, newest - DAY_MS]) expect(await say(store, 'c', { at: new Date(at) })).toBe(1);
      expect(await readConversation(store, 'c')).toEqual(closed);
      expect(await say(store, 'c', { at: new Date(newest + 1) })).toBe(2);
      expect((await readConversation(store, 'c')).state).toBe('OPEN');
    });

    test(`by ${RACERS} at once counts each, of a new conversation and of a known one`, async (harness) => {
      const { store } = harness;
      const clients = await clientsOf(harness, RACERS);
      for (const round of [1, 2]) {
        const sequences = await race(clients, (client) => say(client, 'c'));
        const first = (round - 1) * RACERS + 1;
        expect(sequences.sort((a, b) => (a ?? 0) - (b ?? 0))).toEqual(
          Array.from({ length: RACERS }, (_, index) => first + index),
        );
      }
      expect((await readConversation(store, 'c')).sequence).toBe(2 * RACERS);
    });
  });
}

const gateless = { unchangedForMs: 0, skipStatuses: [] };
