import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWaSync, systemClock } from '@wa-sync/core';
import { createPostgresStore } from '@wa-sync/postgres';
import { createScriptedConnection, type ScriptedConnection } from '@wa-sync/testing';
import { beatOf } from '@wa-sync/testing/conformance';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { useDatabase } from '../../postgres/test/use-database.js';
import { runCli } from './run-cli.js';

// Each test starts processes, which takes seconds where others work too.
vi.setConfig({ testTimeout: 60_000 });

const at = useDatabase();
let url: string;

beforeEach(async () => {
  url = at.database.url;
});

const run = (...args: string[]) => runCli(args, { WA_SYNC_DATABASE_URL: url });

describe('migrate', () => {
  it('plans, refuses to read meanwhile, applies, and has nothing left to do', async () => {
    const plan = await run('migrate', 'plan');
    expect([plan.code, plan.out]).toEqual([2, expect.stringMatching(/^1 +schema of wa-sync +pending$/m)]);
    const early = await run('sessions');
    expect([early.code, early.error]).toEqual([1, expect.stringMatching(/schema_pending.*\n.*migrate apply/s)]);
    const { rows } = await at.database.pool.query(`SELECT 1 FROM pg_namespace WHERE nspname = 'wa_sync'`);
    expect(rows).toEqual([]);
    expect((await run('doctor')).code).toBe(2);
    const applied = await run('migrate', 'apply', '--json');
    expect([applied.code, JSON.parse(applied.out)]).toMatchObject([
      0,
      { pending: [], applied: expect.arrayContaining([{ version: 1, name: 'schema of wa-sync' }]) },
    ]);
    const again = await run('migrate', 'plan');
    expect([again.code, again.out]).toEqual([0, expect.stringMatching(/^Up to date: version \d+\n$/)]);
    const doctor = await run('doctor');
    expect([doctor.code, doctor.out]).toEqual([0, expect.stringMatching(/no_sessions.*Nothing is wrong/s)]);
  });

  it('prints the SQL for a tool of your own, for another schema too', async () => {
    const { code, out } = await runCli(['migrate', 'sql', '--schema', 'other']);
    expect(code).toBe(0);
    await at.database.pool.query(out);
    expect((await run('migrate', 'plan', '--schema', 'other')).code).toBe(0);
    expect((await run('migrate', 'plan')).code).toBe(2);
    const invalid = await runCli(['migrate', 'sql', '--schema', 'a"b']);
    expect([invalid.code, invalid.error]).toEqual([1, expect.stringContaining('config_invalid')]);
  });
});

describe('sessions and status', () => {
  it('reads rows straight from the database, and knows which owner is gone', async () => {
    await run('migrate', 'apply');
    const store = createPostgresStore({ pool: at.database.pool });
    await store.sessions.create({ sessions: [{ id: 'cold', desired: 'stopped' }] });
    const fine = await run('status');
    expect([fine.code, fine.out]).toEqual([0, expect.stringContaining('1 session, every row is true')]);
    await store.leases.join({ incarnation: 'gone', replicaId: 'gone', ttlMs: 300 });
    await store.sessions.create({ sessions: [{ id: 'left', desired: 'running' }] });
    await store.sessions.claim({ owner: 'gone', claims: [{ id: 'left', tenure: 't', mode: 'free' }] });
    await store.close();
    await at.database.pool.query(`UPDATE wa_sync.session SET status = 'CONNECTED' WHERE id = 'left'`);
    await at.database.pool.query(`UPDATE wa_sync.replica SET beat_at = clock_timestamp() - interval '1 minute'`);
    const drift = await run('status');
    expect([drift.code, drift.out]).toEqual([2, expect.stringMatching(/^left +DISCONNECTED +CONNECTED/m)]);
    const one = await run('status', 'left', '--json');
    expect([one.code, JSON.parse(one.out)]).toMatchObject([2, { drift: 'owner_gone', connected: null }]);
    const page = await run('sessions', '--limit', '1', '--json');
    expect(JSON.parse(page.out)).toMatchObject({ sessions: [{ id: 'cold' }], next: 'cold' });
    const doctor = await run('doctor');
    expect([doctor.code, doctor.out]).toEqual([
      2,
      expect.stringContaining('1 session is held by a process that is gone: left'),
    ]);
  });
});

describe('sync', () => {
  it('asks the processes that hold the sessions, and concludes nothing where there is none', async () => {
    await run('migrate', 'apply');
    const store = createPostgresStore({ pool: at.database.pool });
    const wa = createWaSync({ store, jobs: { sync: false, cleanup: false, inactivity: false } });
    await wa.start();
    try {
      const connections = new Map<string, ScriptedConnection>();
      for (const id of ['sales', 'support']) {
        await wa.sessions.create({ id });
        const connection = createScriptedConnection({ sessionId: id, clock: systemClock });
        await wa.attach(connection).ready;
        connections.set(id, connection);
      }
      await wa.sessions.create({ id: 'cold', desired: 'stopped' });
      await wa.syncNow();
      await at.database.pool.query(`UPDATE wa_sync.session SET status = 'DISCONNECTED' WHERE id = 'sales'`);
      const all = await run('sync', '--all');
      expect([all.code, all.error]).toEqual([2, '']);
      expect(all.out).toMatch(/about 3 sessions: 1 in sync, 1 corrected, 0 healed, 1 unknown$/m);
      expect(all.out).toMatch(/^sales +DISCONNECTED +CONNECTED +corrected /m);
      expect(all.out).toMatch(/^cold .* unknown +not_owned$/m);
      expect((await wa.sessions.get('sales'))?.status).toBe('CONNECTED');
      const one = await run('sync', 'sales', '--json');
      expect([one.code, JSON.parse(one.out)]).toMatchObject([0, { report: { totals: { checked: 1, inSync: 1 } } }]);
      connections.get('support')?.script.goSilent();
      const forced = await run('sync', 'support', '--force');
      expect([forced.code, forced.out]).toEqual([2, expect.stringMatching(/^support +CONNECTED +\w+ +healed/m)]);
      expect(connections.get('support')?.script.heals).toHaveLength(1);
    } finally {
      await wa.stop();
      await store.close();
    }
    const nobody = await run('sync', 'nobody');
    expect([nobody.code, nobody.error]).toEqual([1, expect.stringContaining('There is no session nobody')]);
    const current = await run('sync');
    expect([current.code, current.error]).toEqual([
      1,
      expect.stringMatching(/no current session .*\nName one, or give --all/),
    ]);
    await at.database.pool.query(`
      INSERT INTO wa_sync.replica (incarnation, replica_id, ttl_ms, beat_at) VALUES ('gone', 'gone', 1000, clock_timestamp() - interval '1 hour');
      UPDATE wa_sync.session SET owner = 'gone', tenure = 't' WHERE id = 'cold'`);
    const gone = await run('sync', 'cold');
    expect([gone.code, gone.out]).toEqual([2, expect.stringMatching(/^cold .* unknown +owner_gone$/m)]);
  });
});

describe('history and runs', () => {
  it('are read straight from the database', async () => {
    await run('migrate', 'apply');
    const store = createPostgresStore({ pool: at.database.pool });
    const owner = 'one';
    await store.leases.join({ incarnation: owner, replicaId: 'web-1', ttlMs: 60_000 });
    await store.sessions.create({ sessions: [{ id: 'sales', desired: 'running' }] });
    const [claimed] = await store.sessions.claim({ owner, claims: [{ id: 'sales', tenure: 't', mode: 'free' }] });
    const version = claimed?.claimed ? claimed.session.version : 0;
    const reason = { code: 'probe_timeout' };
    const set = {
      status: 'RECONNECTING',
      health: 'healthy',
      phone: null,
      reason,
      reconnectAttempt: 1,
      qr: null,
      seenAgoMs: null,
    } as const;
    await store.sessions.write({ owner, writes: [{ id: 'sales', tenure: 't', version, writeId: 'w', set }] });
    await store.jobs.begin({ runId: 'run-1', job: 'cleanup', slot: null, owner });
    await store.jobs.end({ runId: 'run-1', owner, outcome: 'finished', counts: { deactivated: 2 }, error: null });
    await store.close();
    const history = await run('history', 'sales');
    expect([history.code, history.out]).toEqual([
      0,
      expect.stringMatching(/DISCONNECTED +RECONNECTING .* probe_timeout$/m),
    ]);
    const json = await run('history', 'sales', '--json');
    expect(JSON.parse(json.out)).toMatchObject({ transitions: [{ to: 'RECONNECTING' }], next: null });
    const nobody = await run('history', 'nobody');
    expect([nobody.code, nobody.error]).toEqual([1, expect.stringContaining('There is no session nobody')]);
    const runs = await run('runs');
    expect([runs.code, runs.out]).toEqual([0, expect.stringMatching(/^run-1 +cleanup .* finished +deactivated 2$/m)]);
    const one = await run('runs', 'run-1', '--json');
    expect(JSON.parse(one.out)).toMatchObject({ id: 'run-1', outcome: 'finished', slot: null });
    const none = await run('runs', 'run-2');
    expect([none.code, none.error]).toEqual([1, expect.stringContaining('run_not_found')]);
  });
});

describe('doctor', () => {
  it('checks leases and clocks', async () => {
    await run('migrate', 'apply');
    const store = createPostgresStore({ pool: at.database.pool });
    for (const [incarnation, replicaId] of [
      ['a', 'web-1'],
      ['b', 'web-1'],
      ['c', 'web-2'],
      ['d', 'web-3'],
    ] as const) {
      await store.leases.join({ incarnation, replicaId, ttlMs: 120_000 });
    }
    await store.leases.beat(beatOf('c', { replicaId: 'web-2', massOutage: true }));
    await store.sessions.create({ sessions: [{ id: 'left', desired: 'running' }] });
    await store.sessions.claim({ owner: 'd', claims: [{ id: 'left', tenure: 't', mode: 'free' }] });
    await store.close();
    await at.database.pool.query(
      `UPDATE wa_sync.replica SET beat_at = beat_at - interval '1 hour' WHERE incarnation = 'd'`,
    );
    // The process itself has a clock that is an hour ahead.
    const ahead = `const D=Date;globalThis.Date=class extends D{constructor(...a){a.length?super(...a):super(D.now()+36e5)}}`;
    const { code, out } = await runCli(['doctor', '--json'], {
      WA_SYNC_DATABASE_URL: url,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(ahead)}`,
    });
    const { checked, findings } = JSON.parse(out) as { checked: string[]; findings: { code: string; what: string }[] };
    expect([code, findings.map((finding) => finding.code)]).toEqual([
      2,
      ['clock_skew', 'mass_outage', 'replica_id_twice', 'lease_over', 'owner_gone'],
    ]);
    expect(findings.map(({ what }) => what).join('\n')).toMatch(
      /3600 s ahead of.*web-2 sees most.*call themselves web-1.*lease of web-3 is over, and 1 session still is its own: last heard of 36\d\d s/s,
    );
    expect(checked).toContain('3 processes run, with so many sessions: web-1 (0), web-1 (0), web-2 (0)');
    await at.database.pool.query('DELETE FROM wa_sync.replica');
    const alone = await run('doctor');
    expect(alone.out).toContain('The clocks of this host and of the database agree');
    expect(alone.out).toContain('No process runs');
  });

  it('holds the mapping of your table of conversations against the database', async () => {
    await run('migrate', 'apply');
    const missing = await run('doctor', '--conversations', 'prisma');
    expect([missing.code, missing.out]).toEqual([1, expect.stringMatching(/Conversation.*mirror_invalid\)\n +Fix: /s)]);
    const tickets = await run('doctor', '--conversations', 'whaticket');
    expect([tickets.code, tickets.out]).toEqual([
      1,
      expect.stringMatching(/table Tickets.*mirror_invalid\)\n +Fix: /s),
    ]);
    const wrong = await run('doctor', '--conversations', 'evolution');
    expect([wrong.code, wrong.error]).toEqual([
      1,
      expect.stringMatching(/--conversations takes prisma, whaticket, .*no file evolution/),
    ]);
  });

  it('holds the mapping of your table against the database', async () => {
    await run('migrate', 'apply');
    const missing = await run('doctor', '--mirror', 'prisma');
    expect([missing.code, missing.out]).toEqual([
      1,
      expect.stringMatching(/WhatsAppSession.*mirror_invalid\)\n +Fix: /s),
    ]);
    await at.database.pool.query('CREATE TABLE numbers (id text PRIMARY KEY, state text)');
    const file = join(tmpdir(), `wa-sync-mirror-${process.pid}.json`);
    await writeFile(file, JSON.stringify({ table: 'numbers', columns: { id: 'id', status: 'state' } }));
    try {
      const fits = await run('doctor', '--mirror', file);
      expect([fits.code, fits.out]).toEqual([0, expect.stringContaining('The mapping of your tables fits')]);
      await at.database.pool.query('CREATE TABLE local (id text PRIMARY KEY, state text, at timestamp)');
      await writeFile(
        file,
        JSON.stringify({ table: 'local', columns: { id: 'id', status: 'state', updatedAt: 'at' } }),
      );
      const noted = await run('doctor', '--mirror', file);
      expect([noted.code, noted.out]).toEqual([0, expect.stringMatching(/^note .*no time zone .*Nothing is wrong$/ms)]);
      await writeFile(file, JSON.stringify({ table: 'numbers', columns: { id: 'id', status: 'state' } }));
      const store = createPostgresStore({ pool: at.database.pool });
      await store.sessions.create({ sessions: [{ id: 'lost', desired: 'stopped' }] });
      await store.close();
      const drift = await run('status', '--mirror', file);
      expect([drift.code, drift.out]).toEqual([2, expect.stringContaining('mirror_missing')]);
    } finally {
      await rm(file);
    }
    const wrong = await run('doctor', '--mirror', '/nowhere.json');
    expect([wrong.code, wrong.error]).toEqual([1, expect.stringContaining('--mirror takes prisma')]);
  });
});

describe('what goes wrong', () => {
  it('names a database that is not there, and never its password', async () => {
    const closed = await runCli(['sessions', '--database-url', 'postgres://me:hush-hush@127.0.0.1:1/app']);
    expect([closed.code, closed.error]).toEqual([1, expect.stringMatching(/127\.0\.0\.1:1.*store_unreachable/s)]);
    const wrong = await runCli(['doctor', '--database-url', url.replace(at.server.password, 'hush-hush')]);
    expect([wrong.code, wrong.out]).toEqual([1, expect.stringContaining('store_unreachable')]);
    const other = await runCli(['status', '--database-url', url.replace(/[^/]+$/, 'no_such_database')]);
    expect([other.code, other.error]).toEqual([1, expect.stringMatching(/no_such_database.* does not exist/)]);
    const schema = await run('status', '--schema', 'no_such_schema');
    expect([schema.code, schema.error]).toEqual([
      1,
      expect.stringMatching(/no_such_schema is not there yet.*\n.*migrate apply/),
    ]);
    const odd = await runCli(['sessions', '--database-url', 'mysql://me:hush-hush@h/app']);
    expect([odd.code, odd.error]).toEqual([1, expect.stringContaining('--database-url takes postgres://')]);
    for (const { out, error } of [closed, wrong, odd]) expect(out + error).not.toContain('hush-hush');
    const cleanup = await run('cleanup', '--yes');
    expect([cleanup.code, cleanup.error]).toEqual([1, expect.stringContaining('schema_pending')]);
  });
});
