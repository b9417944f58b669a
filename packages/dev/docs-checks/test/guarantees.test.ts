import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { INVARIANTS } from '../../simulator/index.js';

const root = join(import.meta.dirname, '../../../..');
const IDS = [
  ...Array.from({ length: 19 }, (_, index) => `S${index + 1}`),
  ...Array.from({ length: 7 }, (_, index) => `L${index + 1}`),
];

/**
 * What these fail for is a checker that is blind, and not a product that breaks its promise: the product is played by
 * the tests of `packages/dev` that need real time or servers.
 */
const CHECKS_CHECKERS = /^packages\/dev\/(?!.*\.(?:realtime|servers)\.test\.ts$)/;

interface Section {
  readonly id: string;
  /** The heading without its id. */
  readonly promise: string;
  readonly mechanism: string;
  readonly limits: string;
  /** Up to which size something shows it, with the command; or that nothing does. */
  readonly size: string;
  /** The items of the list of tests. */
  readonly tests: readonly string[];
}

/**
 * One promise a heading: how it is kept, its limits, up to which size, the tests that hold it. Lines are wrapped, so they are joined.
 */
const sections: readonly Section[] = readFileSync(join(root, 'docs/GUARANTEES.md'), 'utf8')
  .split(/^#{2,3} /m)
  .flatMap((part) => {
    const [, id, promise, body] = /^([SL]\d+)\. ([^\n]+)\n(.*)/s.exec(part) ?? [];
    if (id === undefined || promise === undefined || body === undefined) return [];
    const [, mechanism = '', limits = '', size = '', list = ''] =
      /^(.*?)\n\*\*Limits\.\*\*(.*?)\n\*\*Size\.\*\*(.*?)\n\*\*Tests\*\*\n(.*)/s.exec(body) ?? [];
    const tests = list.split(/^- /m).slice(1).map(oneLine);
    return [{ id, promise, mechanism: oneLine(mechanism), limits: oneLine(limits), size: oneLine(size), tests }];
  });

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

describe('the page of guarantees', () => {
  it('has every promise once, in order, and the simulator holds each', () => {
    expect(sections.map(({ id }) => id)).toEqual(IDS);
    expect(INVARIANTS.map(({ name }) => name)).toEqual(expect.arrayContaining(IDS));
  });

  it.each(sections)(
    '$id says how it is kept, where it ends and up to which size it is shown, and names tests that are there',
    (section) => {
      const { promise, mechanism, limits, size, tests } = section;
      const commands = [...size.matchAll(/`((?:[A-Z_]+=\d+ )?(?:npm run|npx vitest run) [^`]+)`/g)].map(
        (match) => match[1]!,
      );
      expect(commands.length).toBeGreaterThan(0);
      const paths = commands.flatMap((command) => command.split(' ').filter((word) => word.startsWith('packages/')));
      expect(paths.filter((path) => !isOfTests(path))).toEqual([]);
      for (const words of [promise, mechanism, limits]) expect(words.length).toBeGreaterThan(20);
      expect(tests.length).toBeGreaterThan(0);
      const missing = tests.filter((item) => {
        const [, file, name] = /^`([^`]+\.ts)` “([^”]+)”$/.exec(item) ?? [];
        if (file === undefined || name === undefined || CHECKS_CHECKERS.test(file)) return true;
        const path = join(root, file);
        return !existsSync(path) || !namesOf(path).some((said) => said.includes(name));
      });
      expect(missing).toEqual([]);
    },
  );
});

/** Whether vitest finds a file by this: it takes a part of a path. */
function isOfTests(path: string): boolean {
  const folder = join(root, path, '..');
  return existsSync(folder) && readdirSync(folder).some((name) => join(folder, name).startsWith(join(root, path)));
}

/** What tests are called in a file: the first argument of each `it`, `test`, `it.each(…)` and the like. */
function namesOf(path: string): string[] {
  const source = readFileSync(path, 'utf8');
  return [
    ...source.matchAll(
      /\b(?:it|test)(?:\.(?:sequential|concurrent))?(?:\.\w+(?:<[^(]*>)?\((?:[^()]|\([^()]*\))*\))?\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g,
    ),
  ].map((match) => match[2]!);
}
