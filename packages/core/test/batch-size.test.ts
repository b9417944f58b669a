import { createManualClock } from '@wa-sync/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBatchSize, LARGEST_BATCH } from '../src/engine/limits/batch-size.js';

async function world(params: { first?: number; most?: number } = {}) {
  const clock = createManualClock();
  const size = createBatchSize({ clock, ...params });
  return {
    size,
    async take(ms: number): Promise<number> {
      await size.measure(() => clock.advance(ms));
      return size.rows();
    },
  };
}

describe('the size of the next batch', () => {
  it('comes to rest where a statement takes no more than half a second, whatever a row costs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 50 }), fc.constantFrom(10, LARGEST_BATCH), async (msOfARow, first) => {
        const { size, take } = await world({ first });
        for (let batch = 0; batch < 20; batch += 1) await take(size.rows() * msOfARow);
        expect(size.rows() * msOfARow).toBeLessThanOrEqual(500);
        expect(size.rows() === LARGEST_BATCH || size.rows() * msOfARow * 2 >= 125).toBe(true);
      }),
    );
  });

  it('stays between 10 rows and the most', async () => {
    const { size, take } = await world({ most: 30 });
    expect(size.rows()).toBe(10);
    expect(await take(60_000)).toBe(10);
    expect(await take(1)).toBe(20);
    expect(await take(1)).toBe(30);
  });

  it('is smaller after a statement that was given up', async () => {
    const clock = createManualClock();
    const size = createBatchSize({ clock, first: 1_000 });
    const failing = size.measure(async () => {
      await clock.advance(5_000);
      throw new Error('given up');
    });
    await expect(failing).rejects.toThrow('given up');
    expect([size.rows(), size.tookMs()]).toEqual([100, 5_000]);
  });
});
