import type { GuardedWrite } from '@wa-sync/core';
import { describe, expect, it } from 'vitest';
import {
  type EntryOf,
  FAULT_KINDS,
  type HistoryEntry,
  hashHistory,
  INVARIANTS,
  judgeHistory,
  printHistory,
  runInactiveWorld,
  runSeed,
} from '../index.js';

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

const of = <What extends HistoryEntry['what']>(history: readonly HistoryEntry[], what: What) =>
  history.filter((entry): entry is EntryOf<What> => entry.what === what);

describe('accounts that are silent and healthy', () => {
  it('keep their sockets for 24 hours: 20 of them, asked over and over, without a reconnect or a write', {
    timeout: 300_000,
  }, async () => {
    const history = await runInactiveWorld({ accounts: 20, hours: 24, framesEveryMs: 35_000 });
    const links = of(history, 'link');
    expect(links.map(({ event }) => event)).toEqual(Array.from({ length: 20 }, () => 'open'));
    expect(of(history, 'heal')).toEqual([]);
    const [end] = of(history, 'truth').filter(({ moment }) => moment === 'end');
    const rows = end!.rows.filter(({ id }) => id !== 'ghost');
    expect(rows.map(({ effective }) => effective.status)).toEqual(Array.from({ length: 20 }, () => 'CONNECTED'));
    // All of them while they came up, none afterwards.
    const writes = of(history, 'commit').filter(({ method }) => method === 'write');
    const written = writes.flatMap(({ t, params }) =>
      (params as { writes: readonly GuardedWrite[] }).writes.map(() => t),
    );
    expect(written.length).toBeGreaterThanOrEqual(20);
    expect(Math.max(...written)).toBeLessThan(60_000);
    const { violations, tested } = judgeHistory(history);
    expect(violations).toEqual([]);
    expect(tested.L6).toBeGreaterThan(20 * 24 * 600);
  });
});
