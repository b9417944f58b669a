/** Rows of one statement, unless it was slow. */
export const LARGEST_BATCH = 1_000;
/** Rows of the first statement where a row may cost anything, such as by a trigger of the host. */
export const SMALLEST_BATCH = 10;
/** A statement holds its locks for as long as it takes: beats and status writes of these rows wait for it. */
const SLOW_MS = 500;

/** How many rows the next statement takes: fewer after one that was slow, more again once they are fast. */
export function nextBatchSize(size: number, tookMs: number): number {
  if (tookMs > SLOW_MS) return Math.max(SMALLEST_BATCH, Math.floor((size * SLOW_MS) / tookMs));
  return tookMs < SLOW_MS / 4 ? Math.min(LARGEST_BATCH, size * 2) : size;
}
