/** One seed: its world is played and judged. */
import { createHash } from 'node:crypto';
import type { HistoryEntry } from './history.js';
import { judgeHistory, type Violation } from './invariants/index.js';
import { runWorld } from './run-world.js';

/** What became of a seed. */
export interface SeedResult {
  readonly seed: number;
  readonly profile: string;
  readonly virtualMs: number;
  readonly replicas: number;
  readonly sessions: number;
  readonly faultKinds: number;
  readonly entries: number;
  readonly hits: Readonly<Record<string, number>>;
  readonly tested: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
}

/** Plays a seed and holds its history against every invariant. */
export async function runSeed(seed: number): Promise<SeedResult & { readonly history: readonly HistoryEntry[] }> {
  const { plan, history, hits } = await runWorld(seed);
  const { tested, violations } = judgeHistory(history);
  return {
    seed,
    profile: plan.profile,
    virtualMs: plan.endMs,
    replicas: plan.replicas,
    sessions: plan.attached.length + plan.provided.length,
    faultKinds: plan.faults.length,
    entries: history.length,
    hits: Object.fromEntries(hits),
    tested,
    violations,
    history,
  };
}

/** A history as text, one entry a line: equal bytes for equal seeds. */
export function printHistory(history: readonly HistoryEntry[]): string {
  return history.map((entry) => JSON.stringify(entry)).join('\n');
}

/** SHA-256 of the printed history. */
export function hashHistory(history: readonly HistoryEntry[]): string {
  return createHash('sha256').update(printHistory(history)).digest('hex');
}
