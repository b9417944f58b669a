import { describe, expect, it } from 'vitest';
import { FAULT_KINDS, hashHistory, INVARIANTS, judgeHistory, printHistory, runSeed } from '../index.js';

const SMOKE_SEEDS = 150;

describe('the simulator', () => {
  it('plays a seed twice to the same history, byte for byte', async () => {
    for (const seed of [3, 8, 11]) {
      const first = await runSeed(seed);
      const second = await runSeed(seed);
      expect(printHistory(second.history) === printHistory(first.history)).toBe(true);
      expect(hashHistory(second.history)).toBe(hashHistory(first.history));
    }
  });

  it('plays another history for another seed', async () => {
    const [one, other] = [await runSeed(1), await runSeed(2)];
    expect(hashHistory(one.history)).not.toBe(hashHistory(other.history));
  });

  it(`holds every invariant in ${SMOKE_SEEDS} seeds, and puts each to the test`, { timeout: 180_000 }, async () => {
    const tested = new Map<string, number>();
    const met = new Set<string>();
    for (let seed = 1; seed <= SMOKE_SEEDS; seed += 1) {
      const run = await runSeed(seed);
      expect(run.violations, `npm run sim -- --seed ${seed}`).toEqual([]);
      expect(run.virtualMs).toBeGreaterThanOrEqual(4 * 60_000);
      expect(run.replicas).toBeGreaterThanOrEqual(2);
      expect(run.sessions).toBeGreaterThanOrEqual(8);
      expect(run.faultKinds).toBeGreaterThanOrEqual(5);
      for (const [name, count] of Object.entries(run.tested)) tested.set(name, (tested.get(name) ?? 0) + count);
      for (const key of Object.keys(run.hits)) met.add(key.split(' ')[0]!);
    }
    expect(INVARIANTS.map(({ name }) => name).filter((name) => !tested.get(name))).toEqual([]);
    expect(FAULT_KINDS.filter((kind) => !met.has(kind))).toEqual([]);
  });

  it('judges a history that was written down and read again as it judges the first', async () => {
    const { history, tested } = await runSeed(5);
    const kept = history.map((entry) => structuredClone(entry));
    expect(judgeHistory(kept).tested).toEqual(tested);
  });
});
