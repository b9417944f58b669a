import type { BeginAnswer, ClusterJobName, JobStore, WaSyncStore } from '@wa-sync/core';
import { join, RACERS, race, storeNow, TTL_MS, token } from './arrange.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';

const MINUTE = 60_000;

/** The part of a store that these tests are about. */
export function jobsOf(store: WaSyncStore): JobStore {
  if (!store.jobs) throw new Error('This store has no jobs');
  return store.jobs;
}

/** Begins a run under a fresh id. */
export function begin(
  store: WaSyncStore,
  owner: string,
  slot: Date | null,
  job: ClusterJobName = 'cleanup',
): Promise<BeginAnswer> {
  return jobsOf(store).begin({ runId: token('run'), job, slot, owner });
}

/** Ends a run well. */
export function finish(store: WaSyncStore, owner: string, runId: string): Promise<boolean> {
  return jobsOf(store).end({ runId, owner, outcome: 'finished', counts: {}, error: null });
}

/** One winner for a slot, and for a job at a time. */
export function describeSlots(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('lastSlot', () => {
    test('of a job that was never seen is the store’s time, and stays', async ({ store, advance }) => {
      const from = await storeNow(store);
      const first = await jobsOf(store).lastSlot({ job: 'cleanup' });
      expect(first.getTime()).toBeGreaterThanOrEqual(from - 1);
      expect(first.getTime()).toBeLessThanOrEqual((await storeNow(store)) + 1);
      await advance(1_000);
      const again = await jobsOf(store).lastSlot({ job: 'cleanup' });
      expect(Math.abs(again.getTime() - first.getTime())).toBeLessThanOrEqual(1_000);
    });

    test('is the last slot that began, of each job for itself', async ({ store }) => {
      const owner = await join(store);
      const now = await storeNow(store);
      await jobsOf(store).lastSlot({ job: 'cleanup' });
      const slot = new Date(now + MINUTE);
      expect(await begin(store, owner, slot)).toMatchObject({ begun: true, run: { slot, owner, outcome: 'running' } });
      expect(await jobsOf(store).lastSlot({ job: 'cleanup' })).toEqual(slot);
      expect((await jobsOf(store).lastSlot({ job: 'inactivity' })).getTime()).toBeLessThan(now + MINUTE);
    });

    test('is not moved by a run that somebody asked for', async ({ store }) => {
      const owner = await join(store);
      const before = await jobsOf(store).lastSlot({ job: 'cleanup' });
      expect(await begin(store, owner, null)).toMatchObject({ begun: true, run: { slot: null } });
      expect(await jobsOf(store).lastSlot({ job: 'cleanup' })).toEqual(before);
    });
  });

  describe('begin', () => {
    test('refuses a slot that began, and any before it, also after its run ended', async ({ store }) => {
      const owner = await join(store);
      const slot = new Date((await storeNow(store)) + MINUTE);
      const first = await begin(store, owner, slot);
      await finish(store, owner, first.run?.id ?? '');
      for (const earlier of [slot, new Date(slot.getTime() - 1)]) {
        expect(await begin(store, owner, earlier)).toMatchObject({ begun: false, why: 'slot_taken' });
      }
      expect(await begin(store, owner, new Date(slot.getTime() + 1))).toMatchObject({ begun: true });
    });

    test('takes a past slot of a job that was never seen: a host’s own scheduler calls after the instant', async ({
      store,
    }) => {
      const owner = await join(store);
      const slot = new Date((await storeNow(store)) - 5_000);
      expect(await begin(store, owner, slot)).toMatchObject({ begun: true, run: { slot } });
      expect(await jobsOf(store).lastSlot({ job: 'cleanup' })).toEqual(slot);
    });

    test('refuses while a run of the same job goes on, and names it; other jobs go on', async ({ store }) => {
      const [owner, other] = [await join(store), await join(store, 'other')];
      const { run } = await begin(store, owner, null);
      for (const slot of [null, new Date((await storeNow(store)) + MINUTE)]) {
        expect(await begin(store, other, slot)).toEqual({ begun: false, why: 'running', run });
      }
      expect(await begin(store, other, null, 'inactivity')).toMatchObject({ begun: true });
      await finish(store, owner, run?.id ?? '');
      expect(await begin(store, other, null)).toMatchObject({ begun: true });
    });

    test('leaves a slot that a run stood in the way of to be begun later', async ({ store }) => {
      const owner = await join(store);
      const { run } = await begin(store, owner, null);
      const slot = new Date((await storeNow(store)) + MINUTE);
      expect(await begin(store, owner, slot)).toMatchObject({ why: 'running' });
      await finish(store, owner, run?.id ?? '');
      expect(await begin(store, owner, slot)).toMatchObject({ begun: true });
    });

    test('marks a run abandoned whose owner’s lease is over: expired, fenced or gone', async ({ store, advance }) => {
      const jobs = jobsOf(store);
      const expired = await join(store, 'expired');
      const first = await begin(store, expired, null);
      await advance(TTL_MS + 1_000);
      const left = await join(store, 'left');
      const second = await begin(store, left, null);
      expect(second).toMatchObject({ begun: true });
      await store.leases.leave({ incarnation: left });
      const owner = await join(store);
      expect(await begin(store, owner, null)).toMatchObject({ begun: true });
      for (const { run } of [first, second]) {
        const runId = run?.id ?? '';
        expect(await jobs.get({ runId })).toMatchObject({ outcome: 'abandoned', endedAt: expect.any(Date) });
        expect(await finish(store, run?.owner ?? '', runId)).toBe(false);
        expect(await jobs.get({ runId })).toMatchObject({ outcome: 'abandoned' });
      }
    });

    test('refuses an owner whose own lease was ended, that left or never joined', async ({ store }) => {
      const left = await join(store);
      await store.leases.leave({ incarnation: left });
      for (const owner of [left, token('incarnation')]) {
        expect(await begin(store, owner, null)).toEqual({ begun: false, why: 'fenced', run: null });
      }
      expect(await jobsOf(store).list({ limit: 10 })).toEqual([]);
    });

    test('repeated under the same id is one run, as it stands', async ({ store }) => {
      const owner = await join(store);
      const params = { runId: token('run'), job: 'cleanup', slot: null, owner } as const;
      const first = await jobsOf(store).begin(params);
      expect(await jobsOf(store).begin(params)).toEqual(first);
      await finish(store, owner, params.runId);
      expect(await jobsOf(store).begin(params)).toMatchObject({ begun: true, run: { outcome: 'finished' } });
      expect(await jobsOf(store).list({ limit: 10 })).toHaveLength(1);
    });

    test(`of one slot has one winner among ${RACERS}`, async (harness) => {
      const { store } = harness;
      const slot = new Date((await storeNow(store)) + MINUTE);
      await jobsOf(store).lastSlot({ job: 'cleanup' });
      const clients = await clientsOf(harness, RACERS);
      const owners = await race(clients, () => join(store));
      const answers = await race(clients, (client, index) => begin(client, owners[index] ?? '', slot));
      expect(answers.filter(({ begun }) => begun)).toHaveLength(1);
      expect(await jobsOf(store).list({ limit: 100 })).toHaveLength(1);
    });

    test(`of a job whose owner died has one winner among ${RACERS}`, async (harness) => {
      const { store } = harness;
      const dead = await join(store, 'dead');
      await begin(store, dead, null);
      await store.leases.leave({ incarnation: dead });
      const clients = await clientsOf(harness, RACERS);
      const owners = await race(clients, () => join(store));
      const answers = await race(clients, (client, index) => begin(client, owners[index] ?? '', null));
      expect(answers.filter(({ begun }) => begun)).toHaveLength(1);
      const outcomes = (await jobsOf(store).list({ limit: 100 })).map(({ outcome }) => outcome);
      expect(outcomes).toEqual(['running', 'abandoned']);
    });
  });
}
