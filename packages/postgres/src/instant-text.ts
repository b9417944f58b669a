const EARLIEST_MS = Date.UTC(1900, 0);
const LATEST_MS = Date.UTC(9999, 0);

/** An instant as Postgres reads it: it knows no year 0, and writes years of five digits in another way. */
export function instantText(at: Date): string {
  return new Date(Math.min(Math.max(at.getTime(), EARLIEST_MS), LATEST_MS)).toISOString();
}
