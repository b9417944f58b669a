import { civilDateAt, civilInstantMs, dateOfDay, dayOfDate } from './civil-time.js';
import type { Schedule } from './parse-schedule.js';

const DAY_MS = 86_400_000;
/** A schedule for 29 February that falls on one weekday may rest for 28 years, or 40 across a century. */
const LONGEST_REST_DAYS = 366 * 41;

/**
 * The slot that is due: the latest one at or before `storeNow` and after `lastSlot`, or `null`. Slots missed in
 * between are not run one by one: the latest stands for all of them.
 */
export function dueSlot(storeNow: Date, schedule: Schedule, lastSlot: Date): Date | null {
  if (storeNow <= lastSlot) return null;
  const slot = latestSlot(schedule, storeNow.getTime(), lastSlot.getTime());
  return slot === null || slot <= lastSlot.getTime() ? null : new Date(slot);
}

function latestSlot(schedule: Schedule, nowMs: number, afterMs: number): number | null {
  const zone = schedule.kind === 'civil' ? schedule.timeZone : 'UTC';
  // One day more on either side: a zone may be a day away from UTC, and a gap may push a slot into the next date.
  const lastDay = dayOfDate(civilDateAt(nowMs, zone)) + 1;
  const firstDay = Math.max(Math.floor(afterMs / DAY_MS) - 2, lastDay - LONGEST_REST_DAYS);
  for (let day = lastDay; day >= firstDay; day--) {
    const slot = latestOnDay(schedule, zone, day, nowMs);
    if (slot !== null) return slot;
  }
  return null;
}

function latestOnDay(schedule: Schedule, zone: string, day: number, nowMs: number): number | null {
  const date = dateOfDay(day);
  if (!schedule.matchesDate({ ...date, weekday: (((day + 4) % 7) + 7) % 7 })) return null;
  const times = schedule.secondsOfDay;
  const instant = (index: number) =>
    zone === 'UTC' ? day * DAY_MS + times[index]! * 1000 : civilInstantMs(day, times[index]!, zone);
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (instant(middle) <= nowMs) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? null : instant(low - 1);
}
