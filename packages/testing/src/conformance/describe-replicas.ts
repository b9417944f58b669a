import { createWaSync, systemClock, type WaSync, type WaSyncStore } from '@wa-sync/core';
import { createScriptedConnection } from '../scripted-connection.js';
import { token } from './arrange.js';
import { expect } from './expect.js';
import { type StoreSuite, storeTest } from './store-suite.js';

/** Far longer than anything below takes, so that what comes sooner came by a notification. */
const TICK_MS = 20_000;
const jobs = { sync: false, cleanup: false, inactivity: false } as const;

async function replicaOn(store: WaSyncStore, name: string): Promise<WaSync> {
  const wa = createWaSync({ store, replicaId: token(name), jobs, lease: { ttlMs: 3 * TICK_MS, tickMs: TICK_MS } });
  await wa.start();
  return wa;
}

/**
 * Declares the tests of replicas that share a store: what one is asked, the other answers. They run on the system's
 * clock.
 */
export function describeReplicas(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe(`${suite.name}: replicas`, () => {
    test('answer for each other, notified by the store, and have one history', async (harness) => {
      const other = harness.another ? await harness.another() : harness.store;
      const owner = await replicaOn(harness.store, 'owner');
      const asker = await replicaOn(other, 'asker');
      try {
        let loggedOut = 0;
        const connection = createScriptedConnection({ sessionId: '😀 shop', clock: systemClock, hostOwned: true });
        const logOut = async () => {
          loggedOut += 1;
          connection.script.close('logged_out', 'LOGGED_OUT');
        };
        const { next } = await asker.history.since();
        await owner.attach({ ...connection, logOut }).ready;
        const startedMs = performance.now();
        expect(await asker.status('😀 shop')).toMatchObject({ connected: true, askedOf: 'owner' });
        const { sessions } = await asker.syncNow('😀 shop');
        expect(sessions).toMatchObject([{ id: '😀 shop', stored: 'CONNECTED', actual: 'CONNECTED' }]);
        await asker.sessions.logout('😀 shop');
        expect(loggedOut).toBe(1);
        expect(await asker.status('😀 shop')).toMatchObject({ status: 'LOGGED_OUT', askedOf: 'owner' });
        if (other.inbox?.listen) expect(performance.now() - startedMs).toBeLessThan(TICK_MS / 2);
        await owner.syncNow('😀 shop');
        const { transitions } = await asker.sessions.history('😀 shop');
        expect(transitions.map(({ to }) => to)).toEqual(['LOGGED_OUT', 'CONNECTED']);
        const seen: string[] = [];
        // A store may wait for a transaction that began earlier.
        for (let [after, until] = [next, performance.now() + 5_000]; seen.length < 2 && performance.now() < until; ) {
          await new Promise((resolve) => setImmediate(resolve));
          const feed = await asker.history.since({ after });
          seen.push(...feed.transitions.map(({ to }) => to));
          after = feed.next;
        }
        expect(seen).toEqual(['CONNECTED', 'LOGGED_OUT']);
      } finally {
        await Promise.all([owner.stop(), asker.stop()]);
      }
    });
  });
}
