import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url);
const text = await readFile(new URL('docs/FAILURES.md', root), 'utf8');
const rows = text
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter((cells) => /^F\d\d$/.test(cells[1] ?? ''))
  .map((cells) => ({
    id: cells[1] ?? '',
    files: [...(cells[6] ?? '').matchAll(/`([^`]+)`/g)].map(([, file]) => file ?? ''),
  }));

/** Ids that a test has in its name: at the start, or behind another one. */
const idsIn = (source: string) =>
  new Set([...source.matchAll(/['"`](?:F\d\d, )*(F\d\d)[:,]/g)].map(([, id]) => id ?? ''));

describe('docs/FAILURES.md', () => {
  it('has the rows of the catalogue', () => {
    expect(rows.length).toBeGreaterThanOrEqual(30);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  });

  it.each(rows)('$id is held by tests that have it in their name', async ({ id, files }) => {
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      expect(existsSync(new URL(file, root)), file).toBe(true);
      expect([...idsIn(await readFile(new URL(file, root), 'utf8'))], file).toContain(id);
    }
  });

  it('has every id that any test names', async () => {
    const known = new Set(rows.map(({ id }) => id));
    for (const folder of ['packages', 'examples']) {
      for (const name of await readdir(new URL(`${folder}/`, root))) {
        const tests = new URL(`${folder}/${name}/test/`, root);
        if (!existsSync(tests)) continue;
        for (const file of await readdir(tests)) {
          if (!file.endsWith('.test.ts')) continue;
          const unknown = [...idsIn(await readFile(new URL(file, tests), 'utf8'))].filter((id) => !known.has(id));
          expect(unknown, file).toEqual([]);
        }
      }
    }
  });
});
