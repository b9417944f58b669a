import type { BeatAnswer } from '@wa-sync/core';
import { heartbeatOf, hold, join, RACERS, race, readOne, token, tryClaim } from './arrange.js';
import { beatOf } from './beat-of.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';

/** A challenger ends a lease that did not move. */
export function describeFence(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('fence', () => {
    test('ends a lease that still stands at the number that was seen', async ({ store }) => {
      const owner = await join(store);
      const held = await hold(store, owner, 'a');
      const seen = await heartbeatOf(store, owner);
      expect(await store.leases.fence({ incarnation: owner, number: seen?.number ?? -1 })).toBe(true);
      expect(await heartbeatOf(store, owner)).toEqual({ ...seen, fenced: true });
      expect(await store.leases.beat(beatOf(owner))).toEqual({ alive: false });
      expect(await tryClaim(store, owner, 'a', 'free')).toMatchObject({ why: 'fenced' });
      const { effective, ...row } = await readOne(store, 'a');
      expect(effective).toEqual({ status: 'DISCONNECTED', evidence: 'expired' });
      expect({ ...row, effective: held.effective }).toEqual(held);
    });

    test('fails where the lease has moved on, and changes nothing', async ({ store }) => {
      const owner = await join(store);
      const seen = await heartbeatOf(store, owner);
      await store.leases.beat(beatOf(owner));
      const before = await heartbeatOf(store, owner);
      expect(await store.leases.fence({ incarnation: owner, number: seen?.number ?? -1 })).toBe(false);
      expect(await store.leases.fence({ incarnation: owner, number: (before?.number ?? 0) + 1 })).toBe(false);
      expect(await heartbeatOf(store, owner)).toEqual(before);
      expect(await store.leases.beat(beatOf(owner))).toMatchObject({ alive: true });
    });

    test('repeated is still true, whatever the number: the lease is fenced now', async ({ store }) => {
      const owner = await join(store);
      await hold(store, owner, 'a');
      const number = (await heartbeatOf(store, owner))?.number ?? -1;
      expect(await store.leases.fence({ incarnation: owner, number })).toBe(true);
      expect(await store.leases.fence({ incarnation: owner, number })).toBe(true);
      expect(await store.leases.fence({ incarnation: owner, number: number + 7 })).toBe(true);
    });

    // Nothing to end: what such an owner holds is freed without a fence.
    test('of an incarnation without a heartbeat is false and adds none', async ({ store }) => {
      const incarnation = token('incarnation');
      expect(await store.leases.fence({ incarnation, number: 0 })).toBe(false);
      expect(await heartbeatOf(store, incarnation)).toBeUndefined();
    });

    test('touches no other lease', async ({ store }) => {
      const [owner, other] = [await join(store, 'same'), await join(store, 'same')];
      const number = (await heartbeatOf(store, owner))?.number ?? -1;
      await store.leases.fence({ incarnation: owner, number });
      expect(await store.leases.beat(beatOf(other))).toMatchObject({ alive: true });
    });

    test(`against beats, ${RACERS} at once: all fence or all beat, never both`, async (harness) => {
      const { store } = harness;
      for (let round = 0; round < 8; round += 1) {
        const owner = await join(store);
        await hold(store, owner, `s${round}`);
        const number = (await heartbeatOf(store, owner))?.number ?? -1;
        const fences: boolean[] = [];
        const answers: BeatAnswer[] = [];
        await race(await clientsOf(harness, RACERS), async (client, index) => {
          // They begin with the one and with the other in turns, so that both can come first.
          if (index % 2 === round % 2) fences.push(await client.leases.fence({ incarnation: owner, number }));
          else answers.push(await client.leases.beat(beatOf(owner)));
        });
        const fenced = (await heartbeatOf(store, owner))?.fenced === true;
        expect(new Set(fences)).toEqual(new Set([fenced]));
        expect(new Set(answers.map((answer) => answer.alive))).toEqual(new Set([!fenced]));
        expect((await store.leases.beat(beatOf(owner))).alive).toBe(!fenced);
      }
    });

    test(`against a claim of the fenced one, ${RACERS} times: afterwards it claims nothing`, async (harness) => {
      const { store } = harness;
      const [challenger = store, claimant = store] = await clientsOf(harness, 2);
      await race(
        Array.from({ length: RACERS }, (_, round) => `s${round}`),
        async (id) => {
          const owner = await join(store);
          await hold(store, owner, `${id}-held`);
          await store.sessions.create({ sessions: [{ id, desired: 'running' }] });
          const number = (await heartbeatOf(store, owner))?.number ?? -1;
          const [fenced, outcome] = await Promise.all([
            challenger.leases.fence({ incarnation: owner, number }),
            tryClaim(claimant, owner, id, 'free'),
          ]);
          expect(fenced).toBe(true);
          expect((await readOne(store, id)).owner).toBe(outcome.claimed ? owner : null);
          expect(await tryClaim(store, owner, id, 'takeover')).toMatchObject({ why: 'fenced' });
        },
      );
    });
  });
}
