import { createSeededRandom } from '@wa-sync/testing';
import { describe, expect, it } from 'vitest';

const draw = (seed: number, count: number): number[] => {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, () => random.next());
};

describe('seeded random', () => {
  it('is the same for the same seed and another for another', () => {
    expect(draw(42, 100)).toEqual(draw(42, 100));
    const firsts = [0, 1, 2, 3, 42, 2 ** 31, 2 ** 32 - 1].map((seed) => draw(seed, 1)[0]);
    expect(new Set(firsts).size).toBe(firsts.length);
  });

  it('refuses a seed that is not a whole number of 32 bits', () => {
    for (const seed of [-1, 0.5, 2 ** 32, Number.NaN]) expect(() => createSeededRandom(seed)).toThrow(RangeError);
  });

  // A seed in a report from last year has to replay the same history.
  it('never changes', () => {
    expect(draw(1, 3).map((value) => value * 2 ** 32)).toEqual([2442144158, 3238099751, 3819917871]);
    expect(createSeededRandom(1).token()).toBe('9190299ec1017b27e3af522f7d71fb05');
  });

  it('lies in [0, 1), evenly', () => {
    const values = draw(7, 100_000);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    const buckets = new Array<number>(16).fill(0);
    for (const value of values) buckets[Math.floor(value * 16)]! += 1;
    const chi2 = buckets.reduce((sum, count) => sum + (count - 6_250) ** 2 / 6_250, 0);
    // 15 degrees of freedom: 37.7 is passed once in a thousand seeds, and this seed is fixed.
    expect(chi2).toBeLessThan(37.7);
  });

  it('makes tokens that do not meet again', () => {
    const random = createSeededRandom(7);
    const tokens = Array.from({ length: 10_000 }, () => random.token());
    expect(new Set(tokens).size).toBe(tokens.length);
    for (const token of tokens) expect(token).toMatch(/^[0-9a-f]{32}$/);
  });
});
