const DAY_MS = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** A wall-clock date. */
export interface CivilDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** Milliseconds that the zone's wall clock is ahead of UTC at an instant. */
export function zoneOffsetMs(instantMs: number, timeZone: string): number {
  // Called with every tick by each schedule whose hour is `*`; a format call takes microseconds.
  if (timeZone === 'UTC') return 0;
  const read: Record<string, number> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(instantMs)) read[type] = Number(value);
  const wall = Date.UTC(read.year!, read.month! - 1, read.day!, read.hour!, read.minute!, read.second!);
  return wall - Math.floor(instantMs / 1000) * 1000;
}

/** The zone's date at an instant. */
export function civilDateAt(instantMs: number, timeZone: string): CivilDate {
  return dateOfDay(Math.floor((instantMs + zoneOffsetMs(instantMs, timeZone)) / DAY_MS));
}

/** Days since 1970-01-01 of a date. */
export function dayOfDate(date: CivilDate): number {
  return Date.UTC(date.year, date.month - 1, date.day) / DAY_MS;
}

/** The date of a day counted from 1970-01-01. */
export function dateOfDay(day: number): CivilDate {
  const date = new Date(day * DAY_MS);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}

/**
 * The instant at which the zone's wall clock shows a time. A time that occurs twice (the clock was set back) is its
 * first occurrence; a time that does not occur (the clock was set forward) is the end of the gap.
 */
export function civilInstantMs(day: number, secondOfDay: number, timeZone: string): number {
  const wallMs = day * DAY_MS + secondOfDay * 1000;
  const before = wallMs - zoneOffsetMs(wallMs - DAY_MS, timeZone);
  const after = wallMs - zoneOffsetMs(wallMs + DAY_MS, timeZone);
  const fits = [before, after].filter((instant) => instant + zoneOffsetMs(instant, timeZone) === wallMs);
  return fits.length > 0 ? Math.min(...fits) : endOfGap(Math.min(before, after), Math.max(before, after), timeZone);
}

function endOfGap(low: number, high: number, timeZone: string): number {
  const oldOffset = zoneOffsetMs(low, timeZone);
  let [from, to] = [low, high];
  while (to - from > 1000) {
    const middle = Math.floor((from + to) / 2000) * 1000;
    if (zoneOffsetMs(middle, timeZone) === oldOffset) from = middle;
    else to = middle;
  }
  return to;
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timeZone, format);
  }
  return format;
}
