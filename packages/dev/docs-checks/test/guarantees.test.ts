import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { INVARIANTS } from '../../simulator/index.js';

const root = join(import.meta.dirname, '../../../..');
const IDS = [
  ...Array.from({ length: 16 }, (_, index) => `S${index + 1}`),
  ...Array.from({ length: 5 }, (_, index) => `L${index + 1}`),
];

/** The rows of the table: id, promise, mechanism, tests, what is not promised. */
const rows = readFileSync(join(root, 'docs/GUARANTEES.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| [SL]\d+ \|/.test(line))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

const testsOf = (cell: string) =>
  [...cell.matchAll(/`([^`]+\.ts)` “([^”]+)”/g)].map(([, file, name]) => ({ file, name }));

describe('the table of guarantees', () => {
  it('has every promise once, in order, and the simulator holds each', () => {
    expect(rows.map(([id]) => id)).toEqual(IDS);
    expect(INVARIANTS.map(({ name }) => name)).toEqual(expect.arrayContaining(IDS));
  });

  it.each(rows)('%s says how it is kept and what is not promised, and names tests that are there', (...cells) => {
    const [, promise, mechanism, tests, limits] = cells;
    expect(cells).toHaveLength(5);
    for (const words of [promise, mechanism, limits]) expect(words!.length).toBeGreaterThan(20);
    const named = testsOf(tests!);
    expect(named.length).toBeGreaterThan(0);
    expect(tests!.split('<br>')).toHaveLength(named.length);
    const missing = named.filter(({ file, name }) => {
      const path = join(root, file!);
      return !existsSync(path) || !namesOf(path).some((said) => said.includes(name!));
    });
    expect(missing).toEqual([]);
  });
});

/** What tests are called in a file: the first argument of each `it`, `test`, `it.each(…)` and the like. */
function namesOf(path: string): string[] {
  const source = readFileSync(path, 'utf8');
  return [
    ...source.matchAll(
      /\b(?:it|test)(?:\.\w+(?:<[^(]*>)?\((?:[^()]|\([^()]*\))*\))?\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g,
    ),
  ].map((match) => match[2]!);
}
