import { createServer, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { isWaSyncError } from '@wa-sync/core';
import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import {
  createPostgresStore,
  type PostgresStoreOptions,
  prismaWhatsAppSession,
  type SessionsMirror,
} from '../src/index.js';
import { PRISMA_TABLES } from './host-table.js';
import { useDatabase } from './use-database.js';

const at = useDatabase();

const SECRET = 'hunter2-secret';

async function failureOf(run: () => Promise<unknown>): Promise<{ code: string; message: string; retryable: boolean }> {
  try {
    await run();
  } catch (error) {
    if (!isWaSyncError(error)) throw error;
    // Everything that a log line of this error could show.
    const shown = `${inspect(error, { depth: 10, showHidden: true })} ${JSON.stringify(error)}`;
    expect(shown).not.toContain(SECRET);
    expect(shown).not.toContain(at.server.password);
    return error;
  }
  throw new Error('it did not fail');
}

async function poolFailure(config: pg.PoolConfig, options: Partial<PostgresStoreOptions> = {}) {
  const pool = new pg.Pool(config);
  try {
    return await failureOf(() => createPostgresStore({ pool, ...options }).init());
  } finally {
    await pool.end();
  }
}

async function listen(onSocket: (socket: Socket) => void): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<Socket>();
  const listener: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    close() {
      for (const socket of sockets) socket.destroy();
      listener.close();
    },
  };
}

describe('a database that cannot be used', () => {
  it('because nobody listens is unreachable, with host and port and without the password', async () => {
    const closed = await listen(() => {});
    closed.close();
    const url = `postgres://someone:${SECRET}@localhost:${closed.port}/db`;
    const error = await poolFailure({ connectionString: url });
    expect(error).toMatchObject({ code: 'store_unreachable', retryable: true });
    expect(error.message).toContain(`localhost:${closed.port}`);
    expect(error.message).toContain('ECONNREFUSED');
  });

  it('because the name does not resolve is unreachable', async () => {
    const error = await poolFailure({ host: 'no-such-host.invalid', port: 5432, password: SECRET });
    expect(error).toMatchObject({ code: 'store_unreachable', retryable: true });
    expect(error.message).toContain('no-such-host.invalid:5432');
  });

  it('because the password is wrong is unreachable, and not to be tried again', async () => {
    const error = await poolFailure({ host: '127.0.0.1', port: at.server.port, user: 'postgres', password: SECRET });
    expect(error).toMatchObject({ code: 'store_unreachable', retryable: false });
    expect(error.message).toContain(`127.0.0.1:${at.server.port}`);
  });

  it('because the database does not exist is unreachable, and not to be tried again', async () => {
    const access = { host: '127.0.0.1', port: at.server.port, user: 'postgres', password: at.server.password };
    const error = await poolFailure({ ...access, database: 'nowhere' });
    expect(error).toMatchObject({ code: 'store_unreachable', retryable: false });
    expect(error.message).toContain('nowhere');
  });

  it('because the server is silent is a timeout at the limit', async () => {
    const silent = await listen(() => {});
    const pool = new pg.Pool({ host: '127.0.0.1', port: silent.port, password: SECRET });
    pool.on('error', () => {});
    try {
      const startedAt = performance.now();
      const error = await failureOf(() => createPostgresStore({ pool, timeouts: { statementMs: 300 } }).init());
      expect(performance.now() - startedAt).toBeLessThan(3_000);
      expect(error).toMatchObject({ code: 'store_timeout', retryable: true });
      expect(error.message).toContain(`127.0.0.1:${silent.port}`);
    } finally {
      silent.close();
      await pool.end();
    }
  });

  it('because the role may not create is a matter of rights', async () => {
    const role = `nobody_${at.database.name}`;
    await at.database.pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x';
      REVOKE CREATE ON DATABASE ${at.database.name} FROM PUBLIC`);
    const pool = at.database.connect({ user: role, password: 'x' });
    const error = await failureOf(() => createPostgresStore({ pool }).init());
    expect(error).toMatchObject({ code: 'store_rights', retryable: false });
    expect(error.message).toContain('permission denied');
  });
});

describe('a server that goes while we run', () => {
  it('ends no process by an unused connection that breaks, and the next calls work', async () => {
    const pool = new pg.Pool({
      host: '127.0.0.1',
      port: at.server.port,
      user: 'postgres',
      password: at.server.password,
      database: at.database.name,
      max: 1,
    });
    const store = createPostgresStore({ pool });
    await store.init();
    expect(pool.listenerCount('error')).toBe(1);
    const gone = new Promise((resolve) => pool.once('remove', resolve));
    await at.database.pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    await gone;
    expect(await store.sessions.list({ limit: 1 })).toEqual([]);
    await store.close();
    expect(pool.listenerCount('error')).toBe(0);
    // `end` resolves before the server has read it, and the database is dropped by force a moment later.
    pool.on('error', () => {});
    await pool.end();
  });

  it('fails the statement under way as unreachable, and the next one works', async () => {
    const store = createPostgresStore({ pool: at.database.connect(), timeouts: { lockMs: 8_000 } });
    const owner = await joinReplica(store);
    const [held] = await holdSessions(store, owner, ['a']);
    const client = await at.database.pool.connect();
    await client.query('BEGIN');
    await client.query(`SELECT 1 FROM wa_sync.session WHERE id = 'a' FOR UPDATE`);
    const desired = failureOf(() => store.sessions.setDesired({ id: 'a', desired: 'stopped' }));
    for (let ended = 0; ended === 0; ) {
      const { rowCount } = await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      ended = rowCount ?? 0;
    }
    expect(await desired).toMatchObject({ code: 'store_unreachable', retryable: true });
    await client.query('ROLLBACK');
    client.release();
    expect(await store.sessions.setDesired({ id: 'a', desired: 'stopped' })).toMatchObject({
      desired: 'stopped',
      version: (held?.version ?? 0) + 1,
    });
  });

  it('a row of ours that a person locks is a timeout for it, at the lock limit', async () => {
    const store = createPostgresStore({ pool: at.database.connect(), timeouts: { lockMs: 100 } });
    await holdSessions(store, await joinReplica(store), ['a']);
    const client = await at.database.pool.connect();
    await client.query('BEGIN');
    await client.query(`SELECT 1 FROM wa_sync.session WHERE id = 'a' FOR UPDATE`);
    const startedAt = performance.now();
    const error = await failureOf(() => store.sessions.setDesired({ id: 'a', desired: 'stopped' }));
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    expect(error).toMatchObject({ code: 'store_timeout', retryable: true });
    // The server itself has stopped waiting: nothing of ours is left in the queue for the row.
    expect(error.message).toContain('55P03');
    await client.query('ROLLBACK');
    client.release();
  });
});

describe('a row that the database refuses', () => {
  it('is reported without its contents, which the server quotes', async () => {
    const store = createPostgresStore({ pool: at.database.pool });
    await store.init();
    await at.database.pool.query('ALTER TABLE wa_sync.session ADD CONSTRAINT no_phone CHECK (phone IS NULL)');
    const sessions = [{ id: 'a', desired: 'running' as const, phone: SECRET }];
    const error = await failureOf(() => store.sessions.create({ sessions }));
    expect(error).toMatchObject({ code: 'store_failed', retryable: false });
    expect(error.message).toContain('no_phone');
  });
});

describe('a row that somebody would damage', () => {
  it.each([
    "status = 'ONLINE'",
    "evidence = 'guessed'",
    "health = 'fine'",
    "desired = 'maybe'",
    'version = NULL',
    "status_changed_at = 'infinity'",
    "last_seen_at = '-infinity'",
    "created_at = 'infinity'",
  ])('by %s is refused by the table itself, and reads as before', async (damage) => {
    const store = createPostgresStore({ pool: at.database.pool });
    await store.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
    const before = await store.sessions.get({ ids: ['a'] });
    await expect(at.database.pool.query(`UPDATE wa_sync.session SET ${damage}`)).rejects.toMatchObject({
      code: expect.stringMatching(/^23(514|502)$/),
    });
    expect(await store.sessions.get({ ids: ['a'] })).toEqual(before);
  });
});

describe('a session id that is longer than the host’s column', () => {
  it('has no row there: its status is kept here and reported as blocked, and the others are written', async () => {
    await at.database.pool.query(`CREATE TABLE numbers (code varchar(4) PRIMARY KEY, status text NOT NULL);
      INSERT INTO numbers VALUES ('shop', 'x'), ('long', 'x')`);
    const mirror = { sessions: { table: 'numbers', columns: { id: 'code', status: 'status' } } };
    const store = createPostgresStore({ pool: at.database.pool, mirror });
    const owner = await joinReplica(store);
    const held = await holdSessions(store, owner, ['shop', 'longer']);
    const writes = held.map((session) => writeOf(session, change({ status: 'ERROR' })));
    const outcomes = await store.sessions.write({ owner, writes });
    expect(outcomes).toMatchObject([
      { id: 'shop', applied: true, session: { mirror: { state: 'in_sync' } } },
      {
        id: 'longer',
        applied: true,
        mirrorBlocked: 'missing',
        session: { status: 'ERROR', mirror: { state: 'missing' } },
      },
    ]);
    const { rows } = await at.database.pool.query('SELECT * FROM numbers ORDER BY code');
    expect(rows).toEqual([
      { code: 'long', status: 'x' },
      { code: 'shop', status: 'ERROR' },
    ]);
    const tooLong = failureOf(() => store.sessions.create({ sessions: [{ id: 'x'.repeat(256), desired: 'running' }] }));
    expect(await tooLong).toMatchObject({ code: 'session_id_invalid', retryable: false });
  });
});

describe('options', () => {
  const cases: [string, object, RegExp][] = [
    ['an unknown key', { tables: 1 }, /Unknown option tables/],
    ['an unknown key further in', { mirror: { session: {} } }, /Unknown option mirror\.session/],
    ['a pool that is none', { pool: {} }, /Option pool takes a pg\.Pool/],
    ['a schema that is no name', { schema: 'a"b' }, /Option schema/],
    ['seconds for milliseconds', { timeouts: { lockMs: 0.5 } }, /timeouts\.lockMs takes milliseconds, a whole number/],
    [
      'a table that is no name',
      { mirror: { sessions: { table: 'a.b.c', columns: { id: 'a', status: 'b' } } } },
      /mirror\.sessions\.table/,
    ],
    [
      'a status that does not exist',
      { mirror: { sessions: { ...prismaWhatsAppSession(), status: { open: 'X' } } } },
      /mirror\.sessions\.status\.open/,
    ],
    ['a key that is too short', { auth: { keyRing: { current: 'a', keys: { a: new Uint8Array(16) } } } }, /32 bytes/],
    [
      'a current key that is not there',
      { auth: { keyRing: { current: 'b', keys: { a: new Uint8Array(32) } } } },
      /auth\.keyRing\.current/,
    ],
  ];
  it.each(cases)('with %s are refused by name', (_, options, message) => {
    const create = () => createPostgresStore({ pool: at.database.pool, ...options } as PostgresStoreOptions);
    expect(create).toThrow(
      expect.objectContaining({ code: 'config_invalid', message: expect.stringMatching(message) }),
    );
  });
});

describe('a mirror that does not fit', () => {
  async function refusal(change: (mirror: SessionsMirror) => SessionsMirror, sql = ''): Promise<string> {
    await at.database.pool.query(PRISMA_TABLES + sql);
    const mirror = { sessions: change(prismaWhatsAppSession()) };
    const error = await failureOf(() => createPostgresStore({ pool: at.database.pool, mirror }).init());
    expect(error.code).toBe('mirror_invalid');
    return error.message;
  }
  const columns = (some: Partial<SessionsMirror['columns']>) => (mirror: SessionsMirror) => ({
    ...mirror,
    columns: { ...mirror.columns, ...some },
  });

  it('names a table that is missing, and the one that was meant', async () => {
    expect(await refusal((mirror) => ({ ...mirror, table: 'whatsappsession' }))).toMatch(
      /table whatsappsession does not exist; there is public\."WhatsAppSession"/,
    );
  });
  it('names a column that is missing, and the one that was meant', async () => {
    const message = await refusal(columns({ lastSeenAt: 'lastseen' }));
    expect(message).toContain(
      '"public"."WhatsAppSession"."lastseen" does not exist (mapped as lastSeenAt); write lastSeen',
    );
  });
  it('names a word that the enum lacks, and the fix', async () => {
    const message = await refusal((mirror) => ({ ...mirror, status: { QR_CODE: 'PAIRING' } }));
    expect(message).toContain('enum "WhatsAppSessionStatus" has no word PAIRING (for the status QR_CODE)');
    expect(message).toContain('mirror.sessions.status.QR_CODE');
  });
  it('names a column of the wrong type', async () => {
    expect(await refusal(columns({ lastSeenAt: 'error' }))).toContain('cannot be mapped as lastSeenAt');
  });
  it('names an id that is not unique', async () => {
    expect(await refusal(columns({ id: 'sessionName' }))).toContain('no unique index');
  });
  it('names a word that is longer than its column', async () => {
    expect(await refusal(columns({ status: 'short' }), 'ALTER TABLE "WhatsAppSession" ADD short varchar(9)')).toContain(
      'too short for the word CONNECTING',
    );
  });
  it('names every right that is lacking', async () => {
    const { pool, name } = at.database;
    await pool.query(PRISMA_TABLES);
    await createPostgresStore({ pool }).init();
    await pool.query(`CREATE ROLE reader_${name} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA wa_sync TO reader_${name};
      GRANT SELECT ON ALL TABLES IN SCHEMA wa_sync TO reader_${name};
      GRANT SELECT, UPDATE ("status") ON "WhatsAppSession" TO reader_${name}`);
    const other = at.database.connect({ user: `reader_${name}`, password: 'x' });
    const mirror = { sessions: prismaWhatsAppSession() };
    const error = await failureOf(() => createPostgresStore({ pool: other, mirror }).init());
    expect(error.code).toBe('store_rights');
    expect(error.message).toContain('GRANT UPDATE ("updatedAt") ON "public"."WhatsAppSession"');
    expect(error.message).not.toContain('("status")');
  });
  it('is reported in full by checkMirror, notes included', async () => {
    await at.database.pool.query(PRISMA_TABLES);
    const sessions = columns({ qr: 'nope', timeZone: undefined })(prismaWhatsAppSession());
    const findings = await createPostgresStore({ pool: at.database.pool, mirror: { sessions } }).checkMirror();
    expect(findings.map(({ severity, about }) => [severity, about])).toEqual([
      ['note', '"public"."WhatsAppSession"."lastSeen"'],
      ['error', '"public"."WhatsAppSession"."nope"'],
      ['note', '"public"."WhatsAppSession"."updatedAt"'],
    ]);
  });
});
