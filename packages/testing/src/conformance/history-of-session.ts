import type { WaSyncStore } from '@wa-sync/core';
import { claim, create, hold, join, readOne, write } from './arrange.js';
import { cleanupOf, INACTIVE_MS, unused } from './cleanup-rule.js';
import { expect } from './expect.js';
import { changesOf, historyOf } from './history-transitions.js';
import { type StoreSuite, storeTest } from './store-suite.js';
import { STRANGE_IDS } from './strange-ids.js';

/** Writes `count` changes to one session, distinguished by their reason codes: `r0`, `r1`, … */
async function changeOften(store: WaSyncStore, owner: string, id: string, count: number): Promise<void> {
  await create(store, id);
  let held = await claim(store, owner, id);
  for (let index = 0; index < count; index += 1) {
    held = await write(store, held, { status: 'RECONNECTING', reason: { code: `r${index}` } });
  }
}

const codes = (entries: readonly { reason: { code: string } | null }[]) => entries.map(({ reason }) => reason?.code);

/** What one session went through. */
export function describeHistoryOfSession(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('ofSession', () => {
    test('returns the newest first, in pages, and only its own', async ({ store }) => {
      const owner = await join(store);
      await changeOften(store, owner, 'a', 5);
      await changeOften(store, owner, 'b', 1);
      const history = historyOf(store);
      const first = await history.ofSession({ sessionId: 'a', limit: 2 });
      expect(codes(first)).toEqual(['r4', 'r3']);
      const second = await history.ofSession({ sessionId: 'a', before: first[1]?.id, limit: 2 });
      expect(codes(second)).toEqual(['r2', 'r1']);
      const third = await history.ofSession({ sessionId: 'a', before: second[1]?.id, limit: 2 });
      expect(codes(third)).toEqual(['r0']);
      expect(await history.ofSession({ sessionId: 'a', before: third[0]?.id, limit: 2 })).toEqual([]);
      const all = await changesOf(store, 'a');
      expect(all).toEqual([...first, ...second, ...third]);
      expect(all.every((entry, index) => entry.from === all[index + 1]?.to || index === all.length - 1)).toBe(true);
      expect(codes(await changesOf(store, 'b'))).toEqual(['r0']);
    });

    test('returns nothing for an unknown session, and before an id that was never given out', async ({ store }) => {
      const owner = await join(store);
      await changeOften(store, owner, 'a', 2);
      expect(await changesOf(store, 'unknown')).toEqual([]);
      for (const before of ['nonsense', "'; --", '😀', ' ', '-1', '1e999']) {
        expect(await historyOf(store).ofSession({ sessionId: 'a', before, limit: 10 })).toEqual([]);
      }
    });

    test('keeps any session id apart', async ({ store }) => {
      const owner = await join(store);
      await store.sessions.create({ sessions: STRANGE_IDS.map((id) => ({ id, desired: 'running' as const })) });
      for (const [index, id] of STRANGE_IDS.entries()) {
        await write(store, await claim(store, owner, id), { reason: { code: `r${index}` } });
      }
      for (const [index, id] of STRANGE_IDS.entries()) {
        expect(await changesOf(store, id)).toMatchObject([{ sessionId: id, reason: { code: `r${index}` } }]);
      }
    });

    test('goes with the row: removed, or purged; a new row of that id begins anew', async (harness, leaveOut) => {
      const { store } = harness;
      const owner = await join(store);
      await changeOften(store, owner, 'a', 3);
      await hold(store, owner, 'stays');
      const { next } = await historyOf(store).since({ after: null, limit: 10 });
      await write(store, await readOne(store, 'a'), { status: 'ERROR' });
      await store.sessions.remove({ id: 'a' });
      expect(await changesOf(store, 'a')).toEqual([]);
      expect(await historyOf(store).since({ after: next, limit: 10 })).toMatchObject({
        transitions: [],
        missed: false,
      });
      await create(store, 'a');
      expect(await changesOf(store, 'a')).toEqual([]);
      expect(await changesOf(store, 'stays')).toHaveLength(1);
      if (!store.cleanup) return leaveOut('the store cleans nothing up');
      await unused(harness, 'old');
      await cleanupOf(store).deactivate({ ids: ['old'], inactiveForMs: INACTIVE_MS, restedForMs: 0 });
      expect(await changesOf(store, 'old')).toHaveLength(1);
      await cleanupOf(store).markForPurge({ ids: ['old'], inactiveForMs: INACTIVE_MS, restedForMs: 0 });
      expect(await cleanupOf(store).purge({ ids: ['old'] })).toEqual(['old']);
      expect(await changesOf(store, 'old')).toEqual([]);
    });
  });

  describe('prune', () => {
    test('forgets what is older than it should keep, by store time, up to the limit', async ({ store, advance }) => {
      const owner = await join(store);
      await changeOften(store, owner, 'a', 3);
      await changeOften(store, owner, 'b', 2);
      await advance(20_000);
      await write(store, await readOne(store, 'a'), { reason: { code: 'new' } });
      const history = historyOf(store);
      expect(await history.prune({ keepMs: 60_000, limit: 100 })).toBe(0);
      expect(await history.prune({ keepMs: 10_000, limit: 2 })).toBe(2);
      expect((await changesOf(store, 'a')).length + (await changesOf(store, 'b')).length).toBe(4);
      expect(await history.prune({ keepMs: 10_000, limit: 100 })).toBe(3);
      expect(await history.prune({ keepMs: 10_000, limit: 100 })).toBe(0);
      expect(codes(await changesOf(store, 'a'))).toEqual(['new']);
      expect(await changesOf(store, 'b')).toEqual([]);
    });

    test('leaves the rows as they are', async ({ store, advance }) => {
      const owner = await join(store);
      const held = await hold(store, owner, 'a');
      await advance(20_000);
      expect(await historyOf(store).prune({ keepMs: 10_000, limit: 10 })).toBe(1);
      expect({
        ...(await readOne(store, 'a')),
        effective: held.effective,
        statusChangedAt: held.statusChangedAt,
        createdAt: held.createdAt,
      }).toEqual(held);
    });
  });
}
