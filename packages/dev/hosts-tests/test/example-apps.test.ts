import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startPostgres } from '@wa-sync/dev/servers/postgres';
import { startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { expect, it } from 'vitest';
import { fillIn, foreignImports, manifestOf, readExample } from '../copy-example.js';
import { createHostApp, ownTarballs } from '../create-host-app.js';
import { leadToFake } from '../lead-to-fake.js';
import { readFence } from '../read-page.js';

const TOKEN = 'a-token-of-16-letters-or-more';
const BAILEYS = '@whiskeysockets/baileys';
const ROW = `SELECT status, "qrCode" AS qr FROM "WhatsAppSession" WHERE id = 'sales'`;

it.each(['express', 'nest'])(
  'the %s example, copied out of the repository: QR code, CONNECTED, DISCONNECTED',
  async (name) => {
    const startedMs = performance.now();
    const files = await readExample(name);
    expect(foreignImports(files)).toEqual([]);
    const page = `examples/${name}/README.md`;
    const lines = readFence(page, 'sh', 'cp .env.example .env').trim().split('\n');
    expect(lines).toEqual(['npm install', 'npm run build', 'cp .env.example .env', 'npm start']);

    const [postgres, whatsapp] = await Promise.all([startPostgres(), startFakeWhatsApp()]);
    const app = await createHostApp({ name, install: false });
    try {
      await app.write(files);
      // The line of npm run pack, in the place of the first one.
      const ours = Object.keys(manifestOf(files).dependencies).filter((each) => each.startsWith('@wa-sync/'));
      expect(await app.install(Object.values(ownTarballs(ours)))).toEqual([]);
      await app.run('npm', ['run', 'build']);
      const values = { DATABASE_URL: postgres.url(), WA_SYNC_TOKEN: TOKEN };
      await app.write({
        '.env': fillIn(files['.env.example'] ?? '', values),
        'around.mjs': leadToFake(whatsapp, BAILEYS),
        'watch-row.mjs': await readFile(join(import.meta.dirname, '../watch-row.mjs'), 'utf8'),
      });
      const env = { DATABASE_URL: postgres.url() };
      const watch = app.start('node', ['watch-row.mjs', files['schema.sql'] ?? '', ROW], { env });
      await watch.waitFor(/WATCHES/);

      // The words of npm start, with what leads to the fake WhatsApp in front of the app alone.
      const [node, ...args] = manifestOf(files).scripts.start?.split(' ') ?? [];
      expect(node).toBe('node');
      const running = app.start('node', ['--import', './around.mjs', ...args]);
      const [, port] = await running.waitFor(/LISTENS ON (\d+)/);
      const [, qr = ''] = await watch.waitFor(/ROW \{"status":"QR_CODE","qr":"([^"]+)"\}/);
      await whatsapp.pair(qr, { phone: '5511912345678' });
      await watch.waitFor(/ROW \{"status":"CONNECTED","qr":null\}/);

      const read = async (path: string) => {
        const headers = { authorization: `Bearer ${TOKEN}` };
        return (await fetch(`http://127.0.0.1:${port}${path}`, { headers })).json();
      };
      expect(await read('/whatsapp/status')).toEqual({ connected: true, timestamp: expect.any(String) });
      expect(await read('/table')).toMatchObject([{ id: 'sales', status: 'CONNECTED' }]);
      await running.stop();
      await watch.waitFor(/"CONNECTED"[\s\S]*ROW \{"status":"DISCONNECTED"/);
    } finally {
      await app.remove();
      await Promise.all([postgres.stop(), whatsapp.close()]);
    }
    console.log(`${name}: ${Math.round((performance.now() - startedMs) / 1000)} s`);
  },
);
