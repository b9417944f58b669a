import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { INVARIANTS } from '../../simulator/index.js';

const root = join(import.meta.dirname, '../../../..');
const IDS = [
  ...Array.from({ length: 16 }, (_, index) => `S${index + 1}`),
  ...Array.from({ length: 5 }, (_, index) => `L${index + 1}`),
];

interface Section {
  readonly id: string;
  /** The heading without its id. */
  readonly promise: string;
  readonly mechanism: string;
  readonly limits: string;
  /** The items of the list of tests. */
  readonly tests: readonly string[];
}

/**
 * One promise a heading: how it is kept, its limits, the tests that hold it. Lines are wrapped, so they are joined.
 */
const sections: readonly Section[] = readFileSync(join(root, 'docs/GUARANTEES.md'), 'utf8')
  .split(/^#{2,3} /m)
  .flatMap((part) => {
    const [, id, promise, body] = /^([SL]\d+)\. ([^\n]+)\n(.*)/s.exec(part) ?? [];
    if (id === undefined || promise === undefined || body === undefined) return [];
    const [, mechanism = '', limits = '', list = ''] =
      /^(.*?)\n\*\*Limits\.\*\*(.*?)\n\*\*Tests\*\*\n(.*)/s.exec(body) ?? [];
    const tests = list.split(/^- /m).slice(1);
    return [{ id, promise, mechanism: oneLine(mechanism), limits: oneLine(limits), tests: tests.map(oneLine) }];
  });

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

describe('the page of guarantees', () => {
  it('has every promise once, in order, and the simulator holds each', () => {
    expect(sections.map(({ id }) => id)).toEqual(IDS);
    expect(INVARIANTS.map(({ name }) => name)).toEqual(expect.arrayContaining(IDS));
  });

  it.each(sections)('$id says how it is kept and where it ends, and names tests that are there', (section) => {
    const { promise, mechanism, limits, tests } = section;
    for (const words of [promise, mechanism, limits]) expect(words.length).toBeGreaterThan(20);
    expect(tests.length).toBeGreaterThan(0);
    const missing = tests.filter((item) => {
      const [, file, name] = /^`([^`]+\.ts)` “([^”]+)”$/.exec(item) ?? [];
      if (file === undefined || name === undefined) return true;
      const path = join(root, file);
      return !existsSync(path) || !namesOf(path).some((said) => said.includes(name));
    });
    expect(missing).toEqual([]);
  });
});

/** What tests are called in a file: the first argument of each `it`, `test`, `it.each(…)` and the like. */
function namesOf(path: string): string[] {
  const source = readFileSync(path, 'utf8');
  return [
    ...source.matchAll(
      /\b(?:it|test)(?:\.(?:sequential|concurrent))?(?:\.\w+(?:<[^(]*>)?\((?:[^()]|\([^()]*\))*\))?\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g,
    ),
  ].map((match) => match[2]!);
}
