const EARLIEST_MS = Date.UTC(1900, 0);
const LATEST_MS = Date.UTC(9999, 0);

/** An instant as Postgres reads it: it knows no year 0, and writes years of five digits in another way. */
export function instantText(at: Date): string {
  return new Date(Math.min(Math.max(at.getTime(), EARLIEST_MS), LATEST_MS)).toISOString();
}

/** Whether it is a zone by its IANA name. An offset is none: Postgres counts `-03:00` the other way round. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
