import type { HistoryEntry } from '../history.js';
import { S6, S7, S15 } from './cleanup.js';
import { L2, L5 } from './convergence.js';
import { S8, S9 } from './conversations.js';
import { S21 } from './ended-leases.js';
import { S1, S3, S4, S13, S14, S16 } from './guarded-writes.js';
import { S20 } from './hung-beats.js';
import type { Invariant, Violation } from './invariant.js';
import { L3, S10, S12 } from './jobs.js';
import { L1, L4 } from './lifecycle.js';
import { S2, S5, S11, S19 } from './ownership.js';
import { L6, L7 } from './promptness.js';
import { S17, S18 } from './records.js';

export type { Invariant, Violation } from './invariant.js';

/** Every promise that a history can be held against. */
export const INVARIANTS: readonly Invariant[] = [
  ...[S1, S2, S3, S4, S5, S6, S7, S8, S9, S10, S11, S12, S13, S14, S15, S16, S17, S18, S19, S20, S21],
  ...[L1, L2, L3, L4, L5, L6, L7],
];

/** What a history says of the promises. */
export interface Judgement {
  /** How often each was really put to the test. */
  readonly tested: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
}

/** Holds a history against every invariant. */
export function judgeHistory(
  history: readonly HistoryEntry[],
  invariants: readonly Invariant[] = INVARIANTS,
): Judgement {
  const tested: Record<string, number> = {};
  const violations: Violation[] = [];
  for (const { name, check } of invariants) {
    let times = 0;
    check(history, {
      tested: (count = 1) => {
        times += count;
      },
      broken: (t, words) => void violations.push({ invariant: name, t, words }),
    });
    tested[name] = times;
  }
  return { tested, violations };
}
