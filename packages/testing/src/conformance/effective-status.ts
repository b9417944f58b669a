import { SESSION_STATUSES } from '@wa-sync/core';
import { change, fence, hold, join, readOne, TTL_MS, tryClaim, tryWrite } from './arrange.js';
import { beatOf } from './beat-of.js';
import { expect } from './expect.js';
import { type StoreSuite, storeTest } from './store-suite.js';

/** What a reader may believe: the row under a lease that stands, `DISCONNECTED`/`expired` without one. */
export function describeEffectiveStatus(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('effective status', () => {
    test('is the row’s while the lease stands, for every status', async ({ store }) => {
      const owner = await join(store);
      for (const status of SESSION_STATUSES) {
        const held = await hold(store, owner, `s-${status}`, { status });
        expect(held.effective).toEqual({ status, evidence: 'observed' });
        expect((await readOne(store, held.id)).effective).toEqual({ status, evidence: 'observed' });
      }
    });

    test('is DISCONNECTED by expiry once the lease ran out; LOGGED_OUT stays; the rows are not written', async (harness) => {
      const { store, advance } = harness;
      const owner = await join(store);
      for (const status of SESSION_STATUSES) await hold(store, owner, `s-${status}`, { status });
      await advance(TTL_MS / 2);
      expect((await readOne(store, 's-CONNECTED')).effective).toEqual({ status: 'CONNECTED', evidence: 'observed' });
      await advance(TTL_MS / 2 + 1_000);
      for (const status of SESSION_STATUSES) {
        const row = await readOne(store, `s-${status}`);
        expect(row).toMatchObject({ status, evidence: 'observed', owner });
        const word = status === 'LOGGED_OUT' ? 'LOGGED_OUT' : 'DISCONNECTED';
        expect(row.effective).toEqual({ status: word, evidence: 'expired' });
      }
    });

    test('comes back with a beat', async ({ store, advance }) => {
      const owner = await join(store);
      await hold(store, owner, 'a');
      await advance(TTL_MS + 1_000);
      expect((await readOne(store, 'a')).effective.evidence).toBe('expired');
      expect(await store.leases.beat(beatOf(owner))).toMatchObject({ alive: true });
      expect((await readOne(store, 'a')).effective).toEqual({ status: 'CONNECTED', evidence: 'observed' });
    });

    test('expires at once when the lease is fenced, and when the heartbeat is gone', async ({ store }) => {
      const [fenced, gone] = [await join(store), await join(store)];
      await hold(store, fenced, 'a');
      await hold(store, gone, 'b');
      await fence(store, fenced);
      await store.leases.leave({ incarnation: gone });
      for (const id of ['a', 'b']) {
        expect((await readOne(store, id)).effective).toEqual({ status: 'DISCONNECTED', evidence: 'expired' });
      }
    });

    // The guard of a write reads the row alone, so such a write may still go through: nobody may believe it.
    test('stays expired whatever a fenced owner still writes', async ({ store }) => {
      const owner = await join(store);
      const held = await hold(store, owner, 'a', { status: 'RECONNECTING' });
      await fence(store, owner);
      await tryWrite(store, held, change({ status: 'CONNECTED' }));
      expect((await readOne(store, 'a')).effective).toEqual({ status: 'DISCONNECTED', evidence: 'expired' });
    });

    test('of a row that nobody owns is the row’s, however old', async ({ store, advance }) => {
      const owner = await join(store);
      await hold(store, owner, 'a');
      await store.sessions.release({ owner, unobservedIds: ['a'], reason: { code: 'shutdown' } });
      await store.leases.leave({ incarnation: owner });
      await advance(TTL_MS * 10);
      expect((await readOne(store, 'a')).effective).toEqual({ status: 'DISCONNECTED', evidence: 'unobserved' });
    });

    test('follows the lease of the one who took the session over', async ({ store, advance }) => {
      const old = await join(store);
      await hold(store, old, 'a');
      await advance(TTL_MS + 1_000);
      const taker = await join(store, 'taker');
      await tryClaim(store, taker, 'a', 'takeover');
      expect((await readOne(store, 'a')).effective).toEqual({ status: 'CONNECTED', evidence: 'observed' });
    });

    test('is the same through get, list and sweep', async ({ store, advance }) => {
      const owner = await join(store);
      await hold(store, owner, 'a');
      await advance(TTL_MS + 1_000);
      const got = await readOne(store, 'a');
      const expected = { status: 'QR_CODE', health: 'healthy', reason: null } as const;
      const { exceptions } = await store.sessions.sweep({ owner, expected, otherIds: [] });
      expect(await store.sessions.list({ limit: 1 })).toEqual([got]);
      expect(exceptions).toEqual([got]);
      expect(got.effective).toEqual({ status: 'DISCONNECTED', evidence: 'expired' });
    });
  });
}
