import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LocalPostgres, startPostgres } from '@wa-sync/dev/servers/postgres';
import { type FakeWhatsApp, startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHostApp, type HostApp, type HostAppOptions, type Running } from '../create-host-app.js';
import { leadToFake } from '../lead-to-fake.js';
import { generatePrismaClient, NEST_PRISMA_DEPENDENCIES, nestPrismaApp } from '../nest-prisma-app.js';
import { root } from '../pack-packages.js';
import { readCpuSeconds } from '../read-cpu-seconds.js';
import { readFence, readFences, readInstallLine } from '../read-page.js';

/** From an empty folder to a true row and the end, installation included. */
const MACHINE_SECONDS = 180;
const TOKEN = 'a-token-of-16-letters-or-more';
const PG = { pg: '8.23.1' };
const QR_IN_ROW = /ROW \{"status":"QR_CODE","qr":"([^"]+)"\}/;
const HOST_ROW = `SELECT status, "qrCode" AS qr FROM "WhatsAppSession"`;

let postgres: LocalPostgres;
let whatsapp: FakeWhatsApp;

beforeEach(async () => {
  [postgres, whatsapp] = await Promise.all([startPostgres(), startFakeWhatsApp()]);
});
afterEach(() => Promise.all([postgres?.stop(), whatsapp?.close()]));

/** Makes the folder, pastes the page's line, plays the rest, and says what it took. */
async function inEmptyFolder(
  options: HostAppOptions & { readonly line: readonly string[] },
  play: (app: HostApp) => Promise<void>,
): Promise<void> {
  const [startedMs, cpuBefore] = [performance.now(), await readCpuSeconds()];
  const app = await createHostApp({ ...options, install: false });
  try {
    expect(await app.install(options.line)).toEqual([]);
    await app.write({ 'watch-row.mjs': await readFile(join(import.meta.dirname, '../watch-row.mjs'), 'utf8') });
    await play(app);
  } finally {
    await app.remove();
  }
  const cpuAfter = await readCpuSeconds();
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  // The clock on the wall says how busy the machine was; what a mount costs is what its programs took of the
  // processors.
  const cpu = cpuBefore === null || cpuAfter === null ? null : Math.round(cpuAfter - cpuBefore);
  console.log(`${options.name}: ${seconds} s, of the processors ${cpu ?? '?'} s`);
  if (cpu !== null) expect(cpu).toBeLessThan(MACHINE_SECONDS);
}

const readTable = (page: string) => readFile(join(root, page, 'schema.sql'), 'utf8');

/** Makes the host's table and its row `sales`, and writes what becomes of the row. */
async function watchTable(app: HostApp) {
  const row = `INSERT INTO "WhatsAppSession" ("id", "companyId", "sessionName", "updatedAt") VALUES ('sales', 'c', 'sales', now());`;
  const args = ['watch-row.mjs', `${await readTable('examples/express')}\n${row}`, HOST_ROW];
  const watch = app.start('node', args, { env: { DATABASE_URL: postgres.url() } });
  await watch.waitFor(/WATCHES/);
  return watch;
}

function startHost(app: HostApp, main: string, env: Record<string, string> = {}): Running {
  const fromPage = { DATABASE_URL: postgres.url(), WA_SYNC_TOKEN: TOKEN };
  return app.start('node', ['--import', './around.mjs', main], { env: { ...fromPage, ...env } });
}

/**
 * The story of a first day: a QR code in the row, a phone that scans it, a row that is true, and still true after the
 * end. `watch` prints the row.
 */
async function playFirstDay(host: Running, watch: Running): Promise<void> {
  const [, port] = await host.waitFor(/LISTENS ON (\d+)/);
  const [, qr = ''] = await watch.waitFor(QR_IN_ROW);
  await whatsapp.pair(qr, { phone: '5511912345678' });
  await watch.waitFor(/ROW \{"status":"CONNECTED","qr":null\}/);
  const headers = { authorization: `Bearer ${TOKEN}` };
  const answer = await fetch(`http://127.0.0.1:${port}/whatsapp/status`, { headers });
  expect(await answer.json()).toEqual({ connected: true, timestamp: expect.any(String) });
  await host.stop();
  await watch.waitFor(/"CONNECTED"[\s\S]*ROW \{"status":"DISCONNECTED"/);
}

/** The host's tables, as its migrations made them. */
async function makeTables(page: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.url() });
  await client.connect();
  await client.query(await readTable(page));
  await client.end();
}

describe('mounted by the words of a page', () => {
  it('Express, Postgres and Baileys 6.7.24: the row shows a QR code, the phone scans it, the row says CONNECTED', async () => {
    const page = 'examples/express/README.md';
    const scoped = '@whiskeysockets/baileys';
    await inEmptyFolder(
      {
        name: 'express',
        type: 'module',
        // The one that the host has, which the page says; 6.x takes libsignal from a git host, which it says too.
        dependencies: { [scoped]: '6.7.24' },
        overrides: { libsignal: '6.0.0' },
        line: readInstallLine(page, { ...PG, express: '5.3.0' }, [scoped]),
        files: {
          'main.mjs': readFence(page, 'ts', 'createWaSyncRouter(wa'),
          'around.mjs': leadToFake(whatsapp, scoped),
        },
      },
      async (app) => {
        const watch = await watchTable(app);
        await playFirstDay(startHost(app, 'main.mjs'), watch);
      },
    );
  });

  it('Nest, Prisma and Baileys 7.0.0-rc14: the same, in the row that Prisma made and as Prisma reads it', async () => {
    const page = 'examples/nest/README.md';
    const text = await readFile(join(root, page), 'utf8');
    expect(text).toContain('`npm install --save-dev @types/pg`');
    const [database = '', whatsappModule = '', main = '', numbers = ''] = readFences(page, 'ts');
    await inEmptyFolder(
      {
        name: 'nest',
        type: 'module',
        dependencies: { ...NEST_PRISMA_DEPENDENCIES, '@types/pg': '8.23.1' },
        line: readInstallLine(page, PG),
        files: {
          ...nestPrismaApp(),
          'src/database.module.ts': database,
          'src/whatsapp.module.ts': whatsappModule,
          'src/main.ts': main,
          'src/numbers.service.ts': numbers,
          'around.mjs': leadToFake(whatsapp, '@whiskeysockets/baileys'),
        },
      },
      async (app) => {
        await makeTables('examples/nest');
        await generatePrismaClient(app);
        await app.run('./node_modules/.bin/tsc', ['-p', '.']);
        const host = startHost(app, 'dist/main.js', { TZ: 'America/Sao_Paulo' });
        await playFirstDay(host, host);
        // One clock: an instant of another zone would be off by half an hour at least.
        const ages = [...host.output().matchAll(/written (-?\d+) s ago/g)].map(([, seconds]) =>
          Math.abs(Number(seconds)),
        );
        expect(ages.length).toBeGreaterThanOrEqual(4);
        expect(Math.max(...ages)).toBeLessThan(600);
        // Nothing of its columns needs to be said to a host on Prisma.
        expect(host.output()).not.toContain('time zone');
      },
    );
  });

  it('a CommonJS bot with the unscoped baileys: pairs by the QR code that it writes, and logs in by itself at its next start', async () => {
    const page = 'docs/BAILEYS.md';
    await inEmptyFolder(
      {
        name: 'bot',
        line: readInstallLine(page, PG),
        files: {
          'bot.cjs': readFence(page, 'js', '// bot.cjs'),
          'around.mjs': leadToFake(whatsapp, 'baileys'),
        },
      },
      async (app) => {
        const env = { DATABASE_URL: postgres.url() };
        const status = 'SELECT id, status FROM wa_sync.session_status';
        const watch = app.start('node', ['watch-row.mjs', '', status], { env });
        const first = app.start('node', ['--import', './around.mjs', 'bot.cjs'], { env });
        const [, qr = ''] = await first.waitFor(/^([^\s"]+(?:,[\w+/=]+){3,})$/m);
        await whatsapp.pair(qr, { phone: '5511912345679' });
        await watch.waitFor(/ROW \{"id":"shop","status":"CONNECTED"\}/);
        expect(await first.stop()).toMatchObject({ code: 0, signal: null });
        await watch.waitFor(/"CONNECTED"[\s\S]*"DISCONNECTED"/);
        // The watch reads ten times a second and misses words that stand shorter: only what follows the end of the
        // first start counts.
        const ended = watch.output().length;
        const next = app.start('node', ['--import', './around.mjs', 'bot.cjs'], { env });
        await watch.waitFor(/"CONNECTED"/, ended);
        expect(await next.stop()).toMatchObject({ code: 0, signal: null });
      },
    );
  });
});
