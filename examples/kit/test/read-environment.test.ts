import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readEnvironment, VARIABLES } from '../src/read-environment.js';

const tableOf = (file: string) =>
  [...readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8').matchAll(/^\| `([A-Z_]+)` *\| (.+?) *\|$/gm)].map(
    ([, name, takes]) => [name, takes?.replaceAll('`', '')],
  );

it.each(['express/README.md', 'nest/README.md'])('%s names every variable as the app itself does', (file) => {
  expect(tableOf(file)).toEqual(Object.entries(VARIABLES));
});

it('the README in Portuguese names every variable', () => {
  expect(tableOf('nest/README.pt-BR.md').map(([name]) => name)).toEqual(Object.keys(VARIABLES));
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
    WA_WEB_SOCKET_URL: 'ws://127.0.0.1:1',
    FAKE_WHATSAPP_TRUST: '{"publicKey":"x","serial":0}',
  };
  expect(readEnvironment(env)).toEqual({
    databaseUrl: 'postgres://a',
    tokens: ['one', 'two'],
    sessions: ['sales'],
    port: 0,
    host: '::1',
    replicaId: 'pod-1',
    waSync: { timeZone: 'UTC' },
    baileys: { maxLogins: 1 },
    http: { waitMs: 1 },
    waWebSocketUrl: 'ws://127.0.0.1:1',
    trust: { publicKey: 'x', serial: 0 },
  });
  expect(readEnvironment({})).toMatchObject({ databaseUrl: undefined, sessions: [], port: undefined });
  expect(() => readEnvironment({ ...env, WA_SYNC_OPTIONS: '{' })).toThrow(/WA_SYNC_OPTIONS is no JSON object/);
  expect(() => readEnvironment({ DATABASE_URL: 'postgres://a' })).toThrow(/WA_SYNC_TOKEN is missing/);
});
