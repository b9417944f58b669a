import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../src/domain/errors.js';
import { EVENT_NAMES } from '../src/index.js';

const docs = join(import.meta.dirname, '../../../docs');
const firstCells = (file: string) =>
  [...readFileSync(join(docs, file), 'utf8').matchAll(/^\| `([^`]+)` +\|/gm)].map((match) => match[1]);

describe('the tables of the documentation', () => {
  it('names every event, and no other', () => {
    expect(firstCells('EVENTS.md').sort()).toEqual([...EVENT_NAMES].sort());
  });

  it('names every error code, and no other', () => {
    expect(firstCells('ERRORS.md').sort()).toEqual([...ERROR_CODES].sort());
  });

  it('names every log code of the engine', () => {
    const engine = join(import.meta.dirname, '../src/engine');
    const text = readFileSync(join(docs, 'ARCHITECTURE.md'), 'utf8');
    const missing = readdirSync(engine, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) =>
        [...readFileSync(join(engine, file), 'utf8').matchAll(/code: '([a-z_]+)'/g)]
          .map(([, code]) => `${file}: ${code}`)
          .filter((found) => !text.includes(`\`${found.split(': ')[1]}\``)),
      );
    expect(missing).toEqual([]);
  });
});
