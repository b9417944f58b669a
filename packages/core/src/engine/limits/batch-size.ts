import type { Clock } from '../../ports/clock.js';

/** Rows of one statement, unless it was slow. */
export const LARGEST_BATCH = 1_000;
/** Rows of the first statement where a row may cost anything, such as by a trigger of the host. */
const SMALLEST_BATCH = 10;
/** A statement holds its locks for as long as it takes: beats and status writes of these rows wait for it. */
const SLOW_MS = 500;

/** How many rows the next statement takes: fewer after one that was slow, more again once they are fast. */
export interface BatchSize {
  rows(): number;
  /** Runs a statement and learns from how long it took, also where it failed: one that was given up was too large. */
  measure<T>(statement: () => Promise<T>): Promise<T>;
  /** How long the last one took. */
  tookMs(): number;
}

/**
 * @param first - rows of the first statement. @defaultValue 10
 * @param most - @defaultValue 1,000
 */
export function createBatchSize(params: { clock: Clock; first?: number; most?: number }): BatchSize {
  const { clock, first = SMALLEST_BATCH, most = LARGEST_BATCH } = params;
  let rows = first;
  let tookMs = 0;
  return {
    rows: () => rows,
    tookMs: () => tookMs,
    async measure(statement) {
      const startedMs = clock.monotonicMs();
      try {
        return await statement();
      } finally {
        tookMs = clock.monotonicMs() - startedMs;
        if (tookMs > SLOW_MS) rows = Math.max(SMALLEST_BATCH, Math.floor((rows * SLOW_MS) / tookMs));
        else if (tookMs < SLOW_MS / 4) rows = Math.min(most, rows * 2);
      }
    },
  };
}
