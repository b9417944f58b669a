import { civilDateAt, dayOfDate, zoneOffsetMs } from './civil-time.js';

/** Days of the week, Sunday first, as in `Date.getUTCDay()`. */
export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

/** One of {@link WEEKDAYS}. */
export type Weekday = (typeof WEEKDAYS)[number];

/** When people are there. */
export interface BusinessHours {
  /** IANA zone. */
  readonly timeZone: string;
  /**
   * From and to of each day, `['09:00', '18:00']`, the first before the second; a day that is not named is closed.
   * `to` may be `24:00`.
   */
  readonly days: Readonly<Partial<Record<Weekday, readonly [string, string]>>>;
  /** Closed dates, `YYYY-MM-DD`. */
  readonly holidays?: readonly string[] | undefined;
}

/** Whether an instant lies in business hours: from the first minute on, up to the last one. */
export function isBusinessTime(instant: Date, hours: BusinessHours): boolean {
  const ms = instant.getTime();
  const date = civilDateAt(ms, hours.timeZone);
  const day = dayOfDate(date);
  const text = `${date.year}-${two(date.month)}-${two(date.day)}`;
  if (hours.holidays?.includes(text)) return false;
  const span = hours.days[WEEKDAYS[(((day + 4) % 7) + 7) % 7]!];
  if (!span) return false;
  const minute = Math.floor((ms + zoneOffsetMs(ms, hours.timeZone) - day * 86_400_000) / 60_000);
  return minute >= minuteOf(span[0]) && minute < minuteOf(span[1]);
}

function minuteOf(clock: string): number {
  const [hour, minute] = clock.split(':').map(Number);
  return hour! * 60 + minute!;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
