import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  createPostgresStore,
  evolutionInstance,
  prismaWhatsAppSession,
  type SessionsMirror,
  whaticketWhatsapps,
} from '../src/index.js';
import { addHostRows, PRISMA_TABLES } from './host-table.js';
import { useDatabase } from './use-database.js';

const at = useDatabase();
let pool: pg.Pool;

beforeEach(async () => {
  pool = at.database.pool;
});

async function write(sessions: SessionsMirror, ids: readonly string[], fields: Parameters<typeof change>[0]) {
  const store = createPostgresStore({ pool, mirror: { sessions } });
  await store.init();
  const held = await holdSessions(store, await joinReplica(store), ids, fields);
  return { store, states: Object.fromEntries(held.map(({ id, mirror }) => [id, mirror.state])) };
}

describe('ids of the host', () => {
  const uuid = '6f1b2c3d-0000-4000-8000-00000000000a';
  const types: [string, string[], string[]][] = [
    ['uuid', [uuid], ['not-a-uuid', uuid.toUpperCase(), `${uuid} `]],
    ['integer', ['7', '2147483647', '-1'], ['07', ' 7', '2147483648', '7.0', 'x', '99999999999999999999']],
    ['bigint', ['9223372036854775807'], ['9223372036854775808', '٣']],
    ['smallint', ['32767'], ['32768']],
    ['varchar(5)', ['abcde', 'ção'], ['abcdef', 'ABCDE']],
    ['char(5)', ['abcde'], ['abcdef']],
    ['text COLLATE "en-x-icu"', ['abc'], ['ABC']],
  ];
  it.each(types)(
    'of type %s match the ids they are, and others match nothing and fail nothing',
    async (type, known, unknown) => {
      await pool.query(`CREATE TABLE "Order" ("select" ${type} PRIMARY KEY, "from" text NOT NULL DEFAULT '')`);
      await pool.query(`INSERT INTO "Order" ("select") SELECT id::${type} FROM unnest($1::text[]) id`, [known]);
      const sessions = { table: 'Order', columns: { id: 'select', status: 'from' } };
      const { states, store } = await write(sessions, [...known, ...unknown], {});
      const expected = [...known.map((id) => [id, 'in_sync']), ...unknown.map((id) => [id, 'missing'])];
      expect(states).toEqual(Object.fromEntries(expected));
      const { rows } = await pool.query(`SELECT DISTINCT "from" FROM "Order"`);
      expect(rows).toEqual([{ from: 'CONNECTED' }]);
      expect(await store.sessions.list({ limit: 100 })).toHaveLength(known.length + unknown.length);
    },
  );

  it.each([
    ['uuid', undefined],
    ['integer', undefined],
    ['text', undefined],
    ['text', { kind: 'whatsapp' }],
  ])('of type %s are found by the host’s own index, where %j', async (type, where) => {
    await pool.query(`CREATE TABLE host (id ${type} PRIMARY KEY, status text, kind text); CREATE INDEX ON host (kind)`);
    const value = {
      uuid: `('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid`,
      integer: 'n',
      text: `'id-' || n`,
    };
    await pool.query(`INSERT INTO host SELECT ${value[type as keyof typeof value]} FROM generate_series(1, 20000) n`);
    const ids = (await pool.query<{ id: string }>('SELECT id::text FROM host LIMIT 50')).rows.map(({ id }) => id);
    // So few that their own index would be a way to them.
    await pool.query(`UPDATE host SET kind = 'whatsapp' WHERE id::text = ANY ($1)`, [ids]);
    await pool.query('VACUUM ANALYZE host');
    const { store } = await write({ table: 'host', columns: { id: 'id', status: 'status' }, where }, ids, {});
    const scans = async () => {
      for (const client of await Promise.all(Array.from({ length: 10 }, () => pool.connect()))) {
        await client.query('SELECT pg_stat_force_next_flush()');
        client.release();
      }
      const { rows } = await pool.query(`SELECT seq_scan::int AS scans, (SELECT idx_scan::int FROM pg_stat_user_indexes
        WHERE indexrelname = 'host_kind_idx') AS kinds FROM pg_stat_user_tables WHERE relname = 'host'`);
      return rows[0];
    };
    const before = await scans();
    const held = await store.sessions.get({ ids });
    expect(held.every(({ mirror }) => mirror.state === 'in_sync')).toBe(true);
    const writes = held.map((session) => writeOf(session, change({ status: 'ERROR' })));
    await store.sessions.write({ owner: held[0]?.owner ?? '', writes });
    expect(await scans()).toEqual(before);
  });
});

describe('columns of the host', () => {
  it('that may not be null have an empty text instead, and short ones are cut', async () => {
    await pool.query(
      `CREATE TABLE host (id text PRIMARY KEY, status text NOT NULL, qr text NOT NULL, why varchar(10) NOT NULL)`,
    );
    await pool.query(`INSERT INTO host VALUES ('a', '', 'old', 'old')`);
    const sessions = { table: 'host', columns: { id: 'id', status: 'status', qr: 'qr', reason: 'why' } };
    const { store } = await write(sessions, ['a'], {});
    const read = async () => (await pool.query('SELECT status, qr, why FROM host')).rows[0];
    expect(await read()).toEqual({ status: 'CONNECTED', qr: '', why: '' });
    const [session] = await store.sessions.get({ ids: ['a'] });
    const set = change({ status: 'ERROR', reason: { code: 'client_refused', detail: 'with\0 a NUL' } });
    await store.sessions.write({ owner: session?.owner ?? '', writes: [writeOf(session!, set)] });
    expect(await read()).toEqual({ status: 'ERROR', qr: '', why: 'client_ref' });
  });

  it('of a domain over an enum, in another schema, with words of the host’s own', async () => {
    await pool.query(`CREATE SCHEMA "My App"; CREATE TYPE "My App"."Estado" AS ENUM ('on', 'off', 'it''s \\ odd');
      CREATE DOMAIN "My App".estado AS "My App"."Estado" NOT NULL;
      CREATE TABLE "My App"."Números" (id text PRIMARY KEY, "Status" "My App".estado, "seen" timestamptz);
      INSERT INTO "My App"."Números" VALUES ('a', 'off')`);
    const off = `it's \\ odd`;
    const { store } = await write(
      {
        table: 'My App.Números',
        columns: { id: 'id', status: 'Status', lastSeenAt: 'seen' },
        status: {
          CONNECTED: 'on',
          CONNECTING: 'off',
          RECONNECTING: 'off',
          QR_CODE: 'off',
          DISCONNECTED: off,
          LOGGED_OUT: 'off',
          REPLACED: 'off',
          ERROR: 'off',
        },
      },
      ['a'],
      {},
    );
    const read = async () => (await pool.query(`SELECT "Status"::text AS s FROM "My App"."Números"`)).rows[0].s;
    expect(await read()).toBe('on');
    const [session] = await store.sessions.get({ ids: ['a'] });
    const owner = session?.owner ?? '';
    await store.sessions.release({ owner, unobservedIds: [], reason: { code: 'shutdown' } });
    expect(await read()).toBe(off);
  });
});

describe('presets', () => {
  it('fit whaticket’s table', async () => {
    await pool.query(`CREATE TABLE "Whatsapps" (id serial PRIMARY KEY, session text, qrcode text, status varchar(255),
      battery varchar(255), "createdAt" timestamptz NOT NULL DEFAULT now(), "updatedAt" timestamptz NOT NULL DEFAULT now(),
      name varchar(255) NOT NULL UNIQUE); INSERT INTO "Whatsapps" (name) VALUES ('one')`);
    await write(whaticketWhatsapps(), ['1'], { status: 'QR_CODE', qr: '2@x' });
    expect((await pool.query('SELECT status, qrcode FROM "Whatsapps"')).rows).toEqual([
      { status: 'qrcode', qrcode: '2@x' },
    ]);
  });

  it('fit Evolution’s table', async () => {
    await pool.query(`CREATE TYPE "InstanceConnectionStatus" AS ENUM ('open', 'close', 'connecting');
      CREATE TABLE "Instance" (id text PRIMARY KEY, name varchar(255) NOT NULL UNIQUE,
        "connectionStatus" "InstanceConnectionStatus" NOT NULL DEFAULT 'open', "ownerJid" varchar(100), number varchar(100),
        "createdAt" timestamp DEFAULT now(), "updatedAt" timestamp); INSERT INTO "Instance" VALUES ('1', 'one')`);
    await write(evolutionInstance(), ['one'], { status: 'LOGGED_OUT', phone: '5511999990000' });
    expect((await pool.query('SELECT "connectionStatus" AS s, number FROM "Instance"')).rows).toEqual([
      { s: 'close', number: '5511999990000' },
    ]);
  });
});

describe('the view for the host’s own migrations', () => {
  it('shows its table with the effective status', async () => {
    await pool.query(PRISMA_TABLES);
    await addHostRows(pool, ['a', 'unknown']);
    const { store } = await write(prismaWhatsAppSession(), ['a'], {});
    const sql = await store.hostViewSql();
    await pool.query(sql ?? '');
    await pool.query(sql ?? '');
    const read = async () =>
      (
        await pool.query(
          `SELECT "id", "status", "sessionName", "waSyncEvidence" AS evidence FROM "WhatsAppSessionEffective" ORDER BY "id"`,
        )
      ).rows;
    const unknown = { id: 'unknown', status: 'DISCONNECTED', sessionName: 'name of unknown', evidence: null };
    expect(await read()).toEqual([
      { id: 'a', status: 'CONNECTED', sessionName: 'name of a', evidence: 'observed' },
      unknown,
    ]);
    await pool.query(`UPDATE wa_sync.replica SET beat_at = beat_at - interval '31 seconds'`);
    expect(await read()).toEqual([
      { id: 'a', status: 'DISCONNECTED', sessionName: 'name of a', evidence: 'expired' },
      unknown,
    ]);
  });
});
