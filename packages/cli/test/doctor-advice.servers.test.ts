import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWaSync, type SessionState, systemClock, type WaSync } from '@wa-sync/core';
import { createPostgresStore, type PostgresStore } from '@wa-sync/postgres';
import { createScriptedConnection, createScriptedProvider, type ScriptedConnection } from '@wa-sync/testing';
import { beatOf } from '@wa-sync/testing/conformance';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startPostgres, type TestDatabase, type TestServer } from '../../postgres/test/start-postgres.js';
import { runCommandLine } from '../src/command-line/command-line.js';
import { createOutput } from '../src/terminal/output.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const WORDS = /"[^"]*"|'([^']*)'|(\S+)/g;
const mapping = join(tmpdir(), `wa-sync-advice-${process.pid}.json`);
const say = () => {};
const off = {
  logger: { debug: say, info: say, warn: say, error: say },
  jobs: { sync: false, cleanup: false, inactivity: false },
} as const;
let server: TestServer;
let database: TestDatabase;
let pool: pg.Pool;
let store: PostgresStore;
let wa: WaSync;
const provider = createScriptedProvider({ clock: systemClock, onOpen: ({ connection }) => connection.script.open() });

interface Found {
  readonly code: string;
  readonly what: string;
  readonly fix: string;
}

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  let out = '';
  let error = '';
  const output = createOutput({
    out: { write: (text: string) => (out += text) },
    error: { write: (text: string) => (error += text) },
    json: args.includes('--json'),
    color: false,
  });
  const code = await runCommandLine({
    args,
    env: { WA_SYNC_DATABASE_URL: database.url, ...env },
    version: '0.0.0',
    output,
  });
  return { code, out, error };
}

async function doctor(...args: string[]): Promise<Found[]> {
  const { out, error } = await run(['doctor', '--json', '--mirror', mapping, ...args]);
  expect(error).toBe('');
  return (JSON.parse(out) as { findings: Found[] }).findings;
}

async function find(code: string, ...args: string[]): Promise<Found> {
  const findings = await doctor(...args);
  const found = findings.find((finding) => finding.code === code);
  expect(found, `${code} among ${JSON.stringify(findings)}`).toBeDefined();
  return found as Found;
}

/** Sees that a finding is gone; what a running process does next gives no signal. */
async function gone(code: string, ...args: string[]): Promise<void> {
  await expect
    .poll(async () => (await doctor(...args)).map((finding) => finding.code), { timeout: 20_000 })
    .not.toContain(code);
}

/** Runs the command that an advice names, as a shell would split it. */
async function runAdvised({ fix }: Found) {
  const command = /^Run: wa-sync (.*)$/m.exec(fix)?.[1];
  expect(command, fix).toBeDefined();
  const words = [...(command ?? '').matchAll(WORDS)].map(([whole, quoted, bare]) => quoted ?? bare ?? whole);
  const ended = await run(words);
  expect([ended.code === 1 ? ended.error : '', ended.out]).toEqual(['', expect.not.stringContaining('not_owned')]);
  return ended;
}

const setHost = (id: string, state: string) => pool.query('UPDATE numbers SET state = $2 WHERE id = $1', [id, state]);
const addHost = (id: string, state = 'DISCONNECTED') =>
  pool.query('INSERT INTO numbers (id, state) VALUES ($1, $2)', [id, state]);

/** A session that the provider runs, with its row in the host's table. */
async function provided(id: string): Promise<ScriptedConnection> {
  await addHost(id);
  await wa.sessions.create({ id });
  const opened = provider.latest(id);
  if (!opened) throw new Error(`${id} was not opened`);
  await wa.syncNow(id);
  return opened.connection;
}

async function bring(id: string, state: Partial<SessionState>): Promise<ScriptedConnection> {
  const connection = await provided(id);
  connection.script.set(state);
  await wa.syncNow(id);
  return connection;
}

async function restart(id: string): Promise<void> {
  await wa.sessions.stop(id);
  await wa.sessions.start(id);
  await wa.syncNow(id);
}

/** A lease that somebody took and never renews. */
async function leaveLease(replicaId: string, ttlMs: number): Promise<string> {
  const incarnation = `lease-of-${replicaId}-${Math.random()}`;
  await store.leases.join({ incarnation, replicaId, ttlMs });
  return incarnation;
}

async function claimFor(owner: string, id: string): Promise<void> {
  await addHost(id);
  await store.sessions.create({ sessions: [{ id, desired: 'running' }] });
  const [claimed] = await store.sessions.claim({ owner, claims: [{ id, tenure: 't', mode: 'free' }] });
  expect(claimed?.claimed).toBe(true);
  const set = { status: 'CONNECTED', health: 'healthy', phone: null, reason: null, reconnectAttempt: 0, qr: null };
  const version = claimed?.claimed ? claimed.session.version : 0;
  const write = { id, tenure: 't', version, writeId: id, set: { ...set, seenAgoMs: null } } as const;
  await store.sessions.write({
    owner,
    writes: [write as Parameters<typeof store.sessions.write>[0]['writes'][number]],
  });
}

const replicaOf = (replicaId: string) =>
  createWaSync({ store, provider, replicaId, lease: { ttlMs: 60_000, tickMs: 200 }, ...off });

beforeAll(async () => {
  server = await startPostgres();
  database = await server.createDatabase();
  pool = database.pool;
  await pool.query('CREATE TABLE numbers (id text PRIMARY KEY, state text NOT NULL)');
  writeFileSync(mapping, JSON.stringify({ table: 'numbers', columns: { id: 'id', status: 'state' } }));
  await runAdvised(await find('schema_pending'));
  store = createPostgresStore({
    pool,
    mirror: { sessions: { table: 'numbers', columns: { id: 'id', status: 'state' } } },
  });
  wa = replicaOf('web-1');
  await wa.start();
});
afterAll(async () => {
  await wa?.stop();
  await store?.close();
  await database?.drop();
  await server?.stop();
  rmSync(mapping, { force: true });
});
beforeEach(async () => {
  for (const { id } of (await wa.sessions.list()).sessions) {
    await wa.sessions.stop(id);
    await expect.poll(() => store.sessions.remove({ id })).toBe(true);
  }
  await pool.query('DELETE FROM numbers');
});

describe('advice of the doctor about sessions', () => {
  it('mirror_differs: the command writes the row that a process holds, whatever its id is', async () => {
    await provided("sales o'clock; x");
    await provided('support');
    await setHost('support', 'ERROR');
    await runAdvised(await find('mirror_differs'));
    await gone('mirror_differs');
    await setHost("sales o'clock; x", 'ERROR');
    expect((await find('mirror_differs')).fix).toContain(`wa-sync sync 'sales o'\\''clock; x'\n`);
    expect((await run(['sync', "sales o'clock; x"])).code).toBe(2);
    await gone('mirror_differs');
  });

  it('mirror_differs: where no process holds it, a start or your own hand does', async () => {
    for (const [id, carryOut] of [
      ['by-start', () => wa.sessions.start('by-start')],
      ['by-hand', () => setHost('by-hand', 'DISCONNECTED')],
    ] as const) {
      await addHost(id);
      await wa.sessions.create({ id, desired: 'stopped' });
      await setHost(id, 'CONNECTED');
      const { fix, what } = await find('mirror_differs');
      expect([what, fix]).toEqual([
        expect.stringContaining('held by no process'),
        expect.not.stringContaining('wa-sync sync'),
      ]);
      await carryOut();
      await gone('mirror_differs');
    }
  });

  it('mirror_missing: the row is added again, or the session goes', async () => {
    await provided('kept');
    await pool.query(`DELETE FROM numbers WHERE id = 'kept'`);
    expect((await find('mirror_missing')).fix).toMatch(/add the row.*wa-sync sync kept,.*sessions\.remove/);
    const synced = await run(['sync', 'kept']);
    expect([synced.code, synced.out]).toEqual([1, expect.stringMatching(/^kept .* failed +host_row_missing$/m)]);
    await addHost('kept', 'ERROR');
    expect((await run(['sync', 'kept'])).code).toBe(2);
    await gone('mirror_missing');
    await gone('mirror_differs');
    await pool.query(`DELETE FROM numbers WHERE id = 'kept'`);
    await find('mirror_missing');
    await wa.sessions.stop('kept');
    await expect.poll(() => store.sessions.remove({ id: 'kept' })).toBe(true);
    await gone('mirror_missing');
  });

  it('needs_pairing, replaced, needs_a_person, reconnect_loop, degraded: the way back from each', async () => {
    const qr = await bring('qr', { status: 'QR_CODE', qr: 'payload' });
    await bring('logged-out', { status: 'LOGGED_OUT', reason: { code: 'logged_out' } });
    expect((await find('needs_pairing')).what).toMatch(/^2 sessions/);
    qr.script.open();
    await wa.syncNow('qr');
    for await (const _ of wa.sessions.pair('logged-out'));
    await gone('needs_pairing');
    for (const [code, state] of [
      ['replaced', { status: 'REPLACED', reason: { code: 'replaced' } }],
      ['needs_a_person', { status: 'ERROR', reason: { code: 'odd' } }],
      ['degraded', { health: 'degraded', reason: { code: 'slow' } }],
    ] as const) {
      await bring(code, state);
      const found = await find(code);
      if (/^Run: /m.test(found.fix)) await run([...(/^Run: wa-sync (.*)$/m.exec(found.fix)?.[1] ?? '').split(' ')]);
      expect(found.fix).toMatch(/wa\.sessions\.stop\(id\) and wa\.sessions\.start\(id\)/);
      await restart(code);
      await gone(code);
    }
    const loop = await bring('loop', { status: 'RECONNECTING', reconnectAttempt: 6, reason: { code: 'timed_out' } });
    const status = await run([
      ...(/^Run: wa-sync (.*)$/m.exec((await find('reconnect_loop')).fix)?.[1] ?? '').split(' '),
    ]);
    expect(status.out).toContain('timed_out');
    loop.script.open();
    await wa.syncNow('loop');
    await gone('reconnect_loop');
  });

  it('nobody_runs_it, no_sessions', async () => {
    await find('no_sessions');
    const without = createWaSync({ store, replicaId: 'no-provider', ...off });
    await addHost('idle');
    // What stands free is opened with the next tick of the replica, so that this one holds its place.
    await wa.stop();
    await store.sessions.create({ sessions: [{ id: 'idle', desired: 'running' }] });
    await gone('no_sessions');
    expect((await find('nobody_runs_it')).fix).toContain('wa.sessions.stop(id)');
    await without.start();
    await without.attach(createScriptedConnection({ sessionId: 'idle', clock: systemClock })).ready;
    await gone('nobody_runs_it');
    await without.stop();
    await find('nobody_runs_it');
    wa = replicaOf('web-1');
    await wa.sessions.stop('idle');
    await gone('nobody_runs_it');
    await wa.start();
  });
});

describe('advice of the doctor about processes and jobs', () => {
  it('owner_gone and lease_over: a process that runs takes over', async () => {
    await wa.stop();
    await claimFor(await leaveLease('dead', 60_000), 'left');
    await pool.query(
      `UPDATE wa_sync.replica SET ttl_ms = 1000, beat_at = beat_at - interval '1 hour' WHERE replica_id = 'dead'`,
    );
    await expect.poll(async () => (await doctor()).map(({ code }) => code)).toEqual(['lease_over', 'owner_gone']);
    wa = replicaOf('web-1');
    await wa.start();
    await gone('owner_gone');
    await gone('lease_over');
  });

  it('replica_id_twice and mass_outage: end when one leaves, and when the outage is over', async () => {
    const [one, two] = [await leaveLease('twin', 60_000), await leaveLease('twin', 60_000)];
    await store.leases.beat(beatOf(one, { replicaId: 'twin', massOutage: true }));
    await find('mass_outage');
    await store.leases.beat(beatOf(one, { replicaId: 'twin' }));
    await gone('mass_outage');
    expect((await find('replica_id_twice')).fix).toMatch(/Leave replicaId out/);
    await store.leases.leave({ incarnation: two });
    const other = await leaveLease('other', 60_000);
    await gone('replica_id_twice');
    for (const incarnation of [one, other]) await store.leases.leave({ incarnation });
  });

  it('clock_skew: ends when the clocks agree', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    await find('clock_skew').finally(() => vi.useRealTimers());
    await gone('clock_skew');
  });

  it('job_failed: goes with the next run that finishes', async () => {
    const owner = await leaveLease('jobs', 60_000);

    await store.jobs.begin({ runId: 'bad', job: 'cleanup', slot: null, owner });
    await store.jobs.end({ runId: 'bad', owner, outcome: 'failed', counts: {}, error: 'no disk' });
    expect((await find('job_failed')).fix).toContain('The next slot tries again');
    await store.jobs.begin({ runId: 'good', job: 'cleanup', slot: null, owner });
    await store.jobs.end({ runId: 'good', owner, outcome: 'finished', counts: {}, error: null });
    await gone('job_failed');
    await store.leases.leave({ incarnation: owner });
  });
});

describe('commands in advice', () => {
  it('reach the schema and the database that the doctor was asked about, and hold no password', async () => {
    const found = await find('schema_pending', '--schema', 'other');
    expect(found.fix).toBe("Run: wa-sync migrate apply --schema 'other'");
    await runAdvised(found);
    await gone('schema_pending', '--schema', 'other');
    const typed = await find('schema_pending', '--schema', 'third', '--database-url', database.url);
    expect(typed.fix).toBe(
      `Run: wa-sync migrate apply --database-url "\${WA_SYNC_DATABASE_URL:?the same as before}" --schema 'third'`,
    );
  });
});
