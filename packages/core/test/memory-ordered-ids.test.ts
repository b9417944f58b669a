import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareIds, createOrderedIds } from '../src/memory/ordered-ids.js';

const text = fc.string({ unit: 'binary', maxLength: 6 });
const byUtf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe('the order of ids', () => {
  it('is the one of their UTF-8 bytes', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareIds(a, b))).toBe(byUtf8(a, b));
      }),
      {
        examples: [
          ['😀', '\uFF21'],
          ['\uFF21', '😀'],
          ['a😀', 'a'],
          ['\uE000', '\uD7FF'],
          ['', 'a'],
        ],
        numRuns: 2_000,
      },
    );
  });
});

describe('ordered ids', () => {
  it('hold and page what a sorted set would, whatever is added and deleted', () => {
    const step = fc.record({ add: fc.boolean(), id: fc.integer({ min: 0, max: 3_000 }).map(String) });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 4_000, size: 'max' }),
        text,
        fc.nat({ max: 1_500 }),
        (steps, after, limit) => {
          const ids = createOrderedIds();
          const model = new Set<string>();
          for (const { add, id } of steps) {
            if (add) ids.add(id);
            else ids.delete(id);
            if (add) model.add(id);
            else model.delete(id);
          }
          const sorted = [...model].sort(byUtf8);
          expect(ids.size).toBe(model.size);
          expect(ids.page(undefined, Number.POSITIVE_INFINITY)).toEqual(sorted);
          const start = sorted[Math.floor(sorted.length / 2)] ?? after;
          for (const from of [after, start]) {
            expect(ids.page(from, limit)).toEqual(sorted.filter((id) => byUtf8(id, from) > 0).slice(0, limit));
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
