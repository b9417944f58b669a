import { RACERS, race } from './arrange.js';
import { conversationsOf, gate, move, moveTo, openGate, pass, readConversation, say } from './arrange-conversations.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';

/** The closing machine moves on. */
export function describeMove(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('move', () => {
    test('warns: state, time and the message to send', async (harness) => {
      const { store } = harness;
      await openGate(harness);
      await say(store, 'c');
      const before = await readConversation(store, 'c');
      expect(await move(store, moveTo('WARNED', 'c', 1, 'm1'))).toBe(true);
      expect(await readConversation(store, 'c')).toEqual({
        ...before,
        state: 'WARNED',
        warnedAt: expect.any(Date),
        outgoing: { id: 'm1', kind: 'warning', text: 'warning ✓', delivery: 'pending' },
      });
    });

    test('closes, with and without a word, and raises the closing number', async (harness) => {
      const { store } = harness;
      await openGate(harness);
      await say(store, 'spoken');
      await say(store, 'silent');
      await move(store, moveTo('CLOSING', 'spoken', 1, 'm1'));
      await move(store, moveTo('CLOSED', 'silent', 1));
      expect(await readConversation(store, 'spoken')).toMatchObject({
        state: 'CLOSING',
        closingNumber: 1,
        outgoing: { id: 'm1', kind: 'farewell', delivery: 'pending' },
      });
      expect(await readConversation(store, 'silent')).toMatchObject({
        state: 'CLOSED',
        closingNumber: 1,
        outgoing: null,
      });
    });

    test('goes on from a warning, whose message is withdrawn where it was not sent yet', async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      for (const id of ['farewell', 'silent']) {
        await say(store, id);
        await move(store, moveTo('WARNED', id, 1, `w-${id}`));
      }
      await move(store, moveTo('CLOSING', 'farewell', 1, 'm1'));
      await move(store, moveTo('CLOSED', 'silent', 1));
      expect((await readConversation(store, 'farewell')).outgoing).toMatchObject({ id: 'm1' });
      expect((await readConversation(store, 'silent')).outgoing).toBeNull();
      const waiting = await conversationsOf(store).outgoing({ owner, exceptSessions: [], limit: 9 });
      expect(waiting.map(({ id }) => id)).toEqual(['farewell']);
    });

    test('is refused where a message came, twice, from where it may not come, or while one is being sent', async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      for (const id of ['later', 'warned', 'closing', 'closed', 'sending']) await say(store, id);
      await say(store, 'later');
      await move(store, moveTo('WARNED', 'warned', 1, 'm1'));
      await move(store, moveTo('CLOSING', 'closing', 1, 'm2'));
      await move(store, moveTo('CLOSED', 'closed', 1));
      await move(store, moveTo('WARNED', 'sending', 1, 'm3'));
      const begin = { id: 'sending', sequence: 1, messageId: 'm3', owner, ...gate };
      expect(await conversationsOf(store).beginSend(begin)).toBe(true);
      const ids = ['later', 'warned', 'closing', 'closed', 'sending'];
      const before = await Promise.all(ids.map((id) => readConversation(store, id)));
      const refused = [
        moveTo('CLOSED', 'later', 1),
        moveTo('CLOSED', 'later', 3),
        moveTo('WARNED', 'warned', 1, 'm4'),
        moveTo('WARNED', 'closing', 1, 'm4'),
        moveTo('CLOSING', 'closing', 1, 'm4'),
        moveTo('CLOSED', 'closing', 1),
        moveTo('WARNED', 'closed', 1, 'm4'),
        moveTo('CLOSED', 'closed', 1),
        moveTo('CLOSING', 'sending', 1, 'm4'),
        moveTo('CLOSED', 'unknown', 1),
      ];
      for (const one of refused) expect(await move(store, one)).toBe(false);
      expect(await Promise.all(ids.map((id) => readConversation(store, id)))).toEqual(before);
      expect(await conversationsOf(store).get({ ids: ['unknown'] })).toEqual([]);
    });

    test('makes of many moves those that hold, and returns which', async (harness) => {
      const { store } = harness;
      await openGate(harness);
      const ids = Array.from({ length: 500 }, (_, index) => `c${index}`);
      for (const id of ids.slice(0, 3)) await say(store, id);
      await conversationsOf(store).record({
        messages: ids.map((conversationId) => ({ conversationId, sessionId: 's', from: 'contact', at: new Date(0) })),
      });
      const moved = await conversationsOf(store).move({ moves: ids.map((id) => moveTo('CLOSED', id, 1)), ...gate });
      expect([...moved].sort()).toEqual(ids.slice(3).sort());
      expect(await conversationsOf(store).move({ moves: [], ...gate })).toEqual([]);
    });

    test(`against ${RACERS} messages closes before each or not at all`, async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      const [mover = store, recorder = store] = await clientsOf(harness, 2);
      const ids = Array.from({ length: RACERS }, (_, index) => `c${index}`);
      for (const id of ids) await say(store, id);
      await pass(harness, owner, 1_000);
      const [moved] = await Promise.all([
        race(ids, (id) => move(mover, moveTo('CLOSING', id, 1, `m-${id}`))),
        race(ids, (id) => say(recorder, id)),
      ]);
      for (const [index, id] of ids.entries()) {
        const row = await readConversation(store, id);
        // Whoever came first: the message stands, and nothing is left to be sent.
        expect(row).toMatchObject({ state: 'OPEN', sequence: 2, outgoing: null, closingNumber: moved[index] ? 1 : 0 });
      }
    });

    test(`by ${RACERS} at once has one winner`, async (harness) => {
      const { store } = harness;
      await openGate(harness);
      await say(store, 'c');
      const clients = await clientsOf(harness, RACERS);
      const moved = await race(clients, (client, index) => move(client, moveTo('CLOSING', 'c', 1, `m${index}`)));
      expect(moved.filter(Boolean)).toHaveLength(1);
      expect(await readConversation(store, 'c')).toMatchObject({
        closingNumber: 1,
        outgoing: { id: `m${moved.indexOf(true)}` },
      });
    });
  });
}
