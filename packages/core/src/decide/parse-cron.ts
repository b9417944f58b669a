/** The values that each field of a cron expression allows, ascending. */
export interface CronFields {
  readonly second: readonly number[];
  readonly minute: readonly number[];
  readonly hour: readonly number[];
  readonly dayOfMonth: readonly number[];
  readonly month: readonly number[];
  /** 0 is Sunday. */
  readonly dayOfWeek: readonly number[];
  /** Whether the hour is a `*` or a step of it. */
  readonly everyHour: boolean;
}

/** Lowest and highest value by field, in the order of an expression. */
const RANGES = {
  second: [0, 59],
  minute: [0, 59],
  hour: [0, 23],
  dayOfMonth: [1, 31],
  month: [1, 12],
  dayOfWeek: [0, 7],
} as const;

type Unit = keyof typeof RANGES;

const UNITS = Object.keys(RANGES) as Unit[];

const PRESETS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@hourly': '0 * * * *',
  '@minutely': '* * * * *',
  '@secondly': '* * * * * *',
  '@weekdays': '0 0 * * 1-5',
  '@weekends': '0 0 * * 0,6',
};

const NAMES: Partial<Record<Unit, readonly string[]>> = {
  month: ['', 'jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  dayOfWeek: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
};

/**
 * Takes a cron expression apart: five fields, or six with seconds in front, or a preset such as `@daily`. What it reads is what the npm package `cron` reads, which a
 * test holds it against; that package is no dependency because three quarters of it is a date library whose only use here would be to be loaded.
 *
 * @throws Error that says what is wrong
 */
export function parseCron(expression: string): CronFields {
  const text = expression.trim().toLowerCase();
  const words = (PRESETS[text] ?? text).split(/\s+/);
  if (words.length === 5) words.unshift('0');
  if (words.length !== UNITS.length) throw new Error('Five or six fields are needed');
  const [second, minute, hour, dayOfMonth, month, dayOfWeek] = UNITS.map((unit, at) => parseField(unit, words[at]!));
  return {
    second: second!,
    minute: minute!,
    hour: hour!,
    dayOfMonth: dayOfMonth!,
    month: month!,
    dayOfWeek: [...new Set(dayOfWeek!.map((day) => day % 7))].sort((a, b) => a - b),
    everyHour: words[2]!.includes('*'),
  };
}

function parseField(unit: Unit, text: string): number[] {
  const values = new Set<number>();
  for (const part of text.split(',')) for (const value of parsePart(unit, part)) values.add(value);
  return [...values].sort((a, b) => a - b);
}

/** `*`, `5`, `1-5`, and each of them with a `/step`; `5/10` goes on to the highest. */
function parsePart(unit: Unit, part: string): number[] {
  const [low, high] = RANGES[unit];
  const [, from, to, step] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part) ?? [];
  if (from === undefined || (from === '*' && to !== undefined)) throw new Error(`The field ${part} makes no sense`);
  const first = from === '*' ? low : parseValue(unit, from);
  const alone = from !== '*' && step === undefined;
  const last = to === undefined ? (alone ? first : high) : parseValue(unit, to);
  const by = Number(step ?? 1);
  if (by === 0) throw new Error(`The step of ${part} is zero`);
  if (first > last) throw new Error(`The range ${part} goes backwards`);
  return Array.from({ length: Math.floor((last - first) / by) + 1 }, (_, at) => first + at * by);
}

function parseValue(unit: Unit, word: string): number {
  const named = word === '' ? -1 : (NAMES[unit] ?? []).indexOf(word);
  const value = named >= 0 ? named : /^\d+$/.test(word) ? Number(word) : Number.NaN;
  const [low, high] = RANGES[unit];
  if (!(value >= low && value <= high)) throw new Error(`${word} is not from ${low} to ${high}`);
  return value;
}
