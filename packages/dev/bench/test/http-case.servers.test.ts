import { describe, expect, it } from 'vitest';
import { median, meets } from '../bench-case.js';
import { countStatusSteps } from '../http/http-case.js';

describe('npm run bench http', () => {
  // A lower bar than the bench has, and in steps: a busy machine has changed every measured time by more than there is to
  // see, and the least of many as well.
  it('finds GET /status at no more than twice the steps of a bare Express route', async () => {
    const { bare, ours } = await countStatusSteps({ rounds: 10, requests: 50 });
    expect(bare).toBeGreaterThan(100);
    expect(ours / bare).toBeLessThan(2);
  }, 60_000);

  it('knows a figure that misses its bound', () => {
    const figure = { name: 'x', detail: '' };
    expect(meets({ ...figure, value: 0.59, target: { atLeast: 0.6 } })).toBe(false);
    expect(meets({ ...figure, value: 0.6, target: { atLeast: 0.6 } })).toBe(true);
    expect(meets({ ...figure, value: 1.1, target: { atMost: 1 } })).toBe(false);
    expect(meets({ ...figure, value: Number.NaN, target: { atMost: 1 } })).toBe(false);
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});
