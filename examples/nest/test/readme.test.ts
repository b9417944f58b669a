import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { readEnvironment, VARIABLES } from '../src/app/read-environment.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFile(join(root, file), 'utf8');
const tableOf = (text: string) =>
  [...text.matchAll(/^\| `([A-Z_]+)` *\| (.+?) *\|$/gm)].map(([, name, takes]) => [name, takes?.replaceAll('`', '')]);

it('the README names every variable as the app itself does', async () => {
  expect(tableOf(await read('README.md'))).toEqual(Object.entries(VARIABLES));
  expect(tableOf(await read('README.pt-BR.md')).map(([name]) => name)).toEqual(Object.keys(VARIABLES));
});

describe.each(['README.md', 'README.pt-BR.md'])('the code in %s', (file) => {
  it('compiles as it stands', { timeout: 60_000 }, async () => {
    const snippets = [...(await read(file)).matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code ?? '');
    expect(snippets.length).toBeGreaterThan(5);
    // Below this package, so that imports are found as in the package itself.
    await mkdir(join(root, 'dist'), { recursive: true });
    const folder = await mkdtemp(join(root, 'dist/readme-'));
    try {
      const named = ['database.module.ts', 'app.module.ts'];
      const paths = snippets.map((_, index) => join(folder, named[index] ?? `snippet-${index}.ts`));
      await Promise.all(paths.map((path, index) => writeFile(path, snippets[index] ?? '')));
      const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
      const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
      const diagnostics = ts.getPreEmitDiagnostics(ts.createProgram(paths, options));
      expect(diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
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
  expect(readEnvironment({ DATABASE_URL: 'a', WA_SYNC_TOKEN: 'b' })).toMatchObject({ sessions: [], port: undefined });
  expect(() => readEnvironment({ ...env, WA_SYNC_OPTIONS: '{' })).toThrow(/WA_SYNC_OPTIONS is no JSON object/);
});
