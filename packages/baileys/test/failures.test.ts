import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url);

/** Ids of the catalogue, as the documentation has them. */
async function readCatalogue(): Promise<string[]> {
  const text = await readFile(new URL('docs/FAILURES.md', root), 'utf8');
  return [...text.matchAll(/^\| (F\d\d) \|/gm)].map(([, id]) => id ?? '');
}

/** Ids that tests have in their names: at the start, or behind another one. */
async function readTests(): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const folder of ['packages', 'examples']) {
    for (const name of await readdir(new URL(`${folder}/`, root))) {
      const tests = new URL(`${folder}/${name}/test/`, root);
      if (!existsSync(tests)) continue;
      for (const file of await readdir(tests)) {
        if (!file.endsWith('.test.ts')) continue;
        const text = await readFile(new URL(file, tests), 'utf8');
        for (const [names] of text.matchAll(/['"`](?:F\d\d, )*F\d\d[:,]/g)) {
          for (const [id] of names.matchAll(/F\d\d/g)) found.set(id, [...(found.get(id) ?? []), file]);
        }
      }
    }
  }
  return found;
}

it('docs/FAILURES.md has the rows of the catalogue, and each has tests that carry its id in their names', async () => {
  const rows = await readCatalogue();
  expect(rows.length).toBeGreaterThanOrEqual(30);
  expect(new Set(rows).size).toBe(rows.length);
  const tests = await readTests();
  expect(rows.filter((id) => !tests.has(id))).toEqual([]);
  expect([...tests.keys()].filter((id) => !rows.includes(id))).toEqual([]);
});
