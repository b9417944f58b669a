import { hold, join, readOne, tryWrite } from './arrange.js';
import { expect } from './expect.js';
import { type StoreHarness, type StoreSuite, storeTest } from './store-suite.js';
import { skipTest } from './test-runner.js';

async function anotherOf(harness: StoreHarness) {
  if (harness.another === undefined) throw new Error('A shared or durable store needs `another` in its harness');
  return harness.another();
}

/** What a store says of itself is so. */
export function describeCapabilities(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  const { capabilities } = suite;
  describe('capabilities', () => {
    test('are the ones that were announced', async ({ store }) => {
      expect(store.capabilities).toEqual(capabilities ?? store.capabilities);
      if (!store.capabilities.mirror) {
        const held = await hold(store, await join(store), 'a');
        expect(held.mirror).toEqual({ state: 'none', word: null });
      }
    });

    test('init may be called again, and changes nothing', async ({ store }) => {
      const held = await hold(store, await join(store), 'a');
      await store.init();
      expect(await readOne(store, 'a')).toEqual(held);
    });

    const shared = 'rows written through one store object are seen and guarded through another';
    if (capabilities?.shared !== true) skipTest(suite.runner, shared, 'the store is not shared between processes');
    else {
      test(shared, async (harness) => {
        const { store } = harness;
        const other = await anotherOf(harness);
        expect(other).not.toBe(store);
        const held = await hold(store, await join(store), 'a');
        expect(await readOne(other, 'a')).toEqual(held);
        expect(await tryWrite(other, held, null)).toMatchObject({ applied: true });
        expect(await tryWrite(store, held, null)).toEqual({ id: 'a', applied: false });
      });
    }

    const durable = 'rows outlive the store object that wrote them';
    if (capabilities?.durable !== true) skipTest(suite.runner, durable, 'the store does not survive a restart');
    else {
      test(durable, async (harness) => {
        const held = await hold(harness.store, await join(harness.store), 'a', { reason: { code: 'x', detail: 'y' } });
        await harness.store.close();
        expect(await readOne(await anotherOf(harness), 'a')).toEqual(held);
      });
    }
  });
}
