import type { CleanupStore, StatusChange, WaSyncStore } from '@wa-sync/core';
import { create, hold, join, readOne, tryClaim } from './arrange.js';
import { beatOf } from './beat-of.js';
import { expect } from './expect.js';
import { type StoreSuite, storeTest } from './store-suite.js';
import { STRANGE_IDS } from './strange-ids.js';

/** A day and a bit: what the sessions of these tests may be silent for. */
export const INACTIVE_MS = 100_000;

/** The part of a store that these tests are about. */
export function cleanupOf(store: WaSyncStore): CleanupStore {
  if (!store.cleanup) throw new Error('This store cannot clean up');
  return store.cleanup;
}

/** Ids that satisfy the rule now. */
export async function candidateIds(store: WaSyncStore, stage: 'deactivate' | 'purge'): Promise<string[]> {
  const rule = { stage, inactiveForMs: INACTIVE_MS, restedForMs: 0 };
  return (await cleanupOf(store).candidates({ ...rule, limit: 1_000 })).map(({ id }) => id);
}

/** Makes rows that nobody ever held, `INACTIVE_MS` and a second ago. */
export async function unused(harness: { store: WaSyncStore; advance(ms: number): Promise<void> }, ...ids: string[]) {
  await create(harness.store, ...ids);
  await harness.advance(INACTIVE_MS + 1_000);
}

/** Who may be taken. */
export function describeCleanupRule(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('the rule', () => {
    test('counts all and the active ones', async (harness) => {
      const cleanup = cleanupOf(harness.store);
      expect(await cleanup.census()).toEqual({ total: 0, active: 0 });
      await unused(harness, 'a', 'b', 'c');
      await cleanup.deactivate({ ids: ['a'], inactiveForMs: INACTIVE_MS, restedForMs: 0 });
      expect(await cleanup.census()).toEqual({ total: 3, active: 2 });
    });

    test('takes by the age since creation, and not before its time', async ({ store, advance }) => {
      await create(store, 'old');
      await advance(INACTIVE_MS + 10_000);
      await create(store, 'young');
      const [found, ...others] = await cleanupOf(store).candidates({
        stage: 'deactivate',
        inactiveForMs: INACTIVE_MS,
        restedForMs: 0,
        limit: 9,
      });
      expect(others).toEqual([]);
      const { createdAt } = await readOne(store, 'old');
      expect(found).toMatchObject({ id: 'old', status: 'DISCONNECTED', aliveAt: createdAt });
      expect(found?.inactiveForMs).toBeGreaterThanOrEqual(INACTIVE_MS + 9_000);
    });

    test('counts from the last proof of life where there was one, not from the last write', async (harness) => {
      const { store, advance } = harness;
      const owner = await join(store);
      const silent = { status: 'DISCONNECTED', seenAgoMs: INACTIVE_MS + 50_000 } as const;
      await hold(store, owner, 'long-silent', silent);
      await hold(store, owner, 'just-seen', { status: 'DISCONNECTED', seenAgoMs: 10 });
      expect(await candidateIds(store, 'deactivate')).toEqual(['long-silent']);
      await advance(INACTIVE_MS + 1_000);
      await store.sessions.setDesired({ id: 'just-seen', desired: 'stopped' });
      expect(await candidateIds(store, 'deactivate')).toEqual(['just-seen', 'long-silent']);
    });

    test('leaves whoever is connected or being repaired, and takes from an owner only what is at rest', async (harness) => {
      const { store, advance } = harness;
      const owner = await join(store);
      const statuses: StatusChange['status'][] = [
        'CONNECTED',
        'CONNECTING',
        'DISCONNECTED',
        'ERROR',
        'LOGGED_OUT',
        'QR_CODE',
        'RECONNECTING',
        'REPLACED',
      ];
      for (const status of statuses) await hold(store, owner, status, { status });
      await advance(INACTIVE_MS + 1_000);
      await store.leases.beat(beatOf(owner));
      expect(await candidateIds(store, 'deactivate')).toEqual(['DISCONNECTED', 'ERROR', 'LOGGED_OUT', 'QR_CODE']);
      await store.leases.beat(beatOf(owner, { massOutage: true }));
      expect(await candidateIds(store, 'deactivate')).toEqual([]);
      const ids = [...statuses];
      expect(await cleanupOf(store).deactivate({ ids, inactiveForMs: INACTIVE_MS, restedForMs: 0 })).toEqual([]);
      await store.leases.beat(beatOf(owner));
      const taken = await cleanupOf(store).deactivate({ ids, inactiveForMs: INACTIVE_MS, restedForMs: 0 });
      expect(taken.sort()).toEqual(['DISCONNECTED', 'ERROR', 'LOGGED_OUT', 'QR_CODE']);
    });

    test('deletes only what is at rest, nobody’s and silent for longer', async (harness) => {
      const { store } = harness;
      await unused(harness, 'active', 'resting', 'young-resting');
      expect(await candidateIds(store, 'purge')).toEqual([]);
      await cleanupOf(store).deactivate({ ids: ['resting'], inactiveForMs: INACTIVE_MS, restedForMs: 0 });
      expect(await candidateIds(store, 'purge')).toEqual(['resting']);
      expect(
        await cleanupOf(store).candidates({ stage: 'purge', inactiveForMs: INACTIVE_MS * 2, restedForMs: 0, limit: 9 }),
      ).toEqual([]);
      const ids = ['active', 'resting', 'unknown'];
      expect(await cleanupOf(store).markForPurge({ ids, inactiveForMs: INACTIVE_MS * 2, restedForMs: 0 })).toEqual([]);
      expect(await cleanupOf(store).markForPurge({ ids, inactiveForMs: INACTIVE_MS, restedForMs: 0 })).toEqual([
        'resting',
      ]);
    });

    test('deletes only what was at rest for long enough, however old it is', async (harness) => {
      const { store, advance } = harness;
      await unused(harness, 'resting');
      await cleanupOf(store).deactivate({ ids: ['resting'], inactiveForMs: INACTIVE_MS, restedForMs: 0 });
      const rested = { inactiveForMs: INACTIVE_MS, restedForMs: 50_000 };
      const found = () => cleanupOf(store).candidates({ stage: 'purge', ...rested, limit: 9 });
      await advance(40_000);
      expect(await found()).toEqual([]);
      expect(await cleanupOf(store).markForPurge({ ids: ['resting'], ...rested })).toEqual([]);
      await advance(11_000);
      expect(await found()).toMatchObject([{ id: 'resting' }]);
      expect(await cleanupOf(store).markForPurge({ ids: ['resting'], ...rested })).toEqual(['resting']);
    });

    test('leaves what somebody has just claimed, however long it was without a sign of life', async (harness) => {
      const { store, advance } = harness;
      await unused(harness, 'started', 'old');
      await tryClaim(store, await join(store), 'started', 'free');
      const rule = { inactiveForMs: INACTIVE_MS, restedForMs: 50_000 };
      const found = () => cleanupOf(store).candidates({ stage: 'deactivate', ...rule, limit: 9 });
      const deactivate = () => cleanupOf(store).deactivate({ ids: ['started', 'old'], ...rule });
      await advance(40_000);
      expect(await found()).toMatchObject([{ id: 'old' }]);
      expect(await deactivate()).toEqual(['old']);
      await advance(11_000);
      expect(await found()).toMatchObject([{ id: 'started' }]);
      expect(await deactivate()).toEqual(['started']);
    });

    test('pages in the order of the bytes of the ids, whatever they are', async (harness) => {
      const { store } = harness;
      await unused(harness, ...STRANGE_IDS);
      const seen: string[] = [];
      for (let after: string | undefined; ; after = seen.at(-1)) {
        const page = await cleanupOf(store).candidates({
          stage: 'deactivate',
          inactiveForMs: INACTIVE_MS,
          restedForMs: 0,
          after,
          limit: 7,
        });
        seen.push(...page.map(({ id }) => id));
        if (page.length < 7) break;
      }
      expect(seen).toEqual([...STRANGE_IDS].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
      const taken = await cleanupOf(store).deactivate({ ids: STRANGE_IDS, inactiveForMs: INACTIVE_MS, restedForMs: 0 });
      expect([...taken].sort()).toEqual([...STRANGE_IDS].sort());
    });
  });
}
