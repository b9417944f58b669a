import { describe, expect, it } from 'vitest';
import { dueSlot } from '../src/decide/due-slots.js';
import { parseSchedule } from '../src/decide/parse-schedule.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Slots in (from, to] as a replica that looks every `everyMs` would run them. */
function runsOf(expression: string, timeZone: string, from: Date, to: Date, everyMs: number): string[] {
  const schedule = parseSchedule('jobs.sync', expression, timeZone);
  const runs: string[] = [];
  let last = from;
  for (let at = from.getTime(); at <= to.getTime(); at += everyMs) {
    const slot = dueSlot(new Date(at), schedule, last);
    if (!slot) continue;
    runs.push(slot.toISOString());
    last = slot;
  }
  return runs;
}

describe('dueSlot', () => {
  it('F28: keeps the interval of a step through daylight saving', () => {
    const from = new Date('2026-10-24T22:00:00Z');
    const to = new Date('2026-10-25T04:00:00Z');
    const runs = runsOf('*/5 * * * *', 'Europe/Berlin', from, to, MINUTE_MS);
    expect(runs).toHaveLength(72);
    for (let i = 1; i < runs.length; i++) expect(Date.parse(runs[i]!) - Date.parse(runs[i - 1]!)).toBe(5 * MINUTE_MS);
  });

  it('F28: runs a daily 02:00 once when the clock is set back over it, and at the end of the gap when set forward', () => {
    const back = runsOf(
      '0 2 * * *',
      'Europe/Berlin',
      new Date('2026-10-24T12:00:00Z'),
      new Date('2026-10-26T12:00:00Z'),
      MINUTE_MS,
    );
    expect(back).toEqual(['2026-10-25T00:00:00.000Z', '2026-10-26T01:00:00.000Z']);
    const forward = runsOf(
      '0 2 * * *',
      'Europe/Berlin',
      new Date('2026-03-28T12:00:00Z'),
      new Date('2026-03-30T12:00:00Z'),
      MINUTE_MS,
    );
    expect(forward).toEqual(['2026-03-29T01:00:00.000Z', '2026-03-30T00:00:00.000Z']);
  });

  it('lets the latest slot stand for all that were missed', () => {
    const schedule = parseSchedule('jobs.sync', '0 2 * * *', 'America/Sao_Paulo');
    expect(dueSlot(new Date('2026-11-23T12:00:00Z'), schedule, new Date('2026-11-01T00:00:00Z'))).toEqual(
      new Date('2026-11-23T05:00:00Z'),
    );
    expect(dueSlot(new Date('2026-11-23T12:00:00Z'), schedule, new Date('2026-11-23T05:00:00Z'))).toBeNull();
    // The store's clock went back: nothing is due again.
    expect(dueSlot(new Date('2026-11-22T12:00:00Z'), schedule, new Date('2026-11-23T05:00:00Z'))).toBeNull();
  });

  it('honours days, months, lists, ranges and seconds', () => {
    const at = (expression: string, now: string) =>
      dueSlot(new Date(now), parseSchedule('jobs.sync', expression, 'UTC'), new Date(0))?.toISOString();
    expect(at('30 9,18 * * *', '2026-11-23T17:00:00Z')).toBe('2026-11-23T09:30:00.000Z');
    expect(at('0 0-22 * * *', '2026-11-23T23:59:00Z')).toBe('2026-11-23T22:00:00.000Z');
    expect(at('0 4 29 2 *', '2026-11-23T00:00:00Z')).toBe('2024-02-29T04:00:00.000Z');
    expect(at('0 4 13 * 5', '2026-11-14T00:00:00Z')).toBe('2026-11-13T04:00:00.000Z');
    expect(at('0 4 1 * 1', '2026-11-24T00:00:00Z')).toBe('2026-11-23T04:00:00.000Z');
    expect(at('*/10 * * * * *', '2026-11-23T00:00:59Z')).toBe('2026-11-23T00:00:50.000Z');
    expect(at('@daily', '2026-11-23T13:00:00Z')).toBe('2026-11-23T00:00:00.000Z');
    expect(at('@hourly', '2026-11-23T13:30:00Z')).toBe('2026-11-23T13:00:00.000Z');
    expect(at('0 2 31 2 *', '2026-11-23T13:30:00Z')).toBeUndefined();
  });

  it('names the key of an expression or zone that makes no sense', () => {
    expect(() => parseSchedule('jobs.sync', 'every day', 'UTC')).toThrow('jobs.sync');
    expect(() => parseSchedule('jobs.sync', '0 2 * * *', 'Mars/Olympus')).toThrow('timeZone');
  });
});

/** Instants at which a zone's offset changes, to the minute, read from formatted wall clocks only. */
function transitions(wall: (ms: number) => number, fromMs: number, toMs: number): number[] {
  const found: number[] = [];
  const offset = (ms: number) => wall(ms) - ms;
  for (let at = fromMs; at < toMs; at += DAY_MS) {
    if (offset(at) === offset(at + DAY_MS)) continue;
    let [low, high] = [at, at + DAY_MS];
    while (high - low > MINUTE_MS) {
      const middle = low + Math.floor((high - low) / 2 / MINUTE_MS) * MINUTE_MS;
      if (offset(middle) === offset(low)) low = middle;
      else high = middle;
    }
    found.push(high);
  }
  return found;
}

/** The wall clock of a zone as the milliseconds that UTC would show, from another formatter than the code under test uses. */
function wallClock(timeZone: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  return (ms) => Date.parse(`${format.format(ms).replace(' ', 'T')}Z`);
}

describe('a daily job in every zone around every change of its clock', () => {
  const years = Number(process.env.WA_SYNC_DST_YEARS ?? 3);
  const fromMs = Date.UTC(2026, 0, 1);
  const toMs = Date.UTC(2026 + years, 0, 1);

  it(`falls once on each date, judged by walking the wall clock minute by minute (${years} years)`, {
    timeout: 600_000,
  }, () => {
    let slots = 0;
    const wrong: string[] = [];
    for (const zone of Intl.supportedValuesOf('timeZone')) {
      const wall = wallClock(zone);
      for (const change of transitions(wall, fromMs, toMs)) {
        const start = change - DAY_MS;
        const first = new Map<string, number>();
        let highest = wall(start);
        for (let at = start + MINUTE_MS; at <= change + DAY_MS; at += MINUTE_MS) {
          const shown = wall(at);
          // The first minute that shows this time or a later one; a clock that was set back shows nothing new.
          for (let hour = Math.floor(highest / HOUR_MS) + 1; hour * HOUR_MS <= shown; hour++) {
            first.set(`${hour}`, at);
          }
          highest = Math.max(highest, shown);
        }
        for (const [hour, at] of first) {
          slots += 1;
          const schedule = parseSchedule('jobs.sync', `0 ${((Number(hour) % 24) + 24) % 24} * * *`, zone);
          const before = dueSlot(new Date(at - 1000), schedule, new Date(start - DAY_MS));
          const on = dueSlot(new Date(at), schedule, before ?? new Date(start - DAY_MS));
          const after = dueSlot(new Date(at + HOUR_MS), schedule, on ?? new Date(0));
          if (on?.getTime() !== at || after !== null)
            wrong.push(
              `${zone} ${new Date(at).toISOString()}: ${before?.toISOString()} ${on?.toISOString()} ${after?.toISOString()}`,
            );
        }
      }
    }
    expect(wrong.slice(0, 10)).toEqual([]);
    expect(slots).toBeGreaterThan(years * 5_000);
  });
});
