import {
  change,
  claim,
  claimableIds,
  create,
  fence,
  freeAll,
  hold,
  holdAll,
  join,
  named,
  RACERS,
  race,
  readOne,
  tryClaim,
  tryWrite,
} from './arrange.js';
import { beatOf } from './beat-of.js';
import { candidateIds, cleanupOf, INACTIVE_MS, unused } from './cleanup-rule.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';

/** A session is deactivated, and comes back. */
export function describeDeactivate(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('deactivate', () => {
    test('makes it inactive, nobody’s, DISCONNECTED, inactive; LOGGED_OUT keeps its status', async (harness) => {
      const { store, advance } = harness;
      const owner = await join(store);
      await hold(store, owner, 'pairing', { status: 'QR_CODE', qr: '2@x' });
      const reason = { code: 'device_removed' };
      await hold(store, owner, 'gone', { status: 'LOGGED_OUT', reason });
      await create(store, 'never');
      await advance(INACTIVE_MS + 1_000);
      await store.leases.beat(beatOf(owner));
      const ids = ['gone', 'never', 'pairing'];
      const before = await Promise.all(ids.map((id) => readOne(store, id)));
      expect((await cleanupOf(store).deactivate({ ids, inactiveForMs: INACTIVE_MS, restedForMs: 0 })).sort()).toEqual(
        ids,
      );
      const rows = await Promise.all(ids.map((id) => readOne(store, id)));
      const rest = { active: false, owner: null, tenure: null, evidence: 'unobserved', qr: null };
      expect(rows).toMatchObject([
        { ...rest, status: 'LOGGED_OUT', reason },
        { ...rest, status: 'DISCONNECTED', reason: { code: 'inactive' } },
        { ...rest, status: 'DISCONNECTED', reason: { code: 'inactive' } },
      ]);
      expect(rows.map(({ version }) => version)).toEqual(before.map(({ version }) => version + 1));
      expect(rows.map(({ lastSeenAt }) => lastSeenAt)).toEqual(before.map(({ lastSeenAt }) => lastSeenAt));
      expect(await cleanupOf(store).deactivate({ ids, inactiveForMs: INACTIVE_MS, restedForMs: 0 })).toEqual([]);
      expect(await claimableIds(store)).toEqual([]);
    });

    test('ends the old owner’s writes', async (harness) => {
      const { store, advance } = harness;
      const owner = await join(store);
      const held = await hold(store, owner, 'a', { status: 'ERROR' });
      await advance(INACTIVE_MS + 1_000);
      await store.leases.beat(beatOf(owner));
      await cleanupOf(store).deactivate({ ids: ['a'], inactiveForMs: INACTIVE_MS, restedForMs: 0 });
      expect(await tryWrite(store, held, change())).toEqual({ id: 'a', applied: false });
      expect(await readOne(store, 'a')).toMatchObject({ active: false, status: 'DISCONNECTED' });
    });

    test('leaves a session that came back since it was read', async (harness) => {
      const { store } = harness;
      await unused(harness, 'claimed', 'seen', 'still');
      const owner = await join(store);
      expect(await candidateIds(store, 'deactivate')).toEqual(['claimed', 'seen', 'still']);
      const claimed = await claim(store, owner, 'claimed');
      await tryWrite(store, claimed, change({ status: 'CONNECTING' }));
      const seen = await claim(store, owner, 'seen');
      await tryWrite(store, seen, change());
      await tryWrite(store, await readOne(store, 'seen'), change({ status: 'DISCONNECTED', seenAgoMs: 5 }));
      const ids = ['claimed', 'seen', 'still', 'unknown'];
      expect(await cleanupOf(store).deactivate({ ids, inactiveForMs: INACTIVE_MS, restedForMs: 0 })).toEqual(['still']);
      expect(await readOne(store, 'claimed')).toMatchObject({ active: true, owner });
      expect(await readOne(store, 'seen')).toMatchObject({ active: true, owner });
    });

    test(`against ${RACERS} returning sessions takes each or leaves it whole`, async (harness) => {
      const { store } = harness;
      const ids = Array.from({ length: RACERS }, (_, index) => `s${index}`);
      await unused(harness, ...ids);
      const owner = await join(store);
      const [cleaner = store, client = store] = await clientsOf(harness, 2);
      const [taken, outcomes] = await Promise.all([
        race(ids, (id) => cleanupOf(cleaner).deactivate({ ids: [id], inactiveForMs: INACTIVE_MS, restedForMs: 0 })),
        race(ids, async (id) => {
          const outcome = await tryClaim(client, owner, id, 'takeover');
          if (!outcome.claimed) throw new Error('A take-over is never refused to one who lives');
          return tryWrite(client, outcome.session, change());
        }),
      ]);
      for (const [index, id] of ids.entries()) {
        const row = await readOne(store, id);
        // Whoever came last holds; nobody is left between the two.
        if (outcomes[index]?.applied) {
          expect(row).toMatchObject({ active: true, owner, status: 'CONNECTED', evidence: 'observed' });
        } else {
          expect(taken[index]).toEqual([id]);
          expect(row).toMatchObject({ active: false, owner: null, status: 'DISCONNECTED' });
        }
      }
    });
  });

  describe('an inactive session', () => {
    async function resting(harness: Parameters<typeof unused>[0], ...ids: string[]): Promise<void> {
      await unused(harness, ...ids);
      await cleanupOf(harness.store).deactivate({ ids, inactiveForMs: INACTIVE_MS, restedForMs: 0 });
    }

    test('is refused to a free claim as inactive, also where its owner’s lease was over', async (harness) => {
      const { store } = harness;
      await resting(harness, 'a');
      const before = await readOne(store, 'a');
      const owner = await join(store);
      expect(await tryClaim(store, owner, 'a', 'free')).toEqual({ id: 'a', claimed: false, why: 'inactive' });
      expect(await readOne(store, 'a')).toEqual(before);
    });

    test('is made active again by a take-over: WhatsApp has chosen', async (harness) => {
      const { store } = harness;
      await resting(harness, 'a');
      const owner = await join(store);
      expect(await tryClaim(store, owner, 'a', 'takeover')).toMatchObject({
        claimed: true,
        session: { active: true, owner },
      });
    });

    test('is made active again by the desired state running, not by stopped', async (harness) => {
      const { store } = harness;
      await resting(harness, 'a', 'b');
      expect(await store.sessions.setDesired({ id: 'a', desired: 'stopped' })).toMatchObject({ active: false });
      expect(await claimableIds(store)).toEqual([]);
      expect(await store.sessions.setDesired({ id: 'a', desired: 'running' })).toMatchObject({ active: true });
      expect(await claimableIds(store)).toEqual(['a']);
      await store.sessions.setDesired({ id: 'b', desired: 'stopped' });
      expect(await readOne(store, 'b')).toMatchObject({ active: false, desired: 'stopped' });
    });

    test('stays inactive when its next owner’s lease is ended, or it is released', async (harness) => {
      const { store } = harness;
      const owner = await join(store);
      await holdAll(store, owner, ['a', 'b']);
      await store.sessions.release({
        owner,
        sessions: await named(store, 'a'),
        unobservedIds: [],
        reason: { code: 'stopped' },
      });
      await fence(store, owner);
      await freeAll(store);
      for (const id of ['a', 'b']) expect(await readOne(store, id)).toMatchObject({ active: true });
      await harness.advance(INACTIVE_MS + 1_000);
      await cleanupOf(store).deactivate({ ids: ['a', 'b'], inactiveForMs: INACTIVE_MS, restedForMs: 0 });
      for (const id of ['a', 'b']) expect(await readOne(store, id)).toMatchObject({ active: false });
    });
  });
}
