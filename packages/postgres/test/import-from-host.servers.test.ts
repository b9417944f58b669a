/** `wa.sessions.importFromHost()` over real tables: what the types of the host do to ids, pages and instants. */

import { createWaSync, type Logger, silentLogger, type WaSync } from '@wa-sync/core';
import { createManualClock } from '@wa-sync/testing';
import type pg from 'pg';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  createPostgresStore,
  type PostgresStoreOptions,
  prismaWhatsAppSession,
  type SessionsMirror,
} from '../src/index.js';
import { explainedPool } from './explained-pool.js';
import { addHostRows, PRISMA_TABLES } from './host-table.js';
import { useDatabase } from './use-database.js';

const at = useDatabase({ prepare: (pool) => pool.query(PRISMA_TABLES) });
let pool: pg.Pool;

beforeEach(() => {
  pool = at.database.pool;
});

const HOST: SessionsMirror = { table: 'host', columns: { id: 'id', status: 'status' } };

function open(sessions: SessionsMirror, options: Partial<PostgresStoreOptions> = {}, logger: Logger = silentLogger) {
  const store = createPostgresStore({ pool, mirror: { sessions }, ...options });
  onTestFinished(() => store.close());
  const wa: WaSync = createWaSync({ store, logger });
  return { store, wa };
}

/** Ids of sessions, in the order of their bytes. */
async function sessionIds(): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>('SELECT id FROM wa_sync.session ORDER BY id COLLATE "C"');
  return rows.map(({ id }) => id);
}

/** How many rows of the host are not a session whose host row is found by its id. */
async function importAll(type: string, fill: string): Promise<{ ids: string[]; missing: number }> {
  await pool.query(`CREATE TABLE host (id ${type} PRIMARY KEY, status text); ${fill}`);
  const { wa, store } = open(HOST);
  const { rows } = await pool.query<{ n: number }>('SELECT count(*)::int AS n FROM host');
  const report = await wa.sessions.importFromHost();
  expect(report).toMatchObject({ read: rows[0]!.n, created: rows[0]!.n, existing: 0, leftOutTotal: 0 });
  const ids = await sessionIds();
  const read = await store.sessions.get({ ids });
  return { ids, missing: read.filter(({ mirror }) => mirror.state === 'missing').length };
}

const many = (value: string) => `INSERT INTO host SELECT ${value}, 'CONNECTED' FROM generate_series(1, 5000) n`;

describe('ids of the host', () => {
  it.each([
    ['text', many(`'id-' || n`)],
    // Orders that differ from that of the bytes, and from each other.
    ['text COLLATE "C"', many(`CASE n % 3 WHEN 0 THEN 'Ção ' WHEN 1 THEN 'cao-' ELSE 'CAO_' END || n`)],
    ['text COLLATE "en-x-icu"', many(`CASE n % 3 WHEN 0 THEN 'Ção ' WHEN 1 THEN 'cao-' ELSE 'CAO_' END || n`)],
    ['varchar(40)', many(`CASE n % 2 WHEN 0 THEN 'Shop' ELSE 'shop' END || n / 2`)],
    ['char(12)', many(`'id-' || n`)],
    ['uuid', many(`md5(n::text)::uuid`)],
    // As numbers: as texts 10 would stand before 9.
    ['integer', many('n * 7 - 20000')],
    ['bigint', many('n * 1000000007::bigint')],
    ['smallint', many('n')],
  ])('of type %s are all read over pages, each once', async (type, fill) => {
    const { ids, missing } = await importAll(type, fill);
    expect([new Set(ids).size, missing]).toEqual([5_000, 0]);
  });

  it.each([
    ['in the search path', 'public'],
    ['outside of it', 'ext'],
  ])('of citext, %s, are all read over pages', async (_, schema) => {
    await pool.query(`CREATE SCHEMA IF NOT EXISTS ${schema}; CREATE EXTENSION citext SCHEMA ${schema}`);
    const value = `(CASE n % 3 WHEN 0 THEN 'B' WHEN 1 THEN 'a' ELSE 'C' END || n)::${schema}.citext`;
    const { ids, missing } = await importAll(`${schema}.citext`, many(value));
    expect([new Set(ids).size, missing]).toEqual([5_000, 0]);
  });

  it('of a domain, and of a collation that knows no case, are all read', async () => {
    await pool.query(`
      CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      CREATE DOMAIN session_id AS text COLLATE caseless CHECK (length(value) < 100)`);
    const { ids, missing } = await importAll('session_id', many(`CASE n % 2 WHEN 0 THEN 'B' ELSE 'a' END || n`));
    expect([new Set(ids).size, missing]).toEqual([5_000, 0]);
  });

  it('that wa-sync cannot take are left out and named, and a row without one names no session', async () => {
    await pool.query(`CREATE TABLE host (id text UNIQUE, status text);
      INSERT INTO host VALUES (NULL, 'CONNECTED'), (NULL, 'x'), ('', 'CONNECTED'), (E'a\\nb', 'CONNECTED'),
        (repeat('x', 256), 'CONNECTED'), (repeat('y', 255), 'CONNECTED'), ('Shop', 'CONNECTED'), ('shop', 'CONNECTED')`);
    const report = await open(HOST).wa.sessions.importFromHost();
    expect(report).toMatchObject({ read: 6, created: 3, leftOutTotal: 3, unknownWordsTotal: 0 });
    expect(report.leftOut.map(({ why }) => why).sort()).toEqual(['control_characters', 'empty', 'too_long']);
    expect(await sessionIds()).toEqual(['Shop', 'shop', 'y'.repeat(255)]);
  });

  it.each(['force_generic_plan', 'force_custom_plan'] as const)(
    'are found by the host’s index on every page (%s)',
    async (mode) => {
      for (const [type, value] of Object.entries({ text: `'id-' || n`, integer: 'n', uuid: 'md5(n::text)::uuid' })) {
        await pool.query(`DROP TABLE IF EXISTS host; CREATE TABLE host (id ${type} PRIMARY KEY, status text);
          INSERT INTO host SELECT ${value}, 'x' FROM generate_series(1, 20000) n; ANALYZE host`);
        const explained = explainedPool(at.database, mode);
        const { store } = open(HOST, { pool: explained.pool });
        const { next } = await store.hostSessions!.list({ limit: 1_000 });
        const after = (await store.hostSessions!.list({ after: next!, limit: 1_000 })).next!;
        expect(await explained.rowsOf(() => store.hostSessions!.list({ after, limit: 50 })), type).toBeLessThan(300);
      }
    },
  );
});

describe('what a row says', () => {
  const SEEN = '2024-07-01 12:00:00.123456';

  it.each([
    ['timestamp', undefined, '2024-07-01T12:00:00.123Z'],
    ['timestamp', 'America/Sao_Paulo', '2024-07-01T15:00:00.123Z'],
    ['timestamp', 'Asia/Kolkata', '2024-07-01T06:30:00.123Z'],
    // In the zone of the session that wrote it.
    ['timestamptz', 'Asia/Kolkata', '2024-07-01T03:00:00.123Z'],
  ])('%s of zone %s is the instant it means, whatever the zone of the connection', async (type, timeZone, instant) => {
    const tokyo = at.database.connect({ options: '-c timezone=Asia/Tokyo' });
    await tokyo.query(`CREATE TABLE host (id int PRIMARY KEY, status text, seen ${type});
      INSERT INTO host VALUES (1, 'CONNECTED', '${SEEN}'), (2, 'CONNECTED', 'infinity'), (3, 'CONNECTED', '-infinity'),
        (4, 'CONNECTED', '0044-03-15 BC'), (5, 'CONNECTED', NULL)`);
    const mapping = { ...HOST, columns: { ...HOST.columns, lastSeenAt: 'seen', timeZone } };
    const { wa, store } = open(mapping, { pool: tokyo });
    expect(await wa.sessions.importFromHost()).toMatchObject({ created: 5 });
    const seen = (await store.sessions.list({ limit: 10 })).map(({ lastSeenAt }) => lastSeenAt?.toISOString() ?? null);
    expect(seen).toEqual([instant, null, null, null, null]);
  });

  it('becomes status, phone and desired state; a word without a status is DISCONNECTED and reported', async () => {
    await addHostRows(pool, ['up', 'off', 'out', 'pairing']);
    await pool.query(`UPDATE "WhatsAppSession" SET "status" = CASE "id" WHEN 'up' THEN 'CONNECTED' WHEN 'off' THEN 'ERROR'
      WHEN 'pairing' THEN 'QR_CODE' ELSE 'DISCONNECTED' END::"WhatsAppSessionStatus", "active" = "id" <> 'off',
      "phoneNumber" = CASE "id" WHEN 'up' THEN '5511999990000' END`);
    const mapping = { ...prismaWhatsAppSession(), status: { QR_CODE: 'CONNECTING' } };
    const { wa, store } = open(mapping);
    expect(await wa.sessions.importFromHost()).toMatchObject({
      created: 4,
      unknownWords: [{ word: 'QR_CODE', sessions: 1 }],
    });
    expect(await store.sessions.list({ limit: 10 })).toMatchObject([
      { id: 'off', status: 'ERROR', desired: 'stopped', evidence: 'unobserved' },
      { id: 'out', status: 'DISCONNECTED', desired: 'running' },
      { id: 'pairing', status: 'DISCONNECTED', desired: 'running' },
      { id: 'up', status: 'CONNECTED', desired: 'running', phone: '5511999990000' },
    ]);
    // What the host wants is not copied: it is asked.
    await pool.query(`UPDATE "WhatsAppSession" SET "active" = true WHERE "id" = 'off'`);
    expect(await store.sessions.get({ ids: ['off'] })).toMatchObject([{ desired: 'running' }]);
    // Importing changes nothing over there.
    expect((await pool.query('SELECT FROM "Audit"')).rows).toHaveLength(5);
  });

  it('null and empty words are no status either, and a word that is left alone is a login', async () => {
    await pool.query(`CREATE TABLE host (id int PRIMARY KEY, status varchar(300));
      INSERT INTO host VALUES (1, NULL), (2, ''), (3, repeat('w', 300)), (4, 'CONNECTED'), (5, 'passkey')`);
    const { store, wa } = open({ ...HOST, leaveAlone: ['passkey'] });
    const { unknownWords, created } = await wa.sessions.importFromHost();
    expect([created, unknownWords.map(({ word, sessions }) => [word?.length ?? null, sessions])]).toEqual([
      5,
      [
        [null, 1],
        [0, 1],
        [256, 1],
      ],
    ]);
    // The host's own word of a login.
    const [login] = await store.sessions.get({ ids: ['5'] });
    expect(login).toMatchObject({ status: 'CONNECTING', mirror: { state: 'in_sync', word: 'passkey' } });
  });
});

describe('a table with rows of other channels', () => {
  it('only rows that fit where are read, however few they are', async () => {
    await pool.query(`CREATE TABLE host (id int PRIMARY KEY, status text, channel text);
      INSERT INTO host SELECT n, 'what', CASE WHEN n % 100 = 0 THEN 'whatsapp' WHEN n % 7 > 0 THEN 'sms' END
      FROM generate_series(1, 5000) n`);
    const { wa } = open({ ...HOST, where: { channel: 'whatsapp' } });
    expect(await wa.sessions.importFromHost()).toMatchObject({ read: 50, created: 50, unknownWordsTotal: 50 });
    const ids = (await sessionIds()).map(Number);
    expect(ids.every((id) => id % 100 === 0)).toBe(true);
  });
});

describe('while others work', () => {
  it('rows that come and go leave no other out, and count once', async () => {
    await pool.query(`CREATE TABLE host (id text PRIMARY KEY, status text); ${many(`'id-' || lpad(n::text, 5, '0')`)}`);
    const { wa } = open(HOST);
    let round = 0;
    const jobs: Promise<unknown>[] = [];
    // One behind and one before the place that is read, and one is taken away behind it.
    const onProgress = () => {
      round += 1;
      jobs.push(pool.query(`INSERT INTO host VALUES ('a-${round}', 'x'), ('z-${round}', 'CONNECTED')`));
      jobs.push(pool.query(`DELETE FROM host WHERE id = (SELECT min(id) FROM host WHERE id LIKE 'id-%')`));
    };
    const report = await wa.sessions.importFromHost({ onProgress });
    await Promise.all(jobs);
    expect(round).toBeGreaterThan(5);
    expect(report.created).toBe(report.read);
    const { rows } = await pool.query<{ id: string }>(`SELECT id FROM host WHERE id LIKE 'id-%'`);
    const there = new Set(await sessionIds());
    expect(rows.filter(({ id }) => !there.has(id))).toEqual([]);
    expect(await wa.sessions.importFromHost()).toMatchObject({ created: expect.any(Number), leftOutTotal: 0 });
    expect(await wa.sessions.importFromHost()).toMatchObject({ created: 0 });
  });

  it('two at once make each session once', async () => {
    await pool.query(`CREATE TABLE host (id int PRIMARY KEY, status text); ${many('n')}`);
    const reports = await Promise.all([open(HOST), open(HOST)].map(({ wa }) => wa.sessions.importFromHost()));
    expect(reports.map(({ created, existing }) => created + existing)).toEqual([5_000, 5_000]);
    expect(reports.reduce((sum, { created }) => sum + created, 0)).toBe(5_000);
    expect(await sessionIds()).toHaveLength(5_000);
  });

  it('waits for no row that the host has locked', async () => {
    await addHostRows(pool, ['a', 'b'], 'CONNECTED');
    const { wa } = open(prismaWhatsAppSession(), { timeouts: { statementMs: 1_000, lockMs: 100 } });
    const host = await pool.connect();
    try {
      await host.query('BEGIN; SELECT FROM "WhatsAppSession" FOR UPDATE');
      expect(await wa.sessions.importFromHost()).toMatchObject({ created: 2 });
    } finally {
      await host.query('ROLLBACK');
      host.release();
    }
  });

  it('a table that is locked even for reading is a coded error in time, and the next run finishes', async () => {
    await pool.query(`CREATE TABLE host (id int PRIMARY KEY, status text); ${many('n')}`);
    const { wa, store } = open(HOST, { timeouts: { statementMs: 600, lockMs: 100 } });
    await store.init();
    const host = await pool.connect();
    let asked: Promise<unknown> | null = null;
    const startedMs = performance.now();
    try {
      await host.query('BEGIN');
      const onProgress = ({ read }: { read: number }) => {
        if (read >= 70) asked ??= host.query('LOCK TABLE host IN ACCESS EXCLUSIVE MODE');
      };
      await expect(wa.sessions.importFromHost({ onProgress })).rejects.toMatchObject({
        code: 'store_timeout',
        retryable: true,
      });
      expect(performance.now() - startedMs).toBeLessThan(5_000);
      await untilNobodyWaits();
    } finally {
      await asked;
      await host.query('ROLLBACK');
      host.release();
    }
    const { length } = await sessionIds();
    expect(length).toBeGreaterThanOrEqual(70);
    expect(length).toBeLessThan(5_000);
    expect(await wa.sessions.importFromHost()).toMatchObject({ created: 5_000 - length, existing: length });
  });

  /** What was given up leaves no statement behind in the queue of the lock. */
  async function untilNobodyWaits(): Promise<void> {
    for (const endsAt = performance.now() + 5_000; performance.now() < endsAt; ) {
      const { rowCount } = await pool.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      if (rowCount === 0) return;
    }
    throw new Error('a statement still waits');
  }
});

describe('a table of 50,000 rows', () => {
  it('is read and created page by page, and texts of any length are cut by the server', async () => {
    await pool.query(`CREATE TABLE host (id int PRIMARY KEY, status text, phone text);
      INSERT INTO host SELECT n, 'CONNECTED', repeat('9', 100000) FROM generate_series(1, 200) n;
      INSERT INTO host SELECT n, 'CONNECTED', '5511' || n FROM generate_series(201, 50000) n`);
    const { wa } = open({ ...HOST, columns: { ...HOST.columns, phone: 'phone' } });
    expect(await wa.sessions.importFromHost()).toMatchObject({ read: 50_000, created: 50_000 });
    expect(await wa.sessions.importFromHost({ dryRun: true })).toMatchObject({ created: 0, existing: 50_000 });
    const { rows } = await pool.query('SELECT max(length(phone)) AS longest FROM wa_sync.session');
    expect(rows).toEqual([{ longest: 255 }]);
  });
});

it('nothing is mapped: the error names the option', async () => {
  const store = createPostgresStore({ pool });
  onTestFinished(() => store.close());
  expect(store.hostSessions).toBeUndefined();
  const wa = createWaSync({ store, logger: silentLogger, clock: createManualClock() });
  await expect(wa.sessions.importFromHost()).rejects.toMatchObject({ code: 'not_supported' });
});
