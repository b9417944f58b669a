import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FakeWhatsApp, startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { type LocalPostgres, startPostgres } from '@wa-sync/local-servers/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fencesOf } from '../../docs/test/read-docs.js';
import { createHostApp, readPeerWarnings } from '../src/create-host-app.js';
import { leadToFake } from '../src/lead-to-fake.js';
import { packTarballs, root } from '../src/pack-packages.js';

/** From an empty folder to a true row, installation included. */
const WITHIN_MS = 180_000;
const TOKEN = 'a-token-of-16-letters-or-more';

describe('mounted by the words of a page', () => {
  let postgres: LocalPostgres;
  let whatsapp: FakeWhatsApp;

  beforeAll(async () => {
    [postgres, whatsapp] = await Promise.all([startPostgres(), startFakeWhatsApp()]);
  });
  afterAll(() => Promise.all([postgres?.stop(), whatsapp?.close()]));

  it('Express, Postgres and Baileys 6.7.24: the row shows a QR code, which the phone scans, and says CONNECTED', async () => {
    const [mount] = fencesOf('examples/express/README.md').filter(({ language }) => language === 'ts');
    // Step 2 of the page.
    const main = `${mount?.code}\nawait wa.sessions.ensure({ id: 'sales' });\n`;
    const table = await readFile(join(root, 'examples/express/schema.sql'), 'utf8');
    const startedMs = performance.now();
    const app = await createHostApp({
      name: 'express',
      type: 'module',
      dependencies: { '@whiskeysockets/baileys': '6.7.24', express: '5.3.0', pg: '8.23.1' },
      // 6.x takes libsignal from a git host, which the page says.
      overrides: { libsignal: '6.0.0' },
      files: {
        'main.mjs': main,
        'around.mjs': leadToFake(whatsapp, '@whiskeysockets/baileys'),
        'schema.sql': table,
        'query.mjs': QUERY,
      },
    });
    try {
      const env = { DATABASE_URL: postgres.url(), WA_SYNC_TOKEN: TOKEN };
      const query = async (sql: string) => (await app.run('node', ['query.mjs', sql], { env })).output.trim();
      const { output } = await app.run('sh', ['-c', `${packTarballs().installLine} --strict-peer-deps`]);
      expect([...app.peerWarnings, ...readPeerWarnings(output)]).toEqual([]);
      await query(table);
      await query(
        `INSERT INTO "WhatsAppSession" ("id", "companyId", "sessionName", "updatedAt") VALUES ('sales', 'c', 'sales', now())`,
      );

      const running = app.start('node', ['--import', './around.mjs', 'main.mjs'], { env });
      const [, port] = await running.waitFor(/LISTENS ON (\d+)/);
      const row = () => query('SELECT "status", "qrCode" AS qr FROM "WhatsAppSession"');
      await expect.poll(row, { timeout: 60_000, interval: 500 }).toContain('"status":"QR_CODE"');
      const { qr }: { qr: string } = JSON.parse(await row());
      await whatsapp.pair(qr, { phone: '5511912345678' });
      await expect.poll(row, { timeout: 60_000, interval: 500 }).toContain('"status":"CONNECTED"');
      expect(performance.now() - startedMs).toBeLessThan(WITHIN_MS);

      const headers = { authorization: `Bearer ${TOKEN}` };
      const answer = await fetch(`http://127.0.0.1:${port}/whatsapp/status`, { headers });
      expect(await answer.json()).toEqual({ connected: true, timestamp: expect.any(String) });
      await running.stop();
    } catch (error) {
      throw new Error(`In ${app.folder}`, { cause: error });
    } finally {
      await app.remove();
    }
  });
});

/** Runs a statement on the host's database and writes its last row. */
const QUERY = `
import pg from 'pg';
const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
const results = [await client.query(process.argv[2])].flat();
console.log(JSON.stringify(results.at(-1).rows[0] ?? null));
await client.end();
`;
