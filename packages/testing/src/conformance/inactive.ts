import type { InactiveConversation, InactiveCursor, WaSyncStore } from '@wa-sync/core';
import { claim, fence, hold, join, readOne, storeNow, TTL_MS, tryClaim, write } from './arrange.js';
import {
  conversationsOf,
  INACTIVE_MS,
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
import { type StoreHarness, type StoreSuite, storeTest } from './store-suite.js';
import { STRANGE_IDS } from './strange-ids.js';

async function inactiveOf(store: WaSyncStore, after?: InactiveCursor, limit = 1_000): Promise<InactiveConversation[]> {
  const params = { inactiveForMs: INACTIVE_MS, unchangedForMs: UNCHANGED_MS, after, limit, skipStatuses: [] };
  return conversationsOf(store).inactive(params);
}

async function gateOf(store: WaSyncStore): Promise<boolean | undefined> {
  const params = { inactiveForMs: -1_000, unchangedForMs: UNCHANGED_MS, limit: 1, skipStatuses: [] };
  return (await conversationsOf(store).inactive(params))[0]?.gateOpen;
}

/** Which conversations are inactive, and whether their session can send. */
export function describeInactive(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('inactive', () => {
    test('returns what is open or warned and inactive for longer, with how long', async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      for (const id of ['closed', 'closing', 'open', 'warned']) await say(store, id);
      await move(store, moveTo('CLOSED', 'closed', 1));
      await move(store, moveTo('CLOSING', 'closing', 1, 'm1'));
      await pass(harness, owner, INACTIVE_MS - 60_000);
      await move(store, moveTo('WARNED', 'warned', 1, 'm2'));
      expect(await inactiveOf(store)).toEqual([]);
      await pass(harness, owner, 70_000);
      await say(store, 'young');
      const found = await inactiveOf(store);
      expect(found.map(({ conversation }) => conversation.id)).toEqual(['open', 'warned']);
      for (const { conversation, inactiveForMs, gateOpen } of found) {
        expect(conversation).toEqual(await readConversation(store, conversation.id));
        expect(Math.abs(inactiveForMs - (INACTIVE_MS + 10_000))).toBeLessThan(9_000);
        expect(gateOpen).toBe(true);
      }
      expect(found[0]?.warnedForMs).toBeNull();
      expect(Math.abs((found[1]?.warnedForMs ?? 0) - 70_000)).toBeLessThan(9_000);
    });

    test('pages in the order of silence, then of the bytes of the ids, each once', async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      await say(store, 'z-first');
      await pass(harness, owner, 10);
      // One statement, one moment.
      const at = new Date(await storeNow(store));
      await conversationsOf(store).record({
        messages: STRANGE_IDS.map((conversationId) => ({ conversationId, sessionId: 's', from: 'contact', at })),
      });
      await pass(harness, owner, 10);
      await say(store, 'a-last');
      await pass(harness, owner, INACTIVE_MS + 1_000);
      const seen: string[] = [];
      for (let after: InactiveCursor | undefined; ; ) {
        const page = await inactiveOf(store, after, 7);
        seen.push(...page.map(({ conversation }) => conversation.id));
        if (page.length < 7) break;
        after = page.at(-1)?.conversation;
      }
      const middle = [...STRANGE_IDS].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(seen).toEqual(['z-first', ...middle, 'a-last']);
    });

    test('leaves out what no session row stands for', async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      await say(store, 'c');
      await say(store, 'nobodys', { sessionId: 'never-registered' });
      await pass(harness, owner, INACTIVE_MS + 1_000);
      expect((await inactiveOf(store)).map(({ conversation }) => conversation.id)).toEqual(['c']);
      await store.sessions.remove({ id: 's' });
      expect(await inactiveOf(store)).toEqual([]);
      expect(await readConversation(store, 'c')).toMatchObject({ state: 'OPEN' });
    });
  });

  describe('countOpen', () => {
    test('returns how many are open or warned, due or not, with a session row or without', async (harness, leaveOut) => {
      const { store } = harness;
      const conversations = conversationsOf(store);
      if (!conversations.countOpen) return leaveOut('the store does not count');
      const owner = await openGate(harness);
      expect(await conversations.countOpen()).toBe(0);
      for (const id of ['closed', 'closing', 'open', 'warned']) await say(store, id);
      await say(store, 'nobodys', { sessionId: 'never-registered' });
      expect(await conversations.countOpen()).toBe(5);
      await pass(harness, owner, 1_000);
      expect(await move(store, moveTo('CLOSED', 'closed', 1))).toBe(true);
      expect(await move(store, moveTo('CLOSING', 'closing', 1, 'm1'))).toBe(true);
      expect(await move(store, moveTo('WARNED', 'warned', 1, 'm2'))).toBe(true);
      expect(await conversations.countOpen()).toBe(3);
      // A second message in an open one is no second conversation; one in a closed one opens it again.
      await pass(harness, owner, 1_000);
      for (const id of ['open', 'closed']) await say(store, id);
      expect(await conversations.countOpen()).toBe(4);
    });
  });

  describe('the gate', () => {
    const shut: [string, (harness: StoreHarness, owner: string) => Promise<unknown>][] = [
      ['while the session is nobody’s', ({ store }, owner) => store.sessions.release({ owner, ...released })],
      [
        'in every other status',
        async ({ store }) => write(store, await readOne(store, 's'), { status: 'RECONNECTING' }),
      ],
      ['while it is degraded', async ({ store }) => write(store, await readOne(store, 's'), { health: 'degraded' })],
      ['while the owner’s lease is over', ({ advance }) => advance(TTL_MS + 1_000)],
      ['once the owner is fenced', ({ store }, owner) => fence(store, owner)],
      [
        'while the owner suspects its own network',
        ({ store }, owner) => store.leases.beat(beatOf(owner, { massOutage: true })),
      ],
      [
        'for a while after the connection opened',
        async ({ store }) => {
          const closed = await write(store, await readOne(store, 's'), { status: 'RECONNECTING' });
          await write(store, closed);
        },
      ],
      [
        'for a while after it was degraded',
        async ({ store }) => {
          const degraded = await write(store, await readOne(store, 's'), { health: 'degraded' });
          await write(store, degraded);
        },
      ],
      [
        'for a while after another took the session, whose row says CONNECTED all the time',
        async ({ store }) => tryClaim(store, await join(store, 'other'), 's', 'takeover'),
      ],
    ];
    for (const [when, act] of shut) {
      test(`is shut ${when}, for a move too`, async (harness) => {
        const { store } = harness;
        const owner = await openGate(harness);
        await say(store, 'c');
        expect(await gateOf(store)).toBe(true);
        await act(harness, owner);
        expect(await gateOf(store)).toBe(false);
        expect(await move(store, moveTo('CLOSED', 'c', 1))).toBe(false);
        expect((await readConversation(store, 'c')).state).toBe('OPEN');
      });
    }

    test('opens again once the session is unchanged for long enough, also after a write that changed neither status nor health', async (harness) => {
      const { store } = harness;
      const owner = await openGate(harness);
      await say(store, 'c');
      await write(store, await readOne(store, 's'), { phone: '5511999990000', reason: { code: 'x' } });
      expect(await gateOf(store)).toBe(true);
      await write(store, await readOne(store, 's'), { status: 'RECONNECTING' });
      await write(store, await readOne(store, 's'));
      await pass(harness, owner, UNCHANGED_MS - 10_000);
      expect(await gateOf(store)).toBe(false);
      await pass(harness, owner, 11_000);
      expect(await gateOf(store)).toBe(true);
    });

    test('stays shut for what a claim found in the row, until its owner vouches for it', async (harness) => {
      const { store } = harness;
      const owner = await join(store);
      const held = await hold(store, owner, 's');
      await store.sessions.release({ owner, ...released });
      await claim(store, owner, 's');
      expect(held.status).toBe('CONNECTED');
      await say(store, 'c');
      await pass(harness, owner, UNCHANGED_MS * 2);
      expect(await gateOf(store)).toBe(false);
    });
  });
}

const released = { ids: ['s'], unobservedIds: [], reason: { code: 'stopped' } };
