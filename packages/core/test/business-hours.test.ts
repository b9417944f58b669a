import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BusinessHours, isBusinessTime } from '../src/decide/business-hours.js';

const ZONES = [
  'UTC',
  'America/Sao_Paulo',
  'America/New_York',
  'Asia/Kolkata',
  'Pacific/Apia',
  'Australia/Lord_Howe',
  'Europe/Lisbon',
];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const two = (value: number) => String(value).padStart(2, '0');

const minutes = fc.integer({ min: 0, max: 1_439 });
const span = fc
  .tuple(minutes, fc.integer({ min: 1, max: 1_440 }))
  .filter(([from, to]) => from < to)
  .map(([from, to]) => [clock(from), clock(to)] as [string, string]);
const instants = fc.date({ min: new Date('2000-01-01'), max: new Date('2040-01-01'), noInvalidDate: true });

function clock(minute: number): string {
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

/** What a wall clock in the zone shows, read by the platform's own words and compared as text. */
function wall(instant: Date, timeZone: string): { date: string; day: (typeof DAYS)[number]; time: string } {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  const [date = '', time = ''] = format.format(instant).split(' ');
  return { date, day: DAYS[new Date(`${date}T12:00:00Z`).getUTCDay()]!, time };
}

describe('business hours', () => {
  it('are what the wall clock of the zone shows, in every zone, on every day, over daylight saving', () => {
    const hours = fc.record({
      timeZone: fc.constantFrom(...ZONES),
      days: fc.record(Object.fromEntries(DAYS.map((day) => [day, span])), { requiredKeys: [] }),
    });
    fc.assert(
      fc.property(hours, instants, ({ timeZone, days }, instant) => {
        const shown = wall(instant, timeZone);
        const open = (days as BusinessHours['days'])[shown.day];
        const expected = open !== undefined && shown.time >= open[0] && shown.time < open[1];
        expect(isBusinessTime(instant, { timeZone, days: days as BusinessHours['days'] })).toBe(expected);
        expect(isBusinessTime(instant, { timeZone, days: days as BusinessHours['days'], holidays: [shown.date] })).toBe(
          false,
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it('begin with their first minute and end before their last, midnight included', () => {
    const hours: BusinessHours = { timeZone: 'UTC', days: { mon: ['09:00', '18:00'], tue: ['00:00', '24:00'] } };
    const at = (time: string) => isBusinessTime(new Date(`2025-01-${time}Z`), hours);
    expect(['06T08:59:59.999', '06T09:00', '06T17:59:59.999', '06T18:00'].map(at)).toEqual([false, true, true, false]);
    expect(['06T23:59:59.999', '07T00:00', '07T23:59:59.999', '08T00:00'].map(at)).toEqual([false, true, true, false]);
  });

  it('know a holiday by the zone’s own date', () => {
    const days = Object.fromEntries(DAYS.map((day) => [day, ['00:00', '24:00'] as const]));
    const hours = { timeZone: 'America/Sao_Paulo', days, holidays: ['2025-12-25'] };
    expect(isBusinessTime(new Date('2025-12-25T02:59:00Z'), hours)).toBe(true);
    expect(isBusinessTime(new Date('2025-12-25T03:00:00Z'), hours)).toBe(false);
    expect(isBusinessTime(new Date('2025-12-26T02:59:00Z'), hours)).toBe(false);
    expect(isBusinessTime(new Date('2025-12-26T03:00:00Z'), hours)).toBe(true);
  });
});
