import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LARGEST_BATCH, nextBatchSize } from '../src/engine/limits/batch-size.js';

describe('the size of the next batch', () => {
  it('comes to rest where a statement takes no more than half a second, whatever a row costs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 50 }), (msOfARow) => {
        let size = LARGEST_BATCH;
        for (let batch = 0; batch < 20; batch += 1) size = nextBatchSize(size, size * msOfARow);
        expect(size * msOfARow).toBeLessThanOrEqual(500);
        expect(size === LARGEST_BATCH || size * msOfARow * 2 >= 125).toBe(true);
      }),
    );
  });

  it('stays between 10 and 1,000 rows', () => {
    expect(nextBatchSize(10, 60_000)).toBe(10);
    expect(nextBatchSize(1_000, 1)).toBe(1_000);
    expect(nextBatchSize(10, 1)).toBe(20);
  });
});
