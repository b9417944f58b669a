import { join } from 'node:path';
import { exampleApp, fromSource } from '@wa-sync/dev/example';
import { WaSyncService } from '@wa-sync/nest';
import { describe, expect, it } from 'vitest';
import { readHostRow, waitForHostRow } from '../../express/test/host-row.js';
import { headers, SHORT_OPTIONS, TOKEN, useAppWorld } from '../../express/test/use-app-world.js';
import type { Settings } from '../app/src/settings.js';
import { type RunningApp, startApp } from '../app/src/start-app.js';
import { recordingLogger } from './module-world.js';

const world = useAppWorld();

async function start(more: Partial<Settings> = {}, logger = recordingLogger().logger): Promise<RunningApp> {
  const started = await startApp(world.settings(more), { logger });
  world.ends({ stop: () => started.app.close() });
  return started;
}

describe('the app', () => {
  it('pairs from the host’s row, puts a row right that somebody edited, and alerts the team', async () => {
    const { lines, logger } = recordingLogger();
    const { url, app } = await start({}, logger);
    const session = await world.pair('sales', '5511922221111');
    await waitForHostRow(world.database.pool, 'sales', (row) => row.status === 'CONNECTED' && row.qrCode === null);
    expect(world.whatsapp.connected()).toEqual([session.jid]);
    expect(lines).toContain('warn [SessionAlerts] Session sales needs a person: scan its QR code');

    await world.database.pool.query(`UPDATE "WhatsAppSession" SET status = 'DISCONNECTED' WHERE id = 'sales'`);
    const foreign: unknown[] = [];
    app.get(WaSyncService).on('drift:foreign-write', (payload) => foreign.push(payload));
    const response = await fetch(`${url}/whatsapp/sync-status`, { method: 'POST', headers });
    expect(response.status).toBe(200);
    const { report } = (await response.json()) as { report: { sessions: object[] } };
    expect(report.sessions).toMatchObject([{ id: 'sales', actual: 'CONNECTED', action: 'mirror_repaired' }]);
    expect(foreign).toMatchObject([{ sessionId: 'sales', word: 'DISCONNECTED', actual: 'CONNECTED' }]);
    expect(await readHostRow(world.database.pool, 'sales')).toMatchObject({ status: 'CONNECTED' });

    // The host's own trigger saw every change, the foreign one and the repair too.
    const { rows } = await world.database.pool.query(
      `SELECT status::text FROM "SessionHistory" ORDER BY id DESC LIMIT 3`,
    );
    expect(rows.map(({ status }) => status)).toEqual(['CONNECTED', 'DISCONNECTED', 'CONNECTED']);
  });

  it('shows its tables and its health', async () => {
    const { url } = await start({ sessions: ['sales', 'support'] });
    await world.database.pool.query(`
      INSERT INTO "Client" VALUES ('ana', 'example', 'Ana');
      INSERT INTO "Conversation" ("id", "clientId", "companyId", "updatedAt") VALUES ('c1', 'ana', 'example', now());
      UPDATE "Conversation" SET "status" = 'FINISHED' WHERE "id" = 'c1'`);
    const get = async (path: string) => (await fetch(url + path)).json();
    expect(await get('/')).toMatchObject({ status: '/whatsapp/status', health: '/health' });
    expect(await get('/table')).toMatchObject([{ id: 'sales' }, { id: 'support' }]);
    const ended = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(await get('/conversations')).toEqual([{ id: 'c1', client: 'Ana', status: 'FINISHED', finishedAt: ended }]);
    expect(await get('/health')).toMatchObject({ status: 'ok', info: { 'wa-sync': { status: 'up' } } });
  });

  it('opens a conversation for who writes, and closes it in its own table when it is inactive', async () => {
    const { url } = await start();
    const session = await world.pair('sales', '5511922223333');
    await waitForHostRow(world.database.pool, 'sales', (row) => row.status === 'CONNECTED');
    await session.waitForLogin();
    const conversations = async () => (await fetch(`${url}/conversations`)).json() as Promise<object[]>;
    const ana = world.whatsapp.contact('5511988887777', 'Ana');
    await ana.sendText(session.phone, 'Oi');
    await expect.poll(conversations, { timeout: 10_000 }).toMatchObject([{ client: 'Ana', status: 'ACTIVE' }]);
    const recorded = 'SELECT count(*)::int AS count FROM wa_sync.conversation';
    await expect.poll(async () => (await world.database.pool.query(recorded)).rows).toEqual([{ count: 1 }]);
    // Two days and a connection that is unchanged for long cannot be waited for.
    await world.database.pool.query(`
      UPDATE wa_sync.conversation SET heard_at = heard_at - interval '2 days';
      UPDATE wa_sync.session SET settled_at = settled_at - interval '2 days'`);
    const check = await fetch(`${url}/whatsapp/check-inactive-conversations`, { method: 'POST', headers });
    expect(await check.json()).toMatchObject({ report: { totals: { closed: 1 } } });
    expect(await conversations()).toMatchObject([{ client: 'Ana', status: 'FINISHED' }]);
    await ana.sendText(session.phone, 'Ainda está aí?');
    await expect.poll(conversations, { timeout: 10_000 }).toMatchObject([{ status: 'ACTIVE' }, { status: 'FINISHED' }]);
  });

  it('names the database that cannot be reached, never its password', async () => {
    const failed = start({ databaseUrl: 'postgres://user:hidden-word@127.0.0.1:1/app' });
    await expect(failed).rejects.toThrow(/127\.0\.0\.1:1 .*ECONNREFUSED/);
    await expect(failed).rejects.not.toThrow(/hidden-word/);
  });
});

describe('as a process', () => {
  it('says what is missing', async () => {
    const app = world.run(exampleApp('nest'), {
      DATABASE_URL: 'postgres://a',
      PORT: 'x',
      WA_SYNC_OPTIONS: '{"prob":{}}',
    });
    expect(await app.closed).toMatchObject({ code: 1 });
    const said = app.lines.join('\n');
    expect(said).toMatch(/WA_SYNC_TOKEN is missing: token of the endpoints/);
    expect(said).toMatch(/PORT is no port/);
    expect(said).toMatch(/WA_SYNC_OPTIONS has an unknown key "prob"/);
  });

  it('starts from the environment, logs, and writes what SIGTERM means', async () => {
    const app = world.run(exampleApp('nest', world.whatsapp), {
      DATABASE_URL: world.database.url,
      PORT: '0',
      WA_SYNC_TOKEN: `${TOKEN}-old, ${TOKEN}`,
      WA_SYNC_SESSIONS: 'sales, support',
      WA_SYNC_REPLICA_ID: 'one',
      WA_SYNC_OPTIONS: SHORT_OPTIONS,
    });
    const [, url] = await app.line(/^listening on (\S+)$/);
    await world.pair('support', '5511922224444');
    await waitForHostRow(world.database.pool, 'support', (row) => row.status === 'CONNECTED');
    const status = await fetch(`${url}/whatsapp/status?sessionId=support`, { headers });
    expect(await status.json()).toMatchObject({ connected: true });
    await app.line(/LOG \[wa-sync\] Syncing session support: marking as CONNECTED/);
    app.child.kill('SIGTERM');
    expect(await app.closed).toEqual({ code: null, signal: 'SIGTERM' });
    expect(await readHostRow(world.database.pool, 'support')).toMatchObject({
      status: 'DISCONNECTED',
      error: 'shutdown',
    });
    const said = app.lines.join('\n');
    expect(said).not.toContain(TOKEN);
    expect(said).not.toContain('Shutdown hooks are off');
  });

  it('warns where the host has not turned on the shutdown hooks', async () => {
    const started = world.run(fromSource(join(import.meta.dirname, 'app-without-hooks.ts')));
    await started.line(/WARN \[wa-sync\] Shutdown hooks are off: call app\.enableShutdownHooks\(\)/);
  });
});
