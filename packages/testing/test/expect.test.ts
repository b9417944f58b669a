import fc from 'fast-check';
import { describe, it, expect as ofVitest } from 'vitest';
import { expect } from '../src/conformance/expect.js';

const passes = (check: () => void): boolean => {
  try {
    check();
    return true;
  } catch {
    return false;
  }
};

const plain = fc.constantFrom(
  ...[null, undefined, true, 0, -0, 1, Number.NaN, '', 'a', new Date(0), new Date(1), new Date(Number.NaN)],
);
const bytesAndMaps = fc.oneof(
  fc.uint8Array({ maxLength: 2, max: 1 }),
  fc.constantFrom(new Map([['a', 1]]), new Map([['a', 2]]), new Set([1]), new Set([1, 2]), Buffer.from([1])),
);

/** Few keys and few values, so that two of them are often alike. */
function valuesOf(leaf: fc.Arbitrary<unknown>) {
  return fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('object'), tie('array')),
    object: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { noNullPrototype: true, maxKeys: 3 }),
    array: fc.array(tie('value'), { maxLength: 3 }),
  }));
}

describe('what the suites compare with', () => {
  it('finds equal what vitest finds equal', () => {
    const { value } = valuesOf(fc.oneof(plain, bytesAndMaps));
    fc.assert(
      fc.property(value, value, (one, other) => {
        for (const [actual, expected] of [
          [one, other],
          [one, structuredClone(one)],
        ] as const)
          ofVitest(passes(() => expect(actual).toEqual(expected))).toBe(
            passes(() => ofVitest(actual).toEqual(expected)),
          );
      }),
      { numRuns: 300 },
    );
  });

  it('finds a part only what vitest finds a part, and every object a part of itself with more', () => {
    // Vitest takes any bytes or map for a part of any other, and an empty object for a part of null.
    const { object } = valuesOf(plain);
    fc.assert(
      fc.property(object, object, (one, other) => {
        if (passes(() => expect(one).toMatchObject(other))) ofVitest(one).toMatchObject(other);
        expect({ deep: [{ ...one, z: 1 }], more: 1 }).toMatchObject({ deep: [one] });
      }),
      { numRuns: 300 },
    );
  });

  it('stands for any value of a type, an array with some values, and what satisfies', () => {
    const actual = { at: new Date(), id: 'a', beats: 1, ids: ['a', 'b'] };
    const { any, arrayContaining, toSatisfy } = expect;
    expect(actual).toEqual({ at: any(Date), id: any(String), beats: any(Number), ids: arrayContaining(['b']) });
    expect(actual).toMatchObject({ beats: toSatisfy((beats) => beats === 1) });
    for (const wrong of [{ at: any(String) }, { id: any(Number) }, { ids: arrayContaining(['c']) }]) {
      ofVitest(() => expect(actual).toMatchObject(wrong)).toThrow('was expected to match');
    }
  });

  it('holds by the other words too, and fails where they are wrong', async () => {
    const right = [
      () => expect('ab').toContain('a'),
      () => expect([1, 2]).toContain(2),
      () => expect('ab').toMatch(/^a/),
      () => expect([1]).toHaveLength(1),
      () => expect(null).toBeNull(),
      () => expect(undefined).toBeUndefined(),
      () => expect(new Uint8Array()).toBeInstanceOf(Uint8Array),
      () => expect(2).toBeGreaterThan(1),
      () => expect(1).toBeGreaterThanOrEqual(1),
      () => expect(1).toBeLessThan(2),
      () => expect(1).toBeLessThanOrEqual(1),
      () => expect(1).not.toBe(2),
    ];
    for (const check of right) check();
    const wrong = [
      () => expect('ab').toContain('c'),
      () => expect([1, 2]).toContain(3),
      () => expect('ab').toMatch(/^b/),
      () => expect([1]).toHaveLength(2),
      () => expect(undefined).toBeNull(),
      () => expect(null).toBeUndefined(),
      () => expect([]).toBeInstanceOf(Uint8Array),
      () => expect(1).toBeGreaterThan(1),
      () => expect(0).toBeGreaterThanOrEqual(1),
      () => expect(2).toBeLessThan(2),
      () => expect(2).toBeLessThanOrEqual(1),
      () => expect(undefined).toBeLessThan(1),
      () => expect(1).not.toBe(1),
    ];
    for (const check of wrong) ofVitest(check).toThrow('was');
    await expect(Promise.reject(new Error('not held'))).rejects.toThrow('held');
    for (const outcome of [Promise.resolve(1), Promise.reject(new Error('else'))]) {
      await ofVitest(expect(outcome).rejects.toThrow('held')).rejects.toThrow('xpected');
    }
  });
});
