import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { VARIABLES as OF_NEST } from '../../nest/app/src/settings.js';
import { readSettings, VARIABLES } from '../app/src/settings.js';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const tableOf = (page: string) =>
  [...read(page).matchAll(/^\| `([A-Z_]+)` *\| (.+?) *\|$/gm)].map(([, name, takes]) => [
    name,
    takes?.replaceAll('`', ''),
  ]);

it('the Nest app reads its environment as the Express app does', () => {
  expect(read('nest/app/src/settings.ts')).toBe(read('express/app/src/settings.ts'));
  expect(read('nest/app/src/apply-schema.ts')).toBe(read('express/app/src/apply-schema.ts'));
});

it.each([
  ['express/README.md', VARIABLES],
  ['nest/README.md', OF_NEST],
])('%s names every variable as the app itself does', (page, variables) => {
  expect(tableOf(page)).toEqual(Object.entries(variables));
});

it.each(['express/README.pt-BR.md', 'nest/README.pt-BR.md'])('%s names every variable', (page) => {
  expect(tableOf(page).map(([name]) => name)).toEqual(Object.keys(VARIABLES));
});

it.each(['express/app/.env.example', 'nest/app/.env.example'])('%s has a line for every variable', (file) => {
  const names = [...read(file).matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(([, name]) => name);
  expect(names).toEqual(Object.keys(VARIABLES));
});

it('reads the whole environment', () => {
  const env = {
    DATABASE_URL: 'postgres://a',
    WA_SYNC_TOKEN: 'one, two,',
    WA_SYNC_SESSIONS: 'sales',
    PORT: '0',
    HOST: '::1',
    WA_SYNC_REPLICA_ID: 'pod-1',
    WA_SYNC_OPTIONS: '{"waSync":{"timeZone":"UTC"},"baileys":{"maxLogins":1},"http":{"waitMs":1}}',
  };
  expect(readSettings(env)).toEqual({
    databaseUrl: 'postgres://a',
    tokens: ['one', 'two'],
    sessions: ['sales'],
    port: 0,
    host: '::1',
    replicaId: 'pod-1',
    waSync: { timeZone: 'UTC' },
    baileys: { maxLogins: 1 },
    http: { waitMs: 1 },
  });
  const least = { DATABASE_URL: 'postgres://a', WA_SYNC_TOKEN: 'one', WA_SYNC_SESSIONS: '', PORT: '' };
  expect(readSettings(least)).toMatchObject({ sessions: [], port: 3_000, host: '127.0.0.1', replicaId: undefined });
});

it('names every mistake at once', () => {
  const wrong = { PORT: '65536', WA_SYNC_OPTIONS: '{' };
  expect(() => readSettings(wrong)).toThrow(
    /^DATABASE_URL is missing: .*\nWA_SYNC_TOKEN is missing: .*\nPORT is no port: .*\nWA_SYNC_OPTIONS is no JSON object: /,
  );
});
