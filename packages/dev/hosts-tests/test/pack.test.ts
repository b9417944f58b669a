import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHostApp, type HostApp, readPeerWarnings } from '../create-host-app.js';
import { packTarballs, publicFolders, root } from '../pack-packages.js';

const pack = (...args: string[]) =>
  promisify(execFile)(process.execPath, [join(root, 'packages/dev/commands/run.mjs'), 'pack', ...args], { cwd: root });

describe('npm run pack', () => {
  let app: HostApp;

  beforeAll(async () => {
    app = await createHostApp({ name: 'pasted', dependencies: { express: '5.3.0' } });
  });
  afterAll(() => app?.remove());

  it('prints a line that installs what an app needs, with the packages that these need', async () => {
    // Through a shell, as it is pasted; npm resolves peers strictly.
    const { output } = await app.run('sh', ['-c', `${packTarballs().installLine} --strict-peer-deps`]);
    expect(readPeerWarnings(output)).toEqual([]);
    const { output: listed } = await app.run('npm', ['ls', '--depth=0', '--parseable']);
    const ours = listed.split('\n').filter((path) => path.includes('@wa-sync'));
    expect(ours.map((path) => path.slice(path.indexOf('@wa-sync'))).sort()).toEqual([
      '@wa-sync/baileys',
      '@wa-sync/core',
      '@wa-sync/express',
      '@wa-sync/http',
      '@wa-sync/postgres',
    ]);
  });

  it('says how to pack others, and refuses a name that is none', async () => {
    const { stdout } = await pack('--help');
    expect(stdout).toContain('--out DIR');
    for (const { folder } of await publicFolders()) expect(stdout).toContain(folder.split('/')[1]);
    await expect(pack('mongo')).rejects.toThrow(/There is no package "mongo"; npm run pack takes: baileys cli core/);
    await expect(pack('--outt', 'x')).rejects.toThrow(/--outt.*npm run pack -- --help/);
  });
});

describe('a packed package', () => {
  let app: HostApp;

  beforeAll(async () => {
    // The peers that it stands on; Baileys, prom-client and vitest are the host's choice.
    app = await createHostApp({
      name: 'everything',
      packages: Object.keys(packTarballs().tarballs),
      dependencies: {
        express: '5.3.0',
        '@nestjs/common': '11.1.6',
        '@nestjs/core': '11.1.6',
        'reflect-metadata': '0.2.2',
        rxjs: '7.8.2',
        '@whiskeysockets/baileys': '7.0.0-rc14',
        'prom-client': '15.1.3',
        vitest: '4.1.12',
      },
    });
  });
  afterAll(() => app?.remove());

  it('is installed under strict peers without a warning', () => {
    expect(app.peerWarnings).toEqual([]);
  });

  it('names what it needs as caret ranges, so that a host can take a fix', async () => {
    const names = Object.keys(packTarballs().tarballs);
    const manifests = await Promise.all(
      names.map(async (name) => {
        const text = await readFile(join(app.folder, 'node_modules', name, 'package.json'), 'utf8');
        return JSON.parse(text) as { dependencies?: Record<string, string> };
      }),
    );
    const ranges = manifests.flatMap(({ dependencies = {} }) => Object.entries(dependencies));
    expect(ranges.length).toBeGreaterThan(15);
    expect(ranges.filter(([, range]) => !/^\^\d/.test(range))).toEqual([]);
  });

  it('can be imported and required, by each of its entries', async () => {
    await app.write({ 'load.mjs': LOAD });
    const { output } = await app.run('node', ['load.mjs', ...Object.keys(packTarballs().tarballs)]);
    expect(JSON.parse(output)).toEqual({ failed: [], loaded: expect.any(Number) });
    expect(JSON.parse(output).loaded).toBeGreaterThanOrEqual(20);
  });

  it('answers as a command', async () => {
    for (const command of ['wa-sync', 'fake-whatsapp']) {
      expect((await app.run(`./node_modules/.bin/${command}`, ['--help'])).output).toContain('Usage');
    }
  });
});

/**
 * Loads every entry in both ways; what is made for test runners refuses to load outside of one, and is only resolved.
 */
const LOAD = `
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
const require = createRequire(import.meta.url);
const failed = [];
let loaded = 0;
for (const name of process.argv.slice(2)) {
  const { exports = {} } = JSON.parse(readFileSync('node_modules/' + name + '/package.json', 'utf8'));
  for (const path of Object.keys(exports).filter((each) => !each.endsWith('.json'))) {
    const entry = name + path.slice(1);
    for (const [how, load] of [['import', (it) => import(it)], ['require', async (it) => require(it)]]) {
      try {
        if (Object.keys(await load(entry)).length === 0) throw new Error('it exports nothing');
        loaded += 1;
      } catch (error) {
        const message = error.message.split('\\n')[0];
        if (!message.startsWith('Vitest')) failed.push(how + ' ' + entry + ': ' + message);
      }
    }
  }
}
console.log(JSON.stringify({ failed, loaded }));
`;
