import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createWaSync, systemClock, type WaSync } from '@wa-sync/core';
import { createPostgresStore, type PostgresStore, prismaConversation } from '@wa-sync/postgres';
import { createScriptedConnection } from '@wa-sync/testing';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { useDatabase } from '../../postgres/test/use-database.js';
import { runCli } from './run-cli.js';

// Each test starts processes, which takes seconds where others work too.
vi.setConfig({ testTimeout: 60_000 });

const DAY_MS = 86_400_000;

const at = useDatabase();
let url: string;
let store: PostgresStore;

beforeEach(async () => {
  url = at.database.url;
  store = createPostgresStore({ pool: at.database.pool });
  await store.init();
});
afterEach(() => store?.close());

const run = (...args: string[]) => runCli(args, { WA_SYNC_DATABASE_URL: url });
const query = async <Row>(text: string) => (await at.database.pool.query(text)).rows as Row[];

describe('cleanup on a database', () => {
  beforeEach(async () => {
    const idle = (days: number) => new Date(Date.now() - days * DAY_MS);
    const rows = [
      ['forgotten', 100],
      ['quiet', 40],
      ['fresh', 2],
    ] as const;
    await store.sessions.create({
      sessions: rows.map(([id, days]) => ({ id, desired: 'stopped' as const, lastSeenAt: idle(days) })),
    });
  });

  it('says what it would do, does it only when asked to, deletes nothing, and is recorded', async () => {
    const looked = await run('cleanup', '--dry-run', '--force');
    expect([looked.code, looked.out]).toEqual([
      2,
      expect.stringMatching(/^Would deactivate 2.*^forgotten .*^quiet /ms),
    ]);
    const asked = await run('cleanup', '--force');
    expect([asked.code, asked.error]).toEqual([1, expect.stringMatching(/nobody can be asked.*\n.*cleanup --dry-run/)]);
    expect(await query('SELECT FROM wa_sync.session WHERE active')).toHaveLength(3);
    const done = await run('cleanup', '--yes', '--force', '--json');
    expect([done.code, JSON.parse(done.out)]).toMatchObject([0, { report: { totals: { deactivated: 2, purged: 0 } } }]);
    expect(await query('SELECT id, active FROM wa_sync.session ORDER BY id')).toEqual([
      { id: 'forgotten', active: false },
      { id: 'fresh', active: true },
      { id: 'quiet', active: false },
    ]);
    expect((await run('cleanup', '--yes', '--force')).code).toBe(0);
    expect(await query('SELECT FROM wa_sync.session')).toHaveLength(3);
    expect((await run('runs', '--job', 'cleanup')).out).toMatch(/^\S+ +cleanup .* finished +.*deactivated 2/m);
    // It has released its lease.
    expect(await query('SELECT FROM wa_sync.replica')).toEqual([]);
  });

  it('takes a part of all without --force, and the days that were asked for', async () => {
    const some = await run('cleanup', '--yes', '--json');
    expect([some.code, JSON.parse(some.out)]).toMatchObject([2, { report: { totals: { deactivated: 1, left: 1 } } }]);
    const longer = await run('cleanup', '--dry-run', '--after-days', '60', '--json');
    expect(JSON.parse(longer.out)).toMatchObject({ report: { totals: { deactivated: 0 } } });
    const wrong = await run('cleanup', '--yes', '--after-days', 'many');
    expect([wrong.code, wrong.error]).toEqual([1, expect.stringContaining('--after-days takes a whole number from 1')]);
  });

  it('waits for logins of a process that has only just started', async () => {
    await store.leases.join({ incarnation: 'i', replicaId: 'web-1', ttlMs: 60_000 });
    const early = await run('cleanup', '--yes');
    expect([early.code, early.error]).toEqual([1, expect.stringMatching(/Replica web-1 started 0 min ago.*\nWait/)]);
    expect(await query('SELECT FROM wa_sync.session WHERE NOT active')).toEqual([]);
    await query(`UPDATE wa_sync.replica SET started_at = clock_timestamp() - interval '11 minutes'`);
    expect((await run('cleanup', '--yes', '--force')).code).toBe(0);
    expect(await query('SELECT FROM wa_sync.session WHERE NOT active')).toHaveLength(2);
  });
});

describe('inactive on a database', () => {
  let wa: WaSync;

  beforeEach(async () => {
    wa = createWaSync({ store, jobs: { sync: false, cleanup: false, inactivity: false } });
    await wa.start();
    await wa.attach(createScriptedConnection({ sessionId: 'sales', clock: systemClock, hostOwned: true })).ready;
    for (const id of ['old', 'new']) {
      await wa.recordMessage({ conversationId: id, sessionId: 'sales', from: 'contact', at: new Date() });
    }
    // Two days went by for one, and the number was there all the time.
    await query(`UPDATE wa_sync.conversation SET heard_at = clock_timestamp() - interval '2 days' WHERE id = 'old'`);
    await query(`UPDATE wa_sync.session SET settled_at = clock_timestamp() - interval '3 days'`);
  });
  afterEach(() => wa?.stop());

  const states = () => query('SELECT id, state FROM wa_sync.conversation ORDER BY id');

  it('says what it would do, and closes without a word only when asked to', async () => {
    const looked = await run('inactive', '--dry-run');
    expect([looked.code, looked.out]).toEqual([
      2,
      expect.stringMatching(/^Checked 1 of 2 open conversations: 1 would be closed.*^old +sales +48 h/ms),
    ]);
    expect([(await run('inactive')).code, await states()]).toEqual([
      1,
      [
        { id: 'new', state: 'OPEN' },
        { id: 'old', state: 'OPEN' },
      ],
    ]);
    const longer = await run('inactive', '--yes', '--inactive-hours', '72');
    expect([longer.code, longer.out]).toEqual([
      0,
      expect.stringContaining('Checked 0 of 2 open conversations: 0 closed'),
    ]);
    const done = await run('inactive', '--yes');
    expect([done.code, done.out]).toEqual([0, expect.stringMatching(/1 closed.*^old +sales +48 h +closed/ms)]);
    expect(await states()).toEqual([
      { id: 'new', state: 'OPEN' },
      { id: 'old', state: 'CLOSED' },
    ]);
  });

  it('says how many rows of the host it registered, whose clocks start now', async () => {
    const { columns, ...rest } = prismaConversation({ session: 'sales' });
    const mapping = { ...rest, columns: { id: columns.id, status: columns.status } };
    await query(`CREATE TABLE "Conversation" ("id" text PRIMARY KEY, "status" text NOT NULL)`);
    await query(`INSERT INTO "Conversation" VALUES ('old', 'ACTIVE'), ('left', 'ACTIVE'), ('done', 'FINISHED')`);
    const file = join(await mkdtemp(join(tmpdir(), 'wa-sync-cli-')), 'conversations.json');
    onTestFinished(() => rm(dirname(file), { recursive: true }));
    await writeFile(file, JSON.stringify(mapping));
    const first = await run('inactive', '--yes', '--conversations', file);
    expect([first.code, first.out]).toEqual([0, expect.stringMatching(/1 closed.*, 1 newly registered, whose clocks/)]);
    const second = await run('inactive', '--yes', '--conversations', file);
    expect([second.code, second.out]).toEqual([0, expect.not.stringContaining('registered')]);
  });

  it('leaves alone whose number cannot hear', async () => {
    await query(`UPDATE wa_sync.session SET status = 'RECONNECTING'`);
    const done = await run('inactive', '--yes');
    expect([done.code, done.out]).toEqual([0, expect.stringContaining('0 closed')]);
    expect(await states()).toContainEqual({ id: 'old', state: 'OPEN' });
  });
});

it('options of a database are none of a service', async () => {
  const wrong = await runCli(['inactive', '--inactive-hours', '3', '--url', 'http://127.0.0.1:1']);
  expect([wrong.code, wrong.error]).toEqual([1, expect.stringContaining('--inactive-hours is about a database')]);
});
