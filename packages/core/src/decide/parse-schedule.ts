import { CronTime } from 'cron';
import { WaSyncError } from '../domain/errors.js';
import { zoneOffsetMs } from './civil-time.js';

/** A cron expression taken apart. */
export interface Schedule {
  readonly expression: string;
  readonly timeZone: string;
  /**
   * `civil`: the hour is fixed, so slots are wall-clock times of the zone, once a date. `utc`: the hour is `*` or a
   * step, so slots are instants of UTC and daylight saving never breaks the interval.
   */
  readonly kind: 'civil' | 'utc';
  /** Seconds of the day at which a slot falls, ascending. */
  readonly secondsOfDay: readonly number[];
  /** Whether a slot falls on this date; `weekday` 0 is Sunday. */
  matchesDate(date: { month: number; day: number; weekday: number }): boolean;
}

type Field = Readonly<Record<number, true>>;
interface CronFields {
  readonly second: Field;
  readonly minute: Field;
  readonly hour: Field;
  readonly dayOfMonth: Field;
  readonly month: Field;
  readonly dayOfWeek: Field;
}

/**
 * Parses a cron expression (five fields, or six with seconds, or `@daily` and the like) with the `cron` package. Its
 * timers are not used: 4.4.0 fires a daily 02:00 job twice when daylight saving ends.
 *
 * @throws WaSyncError `config_invalid` that names `key`
 */
export function parseSchedule(key: string, expression: string, timeZone: string): Schedule {
  try {
    zoneOffsetMs(0, timeZone);
  } catch (cause) {
    throw new WaSyncError('config_invalid', 'Option timeZone takes an IANA zone such as America/Sao_Paulo', { cause });
  }
  let fields: CronFields;
  try {
    // The parsed fields are private there, and the public toJSON() reports `0-22` as `*`.
    fields = new CronTime(expression) as unknown as CronFields;
  } catch (cause) {
    throw new WaSyncError('config_invalid', `Option ${key} takes a cron expression such as */5 * * * *`, { cause });
  }
  const anyDay = isWhole(fields.dayOfMonth, 1, 31);
  const anyWeekday = isWhole(fields.dayOfWeek, 0, 6);
  return {
    expression,
    timeZone,
    kind: hourSource(expression).includes('*') ? 'utc' : 'civil',
    secondsOfDay: secondsOfDay(fields),
    matchesDate({ month, day, weekday }) {
      if (!fields.month[month]) return false;
      // POSIX crontab(5): where both day fields are restricted, either may match.
      if (anyDay) return anyWeekday || Boolean(fields.dayOfWeek[weekday]);
      return Boolean(fields.dayOfMonth[day]) || (!anyWeekday && Boolean(fields.dayOfWeek[weekday]));
    },
  };
}

function hourSource(expression: string): string {
  const trimmed = expression.trim().toLowerCase();
  if (trimmed.startsWith('@')) return ['@hourly', '@minutely', '@secondly'].includes(trimmed) ? '*' : '0';
  const units = trimmed.split(/\s+/);
  return units[units.length - 4]!;
}

function secondsOfDay(fields: CronFields): number[] {
  // `* * * * *` has 1,440 of them, so each field is read once.
  const [hours, minutes, seconds] = [numbersIn(fields.hour), numbersIn(fields.minute), numbersIn(fields.second)];
  const times: number[] = [];
  for (const hour of hours) {
    for (const minute of minutes) {
      for (const second of seconds) times.push(hour * 3600 + minute * 60 + second);
    }
  }
  return times;
}

function numbersIn(field: Field): number[] {
  return Object.keys(field)
    .map(Number)
    .sort((a, b) => a - b);
}

function isWhole(field: Field, low: number, high: number): boolean {
  for (let value = low; value <= high; value++) if (!field[value]) return false;
  return true;
}
