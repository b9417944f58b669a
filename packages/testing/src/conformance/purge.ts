import type { WaSyncStore } from '@wa-sync/core';
import { change, join, RACERS, race, readOne, tryClaim, tryWrite } from './arrange.js';
import { candidateIds, cleanupOf, INACTIVE_MS, unused } from './cleanup-rule.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';
import { STRANGE_IDS } from './strange-ids.js';

type Aging = Parameters<typeof unused>[0];

async function resting(harness: Aging, ...ids: string[]): Promise<void> {
  await unused(harness, ...ids);
  await cleanupOf(harness.store).deactivate({ ids, inactiveForMs: INACTIVE_MS, restedForMs: 0 });
}

async function marked(harness: Aging, ...ids: string[]): Promise<void> {
  await resting(harness, ...ids);
  const taken = await cleanupOf(harness.store).markForPurge({ ids, inactiveForMs: INACTIVE_MS, restedForMs: 0 });
  expect([...taken].sort()).toEqual([...ids].sort());
}

async function markedIds(store: WaSyncStore): Promise<string[]> {
  return (await cleanupOf(store).marked({ limit: 1_000 })).map(({ id }) => id);
}

/** Row and credentials are deleted, and nothing that came back. */
export function describePurge(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('markForPurge', () => {
    test('marks once and for all to see; what is marked is no candidate any more', async (harness) => {
      const { store } = harness;
      await resting(harness, 'a', 'b');
      const before = await readOne(store, 'a');
      expect(await cleanupOf(store).markForPurge({ ids: ['a'], inactiveForMs: INACTIVE_MS, restedForMs: 0 })).toEqual([
        'a',
      ]);
      expect(await cleanupOf(store).marked({ limit: 10 })).toMatchObject([
        { id: 'a', status: 'DISCONNECTED', aliveAt: before.createdAt },
      ]);
      expect(await candidateIds(store, 'purge')).toEqual(['b']);
      expect(await cleanupOf(store).markForPurge({ ids: ['a'], inactiveForMs: INACTIVE_MS, restedForMs: 0 })).toEqual([
        'a',
      ]);
      expect(await markedIds(store)).toEqual(['a']);
    });

    test('makes credentials unreadable at once', async (harness, leaveOut) => {
      const { store } = harness;
      if (!store.auth) return leaveOut('the store keeps no credentials');
      await resting(harness, 'a', 'b');
      const entries = [{ type: 'creds', id: 'me', value: new Uint8Array([1, 2]) }];
      for (const sessionId of ['a', 'b']) await store.auth.write({ sessionId, tenure: null, entries });
      await cleanupOf(store).markForPurge({ ids: ['a'], inactiveForMs: INACTIVE_MS, restedForMs: 0 });
      const read = async (sessionId: string) =>
        (await store.auth?.read({ sessionId, type: 'creds', ids: ['me'] }))?.size;
      expect([await read('a'), await read('b')]).toEqual([0, 1]);
      const late = store.auth.write({ sessionId: 'a', tenure: null, entries });
      await expect(late).rejects.toThrow('session row');
    });

    for (const back of ['the desired state running', 'a take-over'] as const) {
      test(`and ${back} that takes the mark back leave the login as it was`, async (harness, leaveOut) => {
        const { store } = harness;
        const { auth } = store;
        if (!auth) return leaveOut('the store keeps no credentials');
        await resting(harness, 'a');
        const entries = ['me', 'key'].map((id) => ({ type: 'creds', id, value: new Uint8Array([1, 2]) }));
        await auth.write({ sessionId: 'a', tenure: null, entries });
        await cleanupOf(store).markForPurge({ ids: ['a'], inactiveForMs: INACTIVE_MS, restedForMs: 0 });
        if (back === 'a take-over') await tryClaim(store, await join(store), 'a', 'takeover');
        else await store.sessions.setDesired({ id: 'a', desired: 'running' });
        const found = await auth.read({ sessionId: 'a', type: 'creds', ids: ['me', 'key'] });
        expect(entries.map(({ id }) => found.get(id))).toEqual(entries.map(({ value }) => value));
        await auth.write({ sessionId: 'a', tenure: null, entries: [{ type: 'creds', id: 'key', value: null }] });
        expect(await cleanupOf(store).purge({ ids: ['a'] })).toEqual([]);
        expect((await auth.read({ sessionId: 'a', type: 'creds', ids: ['me', 'key'] })).size).toBe(1);
      });
    }

    test('is taken back by the desired state running, by a claim, and with the row', async (harness) => {
      const { store } = harness;
      await marked(harness, 'claimed', 'removed', 'still', 'wanted');
      const owner = await join(store);
      await store.sessions.setDesired({ id: 'wanted', desired: 'running' });
      await tryClaim(store, owner, 'claimed', 'takeover');
      await store.sessions.remove({ id: 'removed' });
      await store.sessions.setDesired({ id: 'still', desired: 'stopped' });
      expect(await markedIds(store)).toEqual(['still']);
      const ids = ['claimed', 'removed', 'still', 'wanted'];
      expect(await cleanupOf(store).purge({ ids })).toEqual(['still']);
      expect((await store.sessions.list({ limit: 10 })).map(({ id }) => id)).toEqual(['claimed', 'wanted']);
    });

    test('pages what is marked in the order of the bytes of the ids', async (harness) => {
      const { store } = harness;
      await marked(harness, ...STRANGE_IDS);
      const seen: string[] = [];
      for (let after: string | undefined; ; after = seen.at(-1)) {
        const page = await cleanupOf(store).marked({ after, limit: 7 });
        seen.push(...page.map(({ id }) => id));
        if (page.length < 7 || seen.length > STRANGE_IDS.length) break;
      }
      expect(seen).toEqual([...STRANGE_IDS].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    });
  });

  describe('purge', () => {
    test('deletes marked rows with every credential, quarantined ones too, and no other', async (harness) => {
      const { store } = harness;
      await resting(harness, 'a', 'b');
      const entries = [{ type: 'creds', id: 'me', value: new Uint8Array([1]) }];
      for (const sessionId of ['a', 'b']) {
        await store.auth?.write({ sessionId, tenure: null, entries });
        await store.auth?.quarantine({ sessionId, reason: 'logged_out' });
        await store.auth?.write({ sessionId, tenure: null, entries });
      }
      await cleanupOf(store).markForPurge({ ids: ['a'], inactiveForMs: INACTIVE_MS, restedForMs: 0 });
      expect(await cleanupOf(store).purge({ ids: ['a', 'b', 'unknown'] })).toEqual(['a']);
      expect(await cleanupOf(store).purge({ ids: ['a'] })).toEqual([]);
      expect((await store.sessions.list({ limit: 10 })).map(({ id }) => id)).toEqual(['b']);
      if (!store.auth) return;
      await store.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
      expect(await store.auth.purge({ sessionId: 'a' })).toBe(0);
      expect(await store.auth.purge({ sessionId: 'b' })).toBeGreaterThan(0);
    });

    test(`against ${RACERS} returning sessions deletes each or leaves it whole`, async (harness) => {
      const { store } = harness;
      const ids = Array.from({ length: RACERS }, (_, index) => `s${index}`);
      await marked(harness, ...ids);
      const owner = await join(store);
      const [cleaner = store, client = store] = await clientsOf(harness, 2);
      const [gone, outcomes] = await Promise.all([
        race(ids, (id) => cleanupOf(cleaner).purge({ ids: [id] })),
        race(ids, (id) => tryClaim(client, owner, id, 'takeover')),
      ]);
      for (const [index, id] of ids.entries()) {
        const outcome = outcomes[index];
        expect(gone[index]).toEqual(outcome?.claimed ? [] : [id]);
        if (!outcome?.claimed) expect(outcome).toEqual({ id, claimed: false, why: 'missing' });
        else expect(await tryWrite(store, outcome.session, change())).toMatchObject({ applied: true });
      }
    });
  });
}
