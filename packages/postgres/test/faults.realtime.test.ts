import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isWaSyncError, type StoredSession } from '@wa-sync/core';
import { type FaultProxy, startFaultProxy } from '@wa-sync/dev/faults';
import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, type TestContext, vi } from 'vitest';
import { createPostgresStore, type PostgresStore, prismaWhatsAppSession } from '../src/index.js';
import { addHostRows, PRISMA_TABLES, readHostRow } from './host-table.js';
import { useDatabase } from './use-database.js';

const mirror = { sessions: prismaWhatsAppSession() };
const at = useDatabase({
  prepare: async (pool) => {
    await pool.query(PRISMA_TABLES);
    await createPostgresStore({ pool, mirror }).init();
  },
});
let proxy: FaultProxy;
let pool: pg.Pool;
/** Through the proxy, and past it. */
let store: PostgresStore;
let direct: PostgresStore;
let beside: pg.Pool;
let owner: string;
let held: StoredSession;

const STATEMENT_MS = 400;

// Pools that are too small for connections beside them, so that everything goes over those that are counted.
beforeEach(async () => {
  proxy = await startFaultProxy({ port: at.server.port });
  const access = { user: 'postgres', password: at.server.password, database: at.database.name };
  pool = new pg.Pool({ host: proxy.host, port: proxy.port, ...access, max: 2 });
  pool.on('error', () => {});
  store = createPostgresStore({ pool, mirror, timeouts: { statementMs: STATEMENT_MS, lockMs: 200 } });
  beside = at.database.connect({ max: 2 });
  direct = createPostgresStore({ pool: beside, mirror });
  await addHostRows(at.database.pool, ['a']);
  owner = await joinReplica(direct);
  held = (await holdSessions(direct, owner, ['a']))[0]!;
  await store.sessions.get({ ids: ['a'] });
  // Every connection that the pool may have is there, so that a fault meets all.
  await Promise.all(Array.from({ length: 2 }, () => pool.query('SELECT pg_sleep(0.02)')));
});
afterEach(async () => {
  await store.close();
  await proxy.close();
  await pool.end();
  await beside.end();
});

async function codeOf(run: () => Promise<unknown>): Promise<{ code: string; retryable: boolean; message: string }> {
  try {
    await run();
  } catch (error) {
    if (!isWaSyncError(error)) throw error;
    return { code: error.code, retryable: error.retryable, message: error.message };
  }
  throw new Error('it did not fail');
}

/** What a caller does: every connection of the pool that is dead costs one call that fails. */
async function untilTold<T>(run: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await run();
    } catch (error) {
      if (!isWaSyncError(error) || !error.retryable || tries > 10) throw error;
    }
  }
}

const row = async () =>
  (await at.database.pool.query(`SELECT status, version::int, write_id FROM wa_sync.session WHERE id = 'a'`)).rows[0];

/** What was held up arrives; its connections end once the server has done what came through them. */
async function healAndArrive(): Promise<void> {
  const backends = async () =>
    (await at.database.pool.query(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database()`))
      .rows[0].n;
  const ours = () => [pool, beside, at.database.pool].reduce((sum, { totalCount }) => sum + totalCount, 0);
  expect(await backends()).toBeGreaterThan(ours());
  proxy.heal();
  await vi.waitFor(async () => expect(await backends()).toBe(ours()), {
    timeout: 10_000,
  });
}

const putCreds = (to: PostgresStore, text: string, tenure: string | null = held.tenure) =>
  to.auth.write({
    sessionId: 'a',
    tenure,
    entries: [{ type: 'creds', id: 'creds', value: new Uint8Array(Buffer.from(text)) }],
  });
const storedCreds = async () =>
  (await at.database.pool.query(`SELECT convert_from(value, 'UTF8') AS text FROM wa_sync.auth_record`)).rows[0]?.text;

describe('a link to the server', () => {
  it.each(['cut', 'reset'] as const)(
    'that is %s in the middle of an answer leaves the write to be asked for again, and it happens once',
    async (kind) => {
      const write = writeOf(held, change({ status: 'QR_CODE', qr: 'code' }));
      proxy.plan(() => ({ kind, direction: 'to-client', afterBytes: 40 }));
      expect(await codeOf(() => store.sessions.write({ owner, writes: [write] }))).toMatchObject({
        code: 'store_unreachable',
        retryable: true,
      });
      proxy.plan(null);
      const [outcome] = await store.sessions.write({ owner, writes: [write] });
      expect(outcome).toMatchObject({ applied: true, session: { status: 'QR_CODE', version: held.version + 1 } });
      expect(await row()).toEqual({ status: 'QR_CODE', version: held.version + 1, write_id: write.writeId });
      expect(await readHostRow(at.database.pool, 'a')).toMatchObject({ status: 'QR_CODE', qrCode: 'code' });
    },
  );

  it('on which answers get lost is a timeout at the limit, and the commit is known again', async () => {
    const write = writeOf(held, change({ status: 'ERROR' }));
    proxy.apply({ kind: 'black-hole', direction: 'to-client' });
    const startedAt = performance.now();
    const failure = await codeOf(() => store.sessions.write({ owner, writes: [write] }));
    expect(failure).toMatchObject({ code: 'store_timeout', retryable: true });
    expect(performance.now() - startedAt).toBeLessThan(10 * STATEMENT_MS);
    await vi.waitFor(async () => expect(await row()).toMatchObject({ status: 'ERROR' }));
    // A connection is thrown away with its statement, so some call has a new one.
    const [outcome] = await untilTold(() => store.sessions.write({ owner, writes: [write] }));
    expect(outcome).toMatchObject({ applied: true, session: { version: held.version + 1 } });
  });

  it('on which statements are held up delivers them late, when they change nothing any more', async () => {
    const [status, creds] = [writeOf(held, change({ status: 'ERROR' })), 'old'];
    proxy.apply({ kind: 'black-hole', direction: 'to-server' });
    const late = [
      codeOf(() => store.sessions.write({ owner, writes: [status] })),
      codeOf(() => putCreds(store, creds)),
      codeOf(() => putCreds(store, creds)),
    ];
    expect((await Promise.all(late)).map(({ code }) => code)).toEqual(Array(3).fill('store_timeout'));
    // The same process goes on, on new connections.
    const writes = [writeOf(held, change({ status: 'RECONNECTING' }))];
    expect(await untilTold(() => store.sessions.write({ owner, writes }))).toMatchObject([{ applied: true }]);
    await untilTold(() => putCreds(store, 'new'));
    await healAndArrive();
    expect(await row()).toMatchObject({ status: 'RECONNECTING', version: held.version + 1 });
    expect(await storedCreds()).toBe('new');
    // Nor do credentials come back after they were deleted.
    expect(await store.auth.purge({ sessionId: 'a' })).toBe(1);
  });

  it('on which a desired state is held up delivers it late, when it does not undo the one that was set since', async () => {
    proxy.apply({ kind: 'black-hole', direction: 'to-server' });
    const late = await codeOf(() => store.sessions.setDesired({ id: 'a', desired: 'stopped' }));
    expect(late).toMatchObject({ code: 'store_timeout' });
    const newer = await untilTold(() => store.sessions.setDesired({ id: 'a', desired: 'running' }));
    await healAndArrive();
    expect(await store.sessions.get({ ids: ['a'] })).toEqual([newer]);
    // Another process is not held up by it.
    expect(await direct.sessions.setDesired({ id: 'a', desired: 'stopped' })).toMatchObject({ desired: 'stopped' });
  });

  it('that was purged of credentials does not get the ones that were held up before', async () => {
    proxy.apply({ kind: 'black-hole', direction: 'to-server' });
    expect(await codeOf(() => putCreds(store, 'old'))).toMatchObject({ code: 'store_timeout' });
    await untilTold(() => store.auth.purge({ sessionId: 'a' }));
    await healAndArrive();
    expect(await storedCreds()).toBeUndefined();
    await putCreds(store, 'new');
    expect(await storedCreds()).toBe('new');
  });

  it('that is slow is only slow', async () => {
    proxy.apply({ kind: 'delay', delayMs: 60 });
    const startedAt = performance.now();
    const [outcome] = await store.sessions.write({ owner, writes: [writeOf(held, change({ status: 'QR_CODE' }))] });
    expect(outcome).toMatchObject({ applied: true });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(100);
  });
});

describe('a server', () => {
  it('that is killed and comes back has everything that was reported as written, and clients go on without a restart', async (context) => {
    if (at.server.kill === null) return leaveOut(context, 'the server of TEST_POSTGRES_URL is not ours to kill');
    const written = await store.sessions.write({ owner, writes: [writeOf(held, change({ status: 'QR_CODE' }))] });
    await putCreds(store, 'kept');
    const stop = await direct.inbox.listen?.({ incarnation: owner, notify: () => {} });
    await at.server.kill();
    // The processes of its connections notice a moment later that it is gone.
    await vi.waitFor(
      async () =>
        expect(await codeOf(() => store.sessions.get({ ids: ['a'] }))).toMatchObject({
          code: 'store_unreachable',
          retryable: true,
        }),
      { timeout: 10_000 },
    );
    expect(await codeOf(() => store.leases.beat(beatOf(owner)))).toMatchObject({
      retryable: true,
    });
    await at.server.restart();
    // Some connections of the pool have not heard of it yet.
    await vi.waitFor(async () => expect(await store.sessions.get({ ids: ['a'] })).toHaveLength(1), { timeout: 10_000 });
    const [session] = await store.sessions.get({ ids: ['a'] });
    expect(session).toMatchObject({ status: 'QR_CODE', version: held.version + 1, tenure: held.tenure });
    expect(written[0]).toMatchObject({ session: { version: session?.version } });
    expect(await storedCreds()).toBe('kept');
    expect(await store.leases.beat(beatOf(owner))).toMatchObject({ alive: true });
    stop?.();
  });

  it('that is read-only refuses writes as something that passes, and answers reads', async () => {
    const quiet = at.database.connect({ options: '-c default_transaction_read_only=on' });
    const reader = createPostgresStore({ pool: quiet, mirror });
    const write = () => reader.sessions.write({ owner, writes: [writeOf(held, change({ status: 'ERROR' }))] });
    const failure = await codeOf(write);
    expect(failure).toMatchObject({ code: 'store_failed', retryable: true });
    expect(failure.message).toContain('read-only');
    expect(failure.message).toContain('25006');
    expect(await codeOf(() => putCreds(reader, 'x'))).toMatchObject({ code: 'store_failed', retryable: true });
    expect(await codeOf(() => reader.leases.beat(beatOf(owner)))).toMatchObject({
      retryable: true,
    });
    expect(await reader.sessions.get({ ids: ['a'] })).toHaveLength(1);
    expect(await row()).toMatchObject({ status: 'CONNECTED' });
  });

  it('whose disk is full refuses what needs space as a passing fault; the rest goes on, and so does it once there is space', async (context) => {
    const disk = await mountSmallDisk();
    if (disk === null) return leaveOut(context, 'a small disk can be mounted by root on Linux only');
    try {
      const name = `tiny_${at.database.name}`;
      await at.database.pool.query(`CREATE TABLESPACE ${name} LOCATION '${disk.folder}'`);
      await at.database.pool.query(`ALTER TABLE wa_sync.auth_record SET TABLESPACE ${name}`);
      await at.database.pool.query(`ALTER TABLE wa_sync.auth_record ALTER value SET STORAGE EXTERNAL`);
      await putCreds(direct, 'small');
      const much = (id: string) =>
        direct.auth.write({
          sessionId: 'a',
          tenure: null,
          entries: [{ type: 'session', id, value: new Uint8Array(900_000) }],
        });
      const failure = await codeOf(async () => {
        for (let round = 0; round < 20; round += 1) await much(`s${round}`);
      });
      expect(failure).toMatchObject({ code: 'store_failed', retryable: true });
      expect(failure.message).toContain('53100');
      const [outcome] = await direct.sessions.write({ owner, writes: [writeOf(held, change({ status: 'QR_CODE' }))] });
      expect(outcome).toMatchObject({ applied: true });
      await at.database.pool.query(`DELETE FROM wa_sync.auth_record WHERE type = 'session'`);
      // What a person does then.
      await at.database.pool.query('ALTER TABLE wa_sync.auth_record SET TABLESPACE pg_default');
      await much('again');
      const { rows } = await at.database.pool.query('SELECT id FROM wa_sync.auth_record ORDER BY id');
      expect(rows.map(({ id }) => id)).toEqual(['again', 'creds']);
      await at.database.pool.query(`DROP TABLESPACE ${name}`);
    } finally {
      await disk.unmount();
    }
  });

  it('that refuses a status for want of space is not taken for a host row that refuses it', async () => {
    await at.database.pool.query(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
      CREATE TRIGGER full_disk BEFORE UPDATE ON "WhatsAppSession" FOR EACH ROW EXECUTE FUNCTION full_disk()`);
    const failure = await codeOf(() =>
      direct.sessions.write({ owner, writes: [writeOf(held, change({ status: 'ERROR' }))] }),
    );
    expect(failure).toMatchObject({ code: 'store_failed', retryable: true });
    expect(await row()).toMatchObject({ status: 'CONNECTED', version: held.version });
  });
});

/** Ends a test as left out, and has the run say so at its end. */
function leaveOut({ task, skip }: TestContext, why: string): never {
  task.meta.leftOut = why;
  return skip(why);
}

/** A disk of 6 MB that the server may write on; `null` where it cannot be had. */
async function mountSmallDisk(): Promise<{ folder: string; unmount(): Promise<void> } | null> {
  if (process.getuid?.() !== 0 || process.platform !== 'linux' || at.server.kill === null) return null;
  const folder = await mkdtemp(join(tmpdir(), 'wa-sync-disk-'));
  const { rows } = await at.database.pool.query<{ folder: string }>(
    `SELECT current_setting('data_directory') AS folder`,
  );
  const { uid } = await stat(rows[0]!.folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=6m,uid=${uid},mode=0700`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    await rm(folder, { recursive: true });
    return null;
  }
  return {
    folder,
    async unmount() {
      execFileSync('umount', ['-l', folder], { stdio: 'ignore' });
      await rm(folder, { recursive: true, force: true });
    },
  };
}
