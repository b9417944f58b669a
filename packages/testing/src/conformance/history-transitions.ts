import type { HistoryStore, Transition, WaSyncStore } from '@wa-sync/core';
import {
  change,
  claim,
  create,
  expectWithin,
  fence,
  freeAll,
  hold,
  holdAll,
  join,
  readOne,
  storeNow,
  token,
  tryClaim,
  tryWrite,
  write,
} from './arrange.js';
import { beatOf } from './beat-of.js';
import { cleanupOf, INACTIVE_MS } from './cleanup-rule.js';
import { expect } from './expect.js';
import { type StoreSuite, storeTest } from './store-suite.js';

/** The part of a store that these tests are about. */
export function historyOf(store: WaSyncStore): HistoryStore {
  if (!store.history) throw new Error('This store keeps no history');
  return store.history;
}

/** All that is kept of one session, the newest first. */
export function changesOf(store: WaSyncStore, sessionId: string): Promise<Transition[]> {
  return historyOf(store).ofSession({ sessionId, limit: 1_000 });
}

/**
 * What came of one session after a moment: `act` and its entries, the oldest first, without what differs from run to
 * run.
 */
async function changesDuring(store: WaSyncStore, sessionId: string, act: () => Promise<unknown>) {
  const before = new Set((await changesOf(store, sessionId)).map(({ id }) => id));
  await act();
  const added = (await changesOf(store, sessionId)).filter(({ id }) => !before.has(id));
  return added.reverse().map(({ id: _id, at: _at, sessionId: _session, ...rest }) => rest);
}

/** Every change of a row leaves one entry, and nothing else does. */
export function describeTransitions(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('an entry', () => {
    test('is left by a guarded write, with all that it says', async ({ store }) => {
      const owner = await join(store);
      await create(store, 'a');
      const held = await claim(store, owner, 'a');
      const from = await storeNow(store);
      const reason = { code: 'slow', detail: `'"\\$1 {"a":[1]} 😀` };
      await write(store, held, { health: 'degraded', reason });
      const until = await storeNow(store);
      const [entry, ...others] = await changesOf(store, 'a');
      expect(others).toEqual([]);
      expect(entry).toEqual({
        id: expect.any(String),
        sessionId: 'a',
        at: expect.any(Date),
        from: 'DISCONNECTED',
        to: 'CONNECTED',
        evidence: 'observed',
        health: 'degraded',
        reason,
        owner,
      });
      expectWithin(entry?.at ?? null, from, until);
    });

    test('is left by a change of status, health, evidence or reason code alone', async ({ store }) => {
      const owner = await join(store);
      await create(store, 'a');
      await claim(store, owner, 'a');
      const changes = [
        { status: 'DISCONNECTED', reason: null },
        { status: 'CONNECTED', reason: null },
        { status: 'CONNECTED', health: 'degraded', reason: null },
        { status: 'CONNECTED', health: 'degraded', reason: { code: 'slow' } },
        { status: 'CONNECTED', health: 'degraded', reason: { code: 'handlers_stalled' } },
      ] as const;
      for (const fields of changes) await write(store, await readOne(store, 'a'), fields);
      const entries = (await changesOf(store, 'a')).reverse();
      expect(entries.map(({ from, to, health, reason }) => [from, to, health, reason])).toEqual([
        // Nobody had vouched for it until then.
        ['DISCONNECTED', 'DISCONNECTED', 'healthy', null],
        ['DISCONNECTED', 'CONNECTED', 'healthy', null],
        ['CONNECTED', 'CONNECTED', 'degraded', null],
        ['CONNECTED', 'CONNECTED', 'degraded', { code: 'slow' }],
        ['CONNECTED', 'CONNECTED', 'degraded', { code: 'handlers_stalled' }],
      ]);
    });

    test('is left once by a write that was sent twice', async ({ store }) => {
      const owner = await join(store);
      await create(store, 'a');
      const held = await claim(store, owner, 'a');
      const writeId = token('write');
      const added = await changesDuring(store, 'a', async () => {
        await tryWrite(store, held, change(), writeId);
        await tryWrite(store, held, change(), writeId);
      });
      expect(added).toHaveLength(1);
    });

    test('is left by none of: a row added, a claim, a repair, a new desired state, other fields, a guard that was missed', async (harness) => {
      const { store } = harness;
      const [owner, other] = [await join(store), await join(store, 'other')];
      await create(store, 'a');
      await claim(store, owner, 'a');
      expect(await changesOf(store, 'a')).toEqual([]);
      const held = await write(store, await readOne(store, 'a'), { reason: { code: 'slow', detail: 'one' } });
      const added = await changesDuring(store, 'a', async () => {
        expect(await tryWrite(store, held, null)).toMatchObject({ applied: true });
        const fields = { reason: { code: 'slow', detail: 'two' }, phone: '551', reconnectAttempt: 3 };
        await write(store, await readOne(store, 'a'), fields);
        await store.sessions.setDesired({ id: 'a', desired: 'stopped' });
        expect(await tryWrite(store, held, change({ status: 'ERROR' }))).toMatchObject({ applied: false });
        await tryClaim(store, other, 'a', 'free');
        await tryClaim(store, other, 'a', 'takeover');
        await tryWrite(store, await readOne(store, 'a'), null);
        await create(store, 'a');
        await store.leases.freeFenced({ limit: 10 });
      });
      expect(added).toEqual([]);
    });

    test('of a batch stands for each row that changed', async ({ store }) => {
      const owner = await join(store);
      const ids = Array.from({ length: 300 }, (_, index) => `s${index}`);
      const held = await holdAll(store, owner, ids);
      const writes = held.map(({ id, tenure, version }, index) => ({
        id,
        tenure: tenure ?? '',
        version,
        writeId: token('write'),
        set: index % 2 === 0 ? change({ status: 'RECONNECTING', seenAgoMs: 0 }) : change({ phone: '551' }),
      }));
      const { next } = await historyOf(store).since({ after: null, limit: 10 });
      await store.sessions.write({ owner, writes });
      const { transitions } = await historyOf(store).since({ after: next, limit: 1_000 });
      expect(new Set(transitions.map(({ sessionId }) => sessionId))).toEqual(
        new Set(ids.filter((_, index) => index % 2 === 0)),
      );
      expect(transitions).toHaveLength(150);
    });

    test('is left by a release: vouched for by the owner that released it, or by nobody', async ({ store }) => {
      const owner = await join(store);
      await holdAll(store, owner, ['closed', 'left']);
      await hold(store, owner, 'out', { status: 'LOGGED_OUT', reason: { code: 'logged_out' } });
      const reason = { code: 'shutdown', detail: 'SIGTERM' };
      const during = (id: string, act: () => Promise<unknown>) => changesDuring(store, id, act);
      const release = () => store.sessions.release({ owner, unobservedIds: ['left'], reason });
      const disconnected = { from: 'CONNECTED', to: 'DISCONNECTED', health: 'healthy', reason } as const;
      expect(await during('closed', release)).toEqual([{ ...disconnected, evidence: 'observed', owner }]);
      expect((await changesOf(store, 'left'))[0]).toMatchObject({
        ...disconnected,
        evidence: 'unobserved',
        owner: null,
      });
      // It says what it said before, and its owner still vouches for it.
      expect(await changesOf(store, 'out')).toHaveLength(1);
      expect(await during('closed', release)).toEqual([]);
    });

    test('is left by a fence: owner_lost, vouched for by nobody', async ({ store }) => {
      const owner = await join(store);
      await hold(store, owner, 'a');
      await hold(store, owner, 'out', { status: 'LOGGED_OUT', reason: { code: 'logged_out' } });
      await fence(store, owner);
      const added = await changesDuring(store, 'a', () => freeAll(store));
      const rest = { evidence: 'expired', health: 'healthy', owner: null } as const;
      expect(added).toEqual([{ ...rest, from: 'CONNECTED', to: 'DISCONNECTED', reason: { code: 'owner_lost' } }]);
      expect((await changesOf(store, 'out'))[0]).toMatchObject({
        ...rest,
        from: 'LOGGED_OUT',
        to: 'LOGGED_OUT',
        reason: { code: 'logged_out' },
      });
      expect(await changesDuring(store, 'a', () => freeAll(store))).toEqual([]);
    });

    test('is left by the end of the adoption grace', async ({ store, advance }, leaveOut) => {
      if (!store.sessions.closeUnheld) return leaveOut('the store takes over no rows of an earlier system');
      const sessions = [{ id: 'a', desired: 'running', status: 'CONNECTED' }] as const;
      await store.sessions.create({ sessions });
      expect(await changesOf(store, 'a')).toEqual([]);
      await advance(61_000);
      const settle = () => store.sessions.closeUnheld?.({ graceMs: 60_000, limit: 10 }) ?? Promise.resolve([]);
      expect(await changesDuring(store, 'a', settle)).toEqual([
        {
          from: 'CONNECTED',
          to: 'DISCONNECTED',
          evidence: 'unobserved',
          health: 'healthy',
          reason: { code: 'not_held' },
          owner: null,
        },
      ]);
      expect(await changesDuring(store, 'a', settle)).toEqual([]);
    });

    test('is left by a cleanup that deactivates a session', async ({ store, advance }, leaveOut) => {
      if (!store.cleanup) return leaveOut('the store cleans nothing up');
      const owner = await join(store);
      await hold(store, owner, 'a', { status: 'QR_CODE', qr: '2@x' });
      await create(store, 'b');
      await advance(INACTIVE_MS + 1_000);
      await store.leases.beat(beatOf(owner));
      const rest = () => cleanupOf(store).deactivate({ ids: ['a', 'b'], inactiveForMs: INACTIVE_MS, restedForMs: 0 });
      const inactive = {
        evidence: 'unobserved',
        health: 'healthy',
        reason: { code: 'inactive' },
        owner: null,
      } as const;
      expect(await changesDuring(store, 'a', rest)).toEqual([{ ...inactive, from: 'QR_CODE', to: 'DISCONNECTED' }]);
      expect(await changesOf(store, 'b')).toMatchObject([{ ...inactive, from: 'DISCONNECTED', to: 'DISCONNECTED' }]);
      expect(await changesDuring(store, 'a', rest)).toEqual([]);
    });
  });
}
