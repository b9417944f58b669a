import { WaSyncError } from '../errors.js';
import { zoneOffsetMs } from './civil-time.js';
import { type CronFields, parseCron } from './parse-cron.js';

/** A cron expression taken apart. */
export interface Schedule {
  readonly expression: string;
  readonly timeZone: string;
  /**
   * `civil`: the hour is fixed, so slots are wall-clock times of the zone, once a date. `utc`: the hour is `*` or a step, so slots are
   * instants of UTC and daylight saving never breaks the interval.
   */
  readonly kind: 'civil' | 'utc';
  /** Seconds of the day at which a slot falls, ascending. */
  readonly secondsOfDay: readonly number[];
  /** Whether a slot falls on this date; `weekday` 0 is Sunday. */
  matchesDate(date: { month: number; day: number; weekday: number }): boolean;
}

/**
 * Parses a cron expression (five fields, or six with seconds, or `@daily` and the like) for a zone.
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
    fields = parseCron(expression);
  } catch (cause) {
    throw new WaSyncError('config_invalid', `Option ${key} takes a cron expression such as */5 * * * *`, { cause });
  }
  const { month, dayOfMonth, dayOfWeek } = fields;
  const anyDay = dayOfMonth.length === 31;
  const anyWeekday = dayOfWeek.length === 7;
  return {
    expression,
    timeZone,
    kind: fields.everyHour ? 'utc' : 'civil',
    secondsOfDay: secondsOfDay(fields),
    matchesDate(date) {
      if (!month.includes(date.month)) return false;
      // POSIX crontab(5): where both day fields are restricted, either may match.
      if (anyDay) return anyWeekday || dayOfWeek.includes(date.weekday);
      return dayOfMonth.includes(date.day) || (!anyWeekday && dayOfWeek.includes(date.weekday));
    },
  };
}

function secondsOfDay({ hour, minute, second }: CronFields): number[] {
  // `* * * * *` has 1,440 of them: lists in lists cost five times as much.
  const times: number[] = [];
  for (const h of hour) for (const m of minute) for (const s of second) times.push(h * 3_600 + m * 60 + s);
  return times;
}
