import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { dueSlot } from '../src/decide/due-slots.js';
import { parseSchedule, type Schedule } from '../src/decide/parse-schedule.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
/** `WA_SYNC_DST=full` walks whole days on both sides of a change, and each hour of three years: an hour or so of work. */
const FULL = process.env.WA_SYNC_DST === 'full';
/** Half a day on both sides has each hour of the wall clock once, and the one that is repeated or left out. */
const AROUND_MS = FULL ? DAY_MS : DAY_MS / 2;

/** Slots in (from, to] as a replica that checks every `everyMs` would run them. */
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
      5 * MINUTE_MS,
    );
    expect(back).toEqual(['2026-10-25T00:00:00.000Z', '2026-10-26T01:00:00.000Z']);
    const forward = runsOf(
      '0 2 * * *',
      'Europe/Berlin',
      new Date('2026-03-28T12:00:00Z'),
      new Date('2026-03-30T12:00:00Z'),
      5 * MINUTE_MS,
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
    expect(at('0 4 * * 1', '2026-11-26T00:00:00Z')).toBe('2026-11-23T04:00:00.000Z');
    expect(at('0 4 13 * *', '2026-11-26T00:00:00Z')).toBe('2026-11-13T04:00:00.000Z');
    expect(at('0 4 * 2 *', '2026-11-26T00:00:00Z')).toBe('2026-02-28T04:00:00.000Z');
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
  let before = offset(fromMs);
  // No zone goes there and back within a week.
  for (let at = fromMs; at < toMs; at += WEEK_MS) {
    const after = offset(at + WEEK_MS);
    if (before === after) continue;
    let [low, high] = [at, at + WEEK_MS];
    while (high - low > MINUTE_MS) {
      const middle = low + Math.floor((high - low) / 2 / MINUTE_MS) * MINUTE_MS;
      if (offset(middle) === before) low = middle;
      else high = middle;
    }
    found.push(high);
    before = after;
  }
  return found;
}

/**
 * The wall clock of a zone as the milliseconds that UTC would show, from another formatter than the code under test
 * uses.
 */
function wallClock(timeZone: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  return (ms) => Date.parse(`${format.format(ms).replace(' ', 'T')}Z`);
}

/** Zones by what their wall clock shows at every hour: those of one group have one clock. */
function distinctClocks(fromMs: number, toMs: number): string[] {
  const groups = new Map<string, string>();
  for (const zone of Intl.supportedValuesOf('timeZone')) {
    const wall = wallClock(zone);
    const signature = createHash('sha256');
    for (let at = fromMs; at < toMs; at += HOUR_MS) signature.update(`${wall(at) - at} `);
    const key = signature.digest('hex');
    if (!groups.has(key)) groups.set(key, zone);
  }
  return [...groups.values()];
}

/**
 * The first minute of each hour of the wall clock, found by walking it minute by minute; a clock that was set back
 * shows nothing new.
 */
function hoursOf(wall: (ms: number) => number, startMs: number, endMs: number): { hour: number; atMs: number }[] {
  const first: { hour: number; atMs: number }[] = [];
  let highest = wall(startMs);
  for (let atMs = startMs + MINUTE_MS; atMs <= endMs; atMs += MINUTE_MS) {
    const shown = wall(atMs);
    for (let hour = Math.floor(highest / HOUR_MS) + 1; hour * HOUR_MS <= shown; hour += 1) first.push({ hour, atMs });
    highest = Math.max(highest, shown);
  }
  return first;
}

const daily = new Map<string, Schedule[]>();

/** A daily job at each hour; parsed once for each zone, as that takes longer than what is judged. */
function dailyIn(zone: string): Schedule[] {
  const parsed =
    daily.get(zone) ?? Array.from({ length: 24 }, (_, hour) => parseSchedule('jobs.sync', `0 ${hour} * * *`, zone));
  daily.set(zone, parsed);
  return parsed;
}

/** Slots of a daily job at each hour between two instants that do not fall where the wall clock says, or not once. */
function judge(zone: string, startMs: number, endMs: number): { slots: number; wrong: string[] } {
  const wrong: string[] = [];
  const hours = hoursOf(wallClock(zone), startMs, endMs);
  const schedules = dailyIn(zone);
  for (const { hour, atMs } of hours) {
    const schedule = schedules[((hour % 24) + 24) % 24]!;
    const before = dueSlot(new Date(atMs - 1_000), schedule, new Date(atMs - 2 * DAY_MS));
    const on = dueSlot(new Date(atMs), schedule, before ?? new Date(atMs - 2 * DAY_MS));
    const after = dueSlot(new Date(atMs + HOUR_MS), schedule, on ?? new Date(0));
    if (on?.getTime() === atMs && after === null) continue;
    wrong.push(`${zone} ${new Date(atMs).toISOString()}: ${[before, on, after].map((at) => at?.toISOString())}`);
  }
  return { slots: hours.length, wrong };
}

describe('a daily job in every zone', () => {
  const fromMs = Date.UTC(2026, 0, 1);
  const toMs = Date.UTC(2029, 0, 1);

  let changes: readonly { zone: string; atMs: number }[] = [];

  beforeAll(() => {
    // One zone for each clock: zones that change at the same instants by as much show the same wall clock.
    const clocks = new Map<string, { zone: string; atMs: number }[]>();
    for (const zone of Intl.supportedValuesOf('timeZone')) {
      const wall = wallClock(zone);
      const found = transitions(wall, fromMs, toMs);
      const key = [fromMs, ...found].map((at) => `${at} ${wall(at) - at}`).join();
      if (!clocks.has(key))
        clocks.set(
          key,
          found.map((atMs) => ({ zone, atMs })),
        );
    }
    changes = [...clocks.values()].flat();
  }, 600_000);

  it('falls once on each date around each change of the clock in 3 years, judged by walking it minute by minute', {
    timeout: 600_000,
  }, () => {
    const judged = changes.map(({ zone, atMs }) => judge(zone, atMs - AROUND_MS, atMs + AROUND_MS));
    expect(judged.flatMap(({ wrong }) => wrong).slice(0, 10)).toEqual([]);
    expect(judged.reduce((sum, { slots }) => sum + slots, 0)).toBeGreaterThan(FULL ? 8_000 : 4_000);
  });

  it('leaves the interval of a step unbroken around each change of the clock in 3 years', { timeout: 600_000 }, () => {
    const zones = new Map(changes.map(({ zone, atMs }) => [atMs, zone]));
    expect(zones.size).toBeGreaterThan(20);
    for (const [atMs, zone] of zones) {
      const [from, to] = [new Date(atMs - 2 * HOUR_MS), new Date(atMs + 2 * HOUR_MS)];
      const runs = runsOf('*/5 * * * *', zone, from, to, MINUTE_MS).map((at) => Date.parse(at));
      expect(runs).toHaveLength(48);
      expect(runs.every((at, index) => index === 0 || at - runs[index - 1]! === 5 * MINUTE_MS)).toBe(true);
    }
  });

  it.runIf(FULL)(
    'falls once on each date of 3 years, every hour of every clock there is',
    { timeout: 10 * HOUR_MS },
    () => {
      let slots = 0;
      const clocks = distinctClocks(fromMs, toMs);
      for (const zone of clocks) {
        const judged = judge(zone, fromMs, toMs);
        slots += judged.slots;
        expect(judged.wrong.slice(0, 10)).toEqual([]);
      }
      console.log(`${slots} slots in ${clocks.length} clocks`);
      expect(slots).toBeGreaterThan(clocks.length * 26_000);
    },
  );
});
