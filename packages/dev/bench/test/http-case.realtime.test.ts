import { describe, expect, it } from 'vitest';
import { median, meets } from '../bench-case.js';
import { measureStatus, processorRatios } from '../http/http-case.js';

describe('npm run bench http', () => {
  // A lower bar than the bench has, and by processor time, which other work on the machine disturbs least.
  it('finds GET /status at no more than twice the processor time of a bare Express route', async () => {
    const rounds = await measureStatus({ rounds: 7, windowMs: 200 });
    expect(rounds).toHaveLength(7);
    expect(median(processorRatios(rounds))).toBeGreaterThan(0.5);
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
