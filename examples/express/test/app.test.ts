import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '@wa-sync/core';
import { type FakeWhatsApp, startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres, type TestDatabase, type TestServer } from '../../../packages/postgres/test/start-postgres.js';
import { type ExpressAppOptions, type RunningApp, startApp } from '../src/app.js';
import { readHostRow, waitForHostRow } from './kit.js';

const TOKEN = 'a-token-for-the-example-app';
const headers = { authorization: `Bearer ${TOKEN}` };
const short = {
  probe: { silenceMs: 1_000, timeoutMs: 500 },
  lease: { ttlMs: 3_000, tickMs: 300 },
  jobs: { sync: false },
} as const;
const baileys = { loginJitterMs: 0, backoff: { baseMs: 50, maxMs: 200 } };

let postgres: TestServer;
let whatsapp: FakeWhatsApp;
let database: TestDatabase;
const databases: TestDatabase[] = [];
let databaseUrl: string;
const running: RunningApp[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  [postgres, whatsapp] = await Promise.all([startPostgres(), startFakeWhatsApp({ preKeys: 'plenty' })]);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.stop()));
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
  for (const used of databases.splice(0)) await used.drop();
});
afterAll(async () => {
  await whatsapp?.close();
  await postgres?.stop();
});

async function freshDatabase(): Promise<void> {
  database = await postgres.createDatabase();
  databases.push(database);
  databaseUrl = `postgres://postgres:${postgres.password}@127.0.0.1:${postgres.port}/${database.name}`;
}

async function start(options: Partial<ExpressAppOptions> = {}): Promise<RunningApp> {
  const app = await startApp({
    databaseUrl,
    port: 0,
    tokens: [TOKEN],
    sessions: ['sales'],
    waWebSocketUrl: whatsapp.url,
    waSync: short,
    baileys,
    logger: silentLogger,
    ...options,
  });
  running.push(app);
  return app;
}

/** The phone scans what the host's own row shows, as a user of the host would. */
async function pair(id: string, phone: string) {
  const { qrCode } = await waitForHostRow(database.pool, id, (row) => row.status === 'QR_CODE' && row.qrCode !== null);
  return whatsapp.pair(qrCode ?? '', { phone });
}

describe('the app', () => {
  it('pairs from the host’s row, and puts a row right that somebody edited', async () => {
    await freshDatabase();
    const app = await start();
    const session = await pair('sales', '5511911112222');
    await waitForHostRow(database.pool, 'sales', (row) => row.status === 'CONNECTED' && row.qrCode === null);
    expect(whatsapp.connected()).toEqual([session.jid]);

    await database.pool.query(`UPDATE "WhatsAppSession" SET status = 'DISCONNECTED' WHERE id = 'sales'`);
    const foreign: unknown[] = [];
    app.wa.on('drift:foreign-write', (payload) => foreign.push(payload));
    const response = await fetch(`${app.url}/whatsapp/sync-status`, { method: 'POST', headers });
    expect(response.status).toBe(200);
    const { report } = (await response.json()) as { report: { sessions: object[]; totals: object } };
    expect(report.sessions).toMatchObject([
      { id: 'sales', actual: 'CONNECTED', action: 'mirror_repaired', foreignWord: 'DISCONNECTED' },
    ]);
    expect(foreign).toMatchObject([{ sessionId: 'sales', word: 'DISCONNECTED', actual: 'CONNECTED' }]);
    expect(await readHostRow(database.pool, 'sales')).toMatchObject({ status: 'CONNECTED' });
  });

  it('finds a silent drop by force, and heals it', async () => {
    await freshDatabase();
    const app = await start({ waSync: { ...short, probe: { silenceMs: 60_000, timeoutMs: 500 } } });
    const session = await pair('sales', '5511911113333');
    await waitForHostRow(database.pool, 'sales', (row) => row.status === 'CONNECTED');
    const before = session.logins;
    session.goSilent();
    const response = await fetch(`${app.url}/whatsapp/force-sync`, { method: 'POST', headers });
    expect(await response.json()).toMatchObject({ report: { sessions: [{ id: 'sales', actual: 'RECONNECTING' }] } });
    await waitForHostRow(database.pool, 'sales', (row) => row.status === 'CONNECTED' && session.logins > before);
  });

  it('tells what there is, and its own table', async () => {
    await freshDatabase();
    const app = await start({ sessions: ['sales', 'support'] });
    expect(await (await fetch(app.url)).json()).toMatchObject({ status: '/whatsapp/status', table: '/table' });
    const rows = (await (await fetch(`${app.url}/table`)).json()) as { id: string }[];
    expect(rows.map(({ id }) => id)).toEqual(['sales', 'support']);
  });

  it('names the database that cannot be reached, never its password', async () => {
    await freshDatabase();
    const failed = start({ databaseUrl: 'postgres://user:hidden-word@127.0.0.1:1/app' });
    await expect(failed).rejects.toThrow(/127\.0\.0\.1:1 .*ECONNREFUSED/);
    await expect(failed).rejects.not.toThrow(/hidden-word/);
  });
});

describe('as a process', () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

  async function run(env: Record<string, string>) {
    const child = spawn(process.execPath, ['--conditions=@wa-sync/source', '--import', 'tsx', main], {
      env: { PATH: process.env.PATH ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      errors += part;
    });
    const lines: string[] = [];
    const listening = new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        lines.push(line);
        const url = /^listening on (\S+)$/.exec(line)?.[1];
        if (url) resolve(url);
      });
      child.once('close', (code) => reject(new Error(`ended with ${code}: ${errors}\n${lines.join('\n')}`)));
    });
    listening.catch(() => {});
    const closed = once(child, 'close').then(([code]) => code as number | null);
    return { child, listening, closed, lines, errors: () => errors };
  }

  it('says what is missing', async () => {
    const app = await run({ DATABASE_URL: 'postgres://a', PORT: 'x', WA_SYNC_OPTIONS: '{"prob":{}}' });
    expect(await app.closed).toBe(1);
    expect(app.errors()).toMatch(/WA_SYNC_TOKEN is missing: token of the endpoints/);
    expect(app.errors()).toMatch(/PORT is no port/);
    expect(app.errors()).toMatch(/WA_SYNC_OPTIONS has an unknown key "prob"/);
  });

  it('starts from the environment, logs, and writes what SIGTERM means', async () => {
    await freshDatabase();
    const app = await run({
      DATABASE_URL: databaseUrl,
      PORT: '0',
      WA_SYNC_TOKEN: `${TOKEN}-old, ${TOKEN}`,
      WA_SYNC_SESSIONS: 'sales, support',
      WA_SYNC_REPLICA_ID: 'one',
      WA_SYNC_OPTIONS: JSON.stringify({ waSync: short, baileys }),
      WA_WEB_SOCKET_URL: whatsapp.url,
      FAKE_WHATSAPP_TRUST: JSON.stringify(whatsapp.trust),
    });
    const url = await app.listening;
    await pair('support', '5511911114444');
    await waitForHostRow(database.pool, 'support', (row) => row.status === 'CONNECTED');
    const status = await fetch(`${url}/whatsapp/status?sessionId=support`, { headers });
    expect(await status.json()).toMatchObject({ connected: true });
    expect(app.lines.join('\n')).toMatch(/\[wa-sync\] Syncing session support: marking as CONNECTED/);
    app.child.kill('SIGTERM');
    expect(await app.closed).toBe(0);
    expect(await readHostRow(database.pool, 'support')).toMatchObject({ status: 'DISCONNECTED', error: 'shutdown' });
    expect([...app.lines, app.errors()].join('\n')).not.toContain(TOKEN);
  });

  it('needs nothing at all, and leaves nothing behind when it is killed', { timeout: 60_000 }, async () => {
    const app = await run({ PORT: '0' });
    const url = await app.listening;
    const line = (pattern: RegExp) => expect.poll(() => pattern.exec(app.lines.join('\n'))?.[1]).toBeDefined();
    await line(/WA_SYNC_TOKEN=(\w+)/);
    await line(/The database: (\S+)/);
    const said = app.lines.join('\n');
    const [, token] = /WA_SYNC_TOKEN=(\w+)/.exec(said) ?? [];
    const [, own] = /The database: (\S+)/.exec(said) ?? [];
    for (const id of ['sales', 'support']) {
      const ask = () =>
        fetch(`${url}/whatsapp/status?sessionId=${id}`, { headers: { authorization: `Bearer ${token}` } });
      await expect.poll(async () => (await ask()).json(), { timeout: 30_000 }).toMatchObject({ connected: true });
    }
    app.child.kill('SIGKILL');
    await app.closed;
    const reach = async () => {
      const client = new pg.Client({ connectionString: own });
      client.on('error', () => {});
      return client.connect().then(
        () => client.end().then(() => 'there'),
        () => 'gone',
      );
    };
    await expect.poll(reach, { timeout: 15_000 }).toBe('gone');
  });
});
