import { CronTime } from 'cron';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCron } from '../src/decide/parse-cron.js';

const UNITS = ['second', 'minute', 'hour', 'dayOfMonth', 'month', 'dayOfWeek'] as const;

/** What the npm package makes of an expression: by field, or `refused`. Its fields are private. */
function reference(expression: string): unknown {
  try {
    const time = new CronTime(expression) as unknown as Record<string, Record<string, true>>;
    return UNITS.map((unit) => Object.keys(time[unit]!).map(Number));
  } catch {
    return 'refused';
  }
}

function ours(expression: string): unknown {
  try {
    const fields = parseCron(expression);
    return UNITS.map((unit) => [...fields[unit]]);
  } catch {
    return 'refused';
  }
}

const number = fc.integer({ min: 0, max: 62 }).map(String);
const atom = fc.oneof(number, fc.constantFrom('mon', 'SUN', 'jan', 'dec', '7', '0'));
const part = fc
  .tuple(
    fc.oneof(
      fc.constant('*'),
      atom,
      fc.tuple(atom, atom).map(([from, to]) => `${from}-${to}`),
    ),
    fc.option(number),
  )
  .map(([range, step]) => (step === null ? range : `${range}/${step}`));
const lowPart = fc.tuple(
  fc.integer({ min: 1, max: 6 }),
  fc.integer({ min: 0, max: 6 }),
  fc.integer({ min: 1, max: 4 }),
);
const field = fc.oneof(
  { arbitrary: fc.constant('*'), weight: 3 },
  { arbitrary: lowPart.map(([from, more, step]) => `${from}-${from + more}/${step}`), weight: 4 },
  { arbitrary: fc.integer({ min: 1, max: 7 }).map(String), weight: 4 },
  { arbitrary: fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(',')), weight: 1 },
);
const expressions = fc.array(field, { minLength: 5, maxLength: 6 }).map((fields) => fields.join(' '));

describe('parseCron', () => {
  it('reads what the cron package reads, and refuses what it refuses', () => {
    const seen = { read: 0, refused: 0 };
    fc.assert(
      fc.property(expressions, (expression) => {
        // Names belong to their own field here; the package takes a month's name for a day of the week.
        const named = /[a-z]/i.test(expression.split(' ').slice(0, -2).join(' '));
        const expected = reference(expression);
        if (named && expected !== 'refused') return;
        const got = ours(expression);
        seen[got === 'refused' ? 'refused' : 'read'] += 1;
        if (/jan|dec/i.test(expression.split(' ').at(-1)!) || /mon|sun/i.test(expression.split(' ').at(-2)!)) return;
        expect(got).toEqual(expected);
      }),
      { numRuns: 3_000 },
    );
    expect(seen.read).toBeGreaterThan(300);
    expect(seen.refused).toBeGreaterThan(300);
  });

  it.each(['@yearly', '@monthly', '@weekly', '@daily', '@hourly', '@minutely', '@secondly', '@weekdays', '@weekends'])(
    'knows %s',
    (preset) => expect(ours(preset)).toEqual(reference(preset)),
  );

  it.each([
    '',
    '* * * *',
    '* * * * * * *',
    '@often',
    '*/0 * * * *',
    '5-1 * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '1,,2 * * * *',
    '1- * * * *',
    '*-5 * * * *',
    '5* * * * *',
    '-1 * * * *',
    '1.5 * * * *',
    '0x1 * * * *',
    'toString * * * *',
    '* * * jan-foo *',
    '* * mon * *',
  ])('refuses %j', (expression) => expect(() => parseCron(expression)).toThrow());

  it('says whether the hour is a star or a step of it', () => {
    expect(parseCron('*/5 * * * *').everyHour).toBe(true);
    expect(parseCron('0 */2 * * *').everyHour).toBe(true);
    expect(parseCron('0 0-23 * * *').everyHour).toBe(false);
    expect(parseCron('@daily').everyHour).toBe(false);
  });
});
