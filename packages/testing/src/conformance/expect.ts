import { AssertionError } from 'node:assert';
import { inspect } from 'node:util';

// Assertions of the suites, so that they run under any runner: the words of jest and vitest, and only those that the
// suites use. `node:assert` has neither a comparison that ignores `undefined` nor one of a part of an object.

/** A value that stands for many in an expected object. */
class Any {
  constructor(
    readonly name: string,
    readonly matches: (actual: unknown) => boolean,
  ) {}

  [inspect.custom](): string {
    return `<${this.name}>`;
  }
}

interface Matchers {
  toBe(expected: unknown): void;
  /** The same content; a key whose value is `undefined` counts as missing. */
  toEqual(expected: unknown): void;
  /** At least the keys of `expected`, at every depth; arrays have the same length. */
  toMatchObject(expected: object): void;
  toHaveLength(length: number): void;
  toContain(part: unknown): void;
  toMatch(pattern: RegExp): void;
  toBeNull(): void;
  toBeUndefined(): void;
  toBeInstanceOf(type: Type): void;
  toBeGreaterThan(bound: number): void;
  toBeGreaterThanOrEqual(bound: number): void;
  toBeLessThan(bound: number): void;
  toBeLessThanOrEqual(bound: number): void;
}

interface Expectation extends Matchers {
  readonly not: Matchers;
  readonly rejects: { toThrow(part: string): Promise<void> };
}

type Type = abstract new (...args: never[]) => unknown;

function matchersOf(actual: unknown, not: boolean): Matchers {
  const hold = (holds: boolean, words: string, expected?: unknown) => {
    if (holds !== not) return;
    const what = words.includes('%') ? words.replace('%', () => inspect(expected, { depth: 8 })) : words;
    const message = `${inspect(actual, { depth: 8 })}\n${not ? 'was not expected' : 'was expected'} ${what}`;
    throw new AssertionError({ message, actual, expected, operator: 'expect', stackStartFn: hold });
  };
  const compare = (words: string, bound: number, holds: (value: number) => boolean) =>
    hold(typeof actual === 'number' && holds(actual), `to be ${words} %`, bound);
  return {
    toBe: (expected) => hold(Object.is(actual, expected), 'to be %', expected),
    toEqual: (expected) => hold(equals(actual, expected, false), 'to equal %', expected),
    toMatchObject: (expected) => hold(equals(actual, expected, true), 'to match %', expected),
    toHaveLength: (length) => hold((actual as { length?: unknown })?.length === length, 'to have the length %', length),
    toContain: (part) =>
      hold(
        typeof actual === 'string' ? actual.includes(String(part)) : [...(actual as Iterable<unknown>)].includes(part),
        'to contain %',
        part,
      ),
    toMatch: (pattern) => hold(typeof actual === 'string' && pattern.test(actual), 'to match %', pattern),
    toBeNull: () => hold(actual === null, 'to be null'),
    toBeUndefined: () => hold(actual === undefined, 'to be undefined'),
    toBeInstanceOf: (type) => hold(actual instanceof type, 'to be an instance of %', type),
    toBeGreaterThan: (bound) => compare('greater than', bound, (value) => value > bound),
    toBeGreaterThanOrEqual: (bound) => compare('at least', bound, (value) => value >= bound),
    toBeLessThan: (bound) => compare('less than', bound, (value) => value < bound),
    toBeLessThanOrEqual: (bound) => compare('at most', bound, (value) => value <= bound),
  };
}

export function expect(actual: unknown): Expectation {
  return {
    ...matchersOf(actual, false),
    not: matchersOf(actual, true),
    rejects: {
      async toThrow(part) {
        const outcome = await (actual as Promise<unknown>).then(
          (value) => ({ value }),
          (error: unknown) => ({ error }),
        );
        if (!('error' in outcome)) throw new AssertionError({ message: `Was expected to reject, with ${part}` });
        const { error } = outcome;
        expect(error instanceof Error ? error.message : String(error)).toContain(part);
      },
    },
  };
}

/** Any value of a type; `String` and `Number` stand for the primitives. */
expect.any = (type: Type): unknown =>
  new Any(`any ${type.name}`, (actual) => {
    if (type === String) return typeof actual === 'string';
    if (type === Number) return typeof actual === 'number';
    return actual instanceof type;
  });

/** An array that has an equal of each of these. */
expect.arrayContaining = (parts: readonly unknown[]): unknown =>
  new Any(
    `array with ${inspect(parts)}`,
    (actual) =>
      Array.isArray(actual) && parts.every((part) => actual.some((value: unknown) => equals(value, part, false))),
  );

expect.toSatisfy = (holds: (actual: unknown) => boolean): unknown => new Any('a value that satisfies', holds);

const typeOf = (value: unknown) => Object.prototype.toString.call(value);

function equals(actual: unknown, expected: unknown, part: boolean): boolean {
  if (expected instanceof Any) return expected.matches(actual);
  if (Object.is(actual, expected)) return true;
  if (typeof actual !== 'object' || typeof expected !== 'object' || actual === null || expected === null) return false;
  if (typeOf(actual) !== typeOf(expected)) return false;
  // Bytes are compared as what they are: a Buffer is no Uint8Array.
  if (Symbol.iterator in expected && actual.constructor !== expected.constructor) return false;
  if (expected instanceof Date) return Object.is((actual as Date).getTime(), expected.getTime());
  if (expected instanceof Error) {
    const { name, message } = actual as Error;
    return name === expected.name && message === expected.message;
  }
  if (expected instanceof Map) return equalMaps(actual as Map<unknown, unknown>, expected);
  if (expected instanceof Set) {
    const values = [...(actual as Set<unknown>)];
    const found = [...expected].every((one) => values.some((value) => equals(value, one, false)));
    return found && values.length === expected.size;
  }
  if (Array.isArray(expected) || ArrayBuffer.isView(expected)) {
    const [some, all] = [actual as ArrayLike<unknown>, expected as unknown as ArrayLike<unknown>];
    return some.length === all.length && Array.from(all).every((one, index) => equals(some[index], one, part));
  }
  return equalObjects(actual, expected, part);
}

function equalMaps(actual: Map<unknown, unknown>, expected: Map<unknown, unknown>): boolean {
  return (
    actual.size === expected.size &&
    [...expected].every(([key, value]) =>
      actual.has(key)
        ? equals(actual.get(key), value, false)
        : [...actual].some(([other, found]) => equals(other, key, false) && equals(found, value, false)),
    )
  );
}

function equalObjects(actual: object, expected: object, part: boolean): boolean {
  const read = (of: object, key: string | symbol) => (of as Record<string | symbol, unknown>)[key];
  const keysOf = (of: object) =>
    Reflect.ownKeys(of).filter((key) => Object.prototype.propertyIsEnumerable.call(of, key));
  const held = keysOf(expected).every(
    (key) => (!part || key in actual) && equals(read(actual, key), read(expected, key), part),
  );
  if (part || !held) return held;
  return keysOf(actual).every((key) => read(actual, key) === undefined || Object.hasOwn(expected, key));
}
