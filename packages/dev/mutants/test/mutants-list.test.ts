import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Mutant {
  readonly name: string;
  readonly patches: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
}

const root = join(import.meta.dirname, '../../../..');
const { MUTANTS } = (await import(join(root, 'packages/dev/mutants/mutants-list.mjs'))) as {
  MUTANTS: readonly Mutant[];
};

describe('the planted defects', () => {
  it('are at least 25, each with a name of its own', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    expect(MUTANTS.length).toBeGreaterThanOrEqual(25);
  });

  it.each(MUTANTS.map(({ name, patches }) => [name, patches] as const))('fit the engine as it is: %s', (_, patches) => {
    for (const { file, find, replace } of patches) {
      const source = readFileSync(join(root, 'packages/core/src', file), 'utf8');
      expect(source.split(find), file).toHaveLength(2);
      expect(replace).not.toBe(find);
    }
  });
});
