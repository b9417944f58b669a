import { silentLogger } from '@wa-sync/core';
import { exampleApp } from '@wa-sync/dev/example';
import { describe, expect, it } from 'vitest';
import { type RunningApp, startApp } from '../app/src/app.js';
import type { Settings } from '../app/src/settings.js';
import { readHostRow, waitForHostRow } from './host-row.js';
import { headers, SHORT_OPTIONS, short, TOKEN, useAppWorld } from './use-app-world.js';

const world = useAppWorld();

const start = async (more: Partial<Settings> = {}): Promise<RunningApp> =>
  world.ends(await startApp(world.settings(more), silentLogger));

describe('the app', () => {
  it('pairs from the host’s row, and puts a row right that somebody edited', async () => {
    const app = await start();
    const session = await world.pair('sales', '5511911112222');
    await waitForHostRow(world.database.pool, 'sales', (row) => row.status === 'CONNECTED' && row.qrCode === null);
    expect(world.whatsapp.connected()).toEqual([session.jid]);

    await world.database.pool.query(`UPDATE "WhatsAppSession" SET status = 'DISCONNECTED' WHERE id = 'sales'`);
    const foreign: unknown[] = [];
    app.wa.on('drift:foreign-write', (payload) => foreign.push(payload));
    const response = await fetch(`${app.url}/whatsapp/sync-status`, { method: 'POST', headers });
    expect(response.status).toBe(200);
    const { report } = (await response.json()) as { report: { sessions: object[]; totals: object } };
    expect(report.sessions).toMatchObject([
      { id: 'sales', actual: 'CONNECTED', action: 'mirror_repaired', foreignWord: 'DISCONNECTED' },
    ]);
    expect(foreign).toMatchObject([{ sessionId: 'sales', word: 'DISCONNECTED', actual: 'CONNECTED' }]);
    expect(await readHostRow(world.database.pool, 'sales')).toMatchObject({ status: 'CONNECTED' });
  });

  it('finds a silent drop by force, and heals it', async () => {
    const app = await start({ waSync: { ...short, probe: { silenceMs: 60_000, timeoutMs: 500 } } });
    const session = await world.pair('sales', '5511911113333');
    await waitForHostRow(world.database.pool, 'sales', (row) => row.status === 'CONNECTED');
    const before = session.logins;
    session.goSilent();
    const response = await fetch(`${app.url}/whatsapp/force-sync`, { method: 'POST', headers });
    expect(await response.json()).toMatchObject({ report: { sessions: [{ id: 'sales', actual: 'RECONNECTING' }] } });
    await waitForHostRow(world.database.pool, 'sales', (row) => row.status === 'CONNECTED' && session.logins > before);
  });

  it('shows what there is, and its own table', async () => {
    const app = await start({ sessions: ['sales', 'support'] });
    expect(await (await fetch(app.url)).json()).toMatchObject({ status: '/whatsapp/status', table: '/table' });
    const rows = (await (await fetch(`${app.url}/table`)).json()) as { id: string }[];
    expect(rows.map(({ id }) => id)).toEqual(['sales', 'support']);
  });

  it('names the database that cannot be reached, never its password', async () => {
    const failed = start({ databaseUrl: 'postgres://user:hidden-word@127.0.0.1:1/app' });
    await expect(failed).rejects.toThrow(/127\.0\.0\.1:1 .*ECONNREFUSED/);
    await expect(failed).rejects.not.toThrow(/hidden-word/);
  });
});

describe('as a process', () => {
  it('says what is missing', async () => {
    const app = world.run(exampleApp('express'), {
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
    const app = world.run(exampleApp('express', world.whatsapp), {
      DATABASE_URL: world.database.url,
      PORT: '0',
      WA_SYNC_TOKEN: `${TOKEN}-old, ${TOKEN}`,
      WA_SYNC_SESSIONS: 'sales, support',
      WA_SYNC_REPLICA_ID: 'one',
      WA_SYNC_OPTIONS: SHORT_OPTIONS,
    });
    const [, url] = await app.line(/^listening on (\S+)$/);
    await world.pair('support', '5511911114444');
    await waitForHostRow(world.database.pool, 'support', (row) => row.status === 'CONNECTED');
    const status = await fetch(`${url}/whatsapp/status?sessionId=support`, { headers });
    expect(await status.json()).toMatchObject({ connected: true });
    await app.line(/\[wa-sync\] Syncing session support: marking as CONNECTED/);
    const stream = await fetch(`${url}/whatsapp/events`, { headers });
    const reader = stream.body!.getReader();
    await reader.read();
    const killedMs = performance.now();
    app.child.kill('SIGTERM');
    // The stream ends in good order, and the process by itself.
    for (;;) if ((await reader.read()).done) break;
    expect(await app.closed).toEqual({ code: 0, signal: null });
    expect(performance.now() - killedMs).toBeLessThan(10_000);
    expect(await readHostRow(world.database.pool, 'support')).toMatchObject({
      status: 'DISCONNECTED',
      error: 'shutdown',
    });
    expect(app.lines.join('\n')).not.toContain(TOKEN);
  });
});
