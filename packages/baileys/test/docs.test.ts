import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { CLOSE_REASONS } from '../src/index.js';

it('docs/BAILEYS.md has each close reason once, with what becomes of it', async () => {
  const text = await readFile(new URL('../../../docs/BAILEYS.md', import.meta.url), 'utf8');
  const section = text.slice(text.indexOf('## Close reasons'), text.indexOf('## What to do when'));
  const rows = section
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => /^`\w+`$/.test(cells[1] ?? ''))
    .map((cells) => ({
      code: cells[1]?.replaceAll('`', ''),
      status: /^`(\w+)`/.exec(cells[3] ?? '')?.[1],
      reconnects: cells[5] === 'yes',
      credentials: cells[6],
    }));
  expect(rows).toEqual(
    CLOSE_REASONS.map(({ code, status, reconnects, credentials }) => ({ code, status, reconnects, credentials })),
  );
});
