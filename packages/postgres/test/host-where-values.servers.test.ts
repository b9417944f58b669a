import { holdSessions, joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type RowsWhere } from '../src/index.js';
import { useDatabase } from './use-database.js';

const at = useDatabase();
let pool: pg.Pool;

beforeEach(async () => {
  pool = at.database.pool;
});

function storeWhere(where: RowsWhere, on = pool) {
  const sessions = { table: 'channels', columns: { id: 'id', status: 'state' }, where };
  return createPostgresStore({ pool: on, mirror: { sessions } });
}

/** Ids of the rows that are written. */
async function oursWhere(where: RowsWhere, on = pool): Promise<string[]> {
  const store = storeWhere(where, on);
  await store.init();
  const ids = (await pool.query<{ id: string }>('SELECT id FROM channels ORDER BY id')).rows.map(({ id }) => id);
  const held = await holdSessions(store, await joinReplica(store), ids);
  const { rows } = await pool.query<{ id: string }>(`SELECT id FROM channels WHERE state = 'CONNECTED' ORDER BY id`);
  const written = rows.map(({ id }) => id);
  expect(held.filter(({ mirror }) => mirror.state === 'in_sync').map(({ id }) => id)).toEqual(written);
  await store.close();
  return written;
}

async function channels(type: string, values: Readonly<Record<string, unknown>>, name = 'kind'): Promise<void> {
  const column = `"${name}"`;
  await pool.query(`CREATE TABLE channels (id text PRIMARY KEY, state text NOT NULL DEFAULT '', ${column} ${type})`);
  for (const [id, value] of Object.entries(values)) {
    await pool.query(`INSERT INTO channels (id, ${column}) VALUES ($1, $2)`, [id, value]);
  }
}

describe('where on a column', () => {
  const uuid = '6f1b2c3d-0000-4000-8000-00000000000a';
  const types: [type: string, where: RowsWhere[string], inside: unknown[], outside: unknown[]][] = [
    ['text', 'whatsapp', ['whatsapp'], ['WhatsApp', 'whatsapp ', '', null]],
    ['text', ['', null], ['', null], ['x']],
    ['varchar(9)', ['a', 'b'], ['a', 'b'], ['c', null]],
    ['char(9)', 'whatsapp', ['whatsapp'], ['mail', null]],
    ['boolean', false, [false], [true, null]],
    ['boolean NOT NULL', [true, false], [true, false], []],
    ['smallint', 7, [7], [8, null]],
    ['integer', [-1, 0], [-1, 0], [1, null]],
    ['bigint', '9223372036854775807', ['9223372036854775807'], ['9223372036854775806', null]],
    ['numeric(5,2)', 1.5, ['1.50'], ['1.51', null]],
    ['uuid', uuid.toUpperCase(), [uuid], ['6f1b2c3d-0000-4000-8000-00000000000b', null]],
    ['timestamptz', null, [null], ['2025-01-01']],
    ['jsonb', null, [null], ['{}']],
    ['"Kind"', 'whatsapp', ['whatsapp'], ['mail', null]],
    // Its check takes neither value: a cast to the domain would fail every statement.
    ['kind', ['whatsapp', 'mail'], ['whatsapp'], ['other', null]],
    ['text_kind', ['whatsapp', 'mail'], ['whatsapp'], ['other', null]],
  ];
  it.each(types)('of type %s, %j', async (type, value, inside, outside) => {
    await pool.query(`CREATE TYPE "Kind" AS ENUM ('whatsapp', 'mail', 'other');
      CREATE DOMAIN kind AS "Kind" CHECK (value <> 'mail');
      CREATE DOMAIN text_kind AS text CHECK (value <> 'mail')`);
    const rows = (name: string, values: unknown[]) => values.map((one, index) => [`${name} ${index}`, one]);
    await channels(type, Object.fromEntries([...rows('in', inside), ...rows('out', outside)]));
    expect(await oursWhere({ kind: value })).toEqual(inside.map((_, index) => `in ${index}`));
  });

  it('and another must both fit', async () => {
    await channels('text', { a: 'whatsapp', b: 'whatsapp', c: 'mail' });
    await pool.query(
      `ALTER TABLE channels ADD deleted timestamptz; UPDATE channels SET deleted = now() WHERE id = 'b'`,
    );
    expect(await oursWhere({ kind: 'whatsapp', deleted: null })).toEqual(['a']);
  });
});

describe('where with text that is SQL', () => {
  const ATTEMPTS = [
    `' OR true OR '' = '`,
    `\\' OR true --`,
    `x\\`,
    `'; UPDATE channels SET state = 'CONNECTED'; --`,
    `$1`,
    `$$; DROP TABLE channels; $$`,
    `E'\\047`,
    '/* " */',
  ];
  it.each(ATTEMPTS)('as a value %j is that text', async (text) => {
    await channels('text', { a: text, b: 'mail', c: null });
    expect(await oursWhere({ kind: text })).toEqual(['a']);
  });

  it.each(ATTEMPTS)('as a value %j is that text where backslashes escape', async (text) => {
    await channels('text', { a: text, b: 'mail', c: null });
    const other = at.database.connect({ max: 3, options: '-c standard_conforming_strings=off' });
    expect(await oursWhere({ kind: text }, other)).toEqual(['a']);
  });

  it.each(ATTEMPTS.filter((text) => !text.includes('"')))('as a column %j is that column', async (text) => {
    await channels('text', { a: 'whatsapp', b: 'mail', c: null }, text);
    expect(await oursWhere({ [text]: 'whatsapp' })).toEqual(['a']);
  });

  it.each(ATTEMPTS)('as a column that is not there %j is refused', async (text) => {
    await channels('text', { a: 'whatsapp' });
    expect(() => storeWhere({ [`${text}"`]: 'whatsapp' })).toThrow('takes names of columns');
    if (text.includes('"')) return;
    await expect(storeWhere({ [text]: 'whatsapp' }).init()).rejects.toMatchObject({ code: 'mirror_invalid' });
  });
});

describe('where that does not fit', () => {
  it('is a finding with a fix, as the catalogue has the columns', async () => {
    await pool.query(`CREATE TYPE "Kind" AS ENUM ('whatsapp', 'mail');
      CREATE TABLE channels (id text PRIMARY KEY, state text NOT NULL, kind "Kind", "companyId" int NOT NULL)`);
    const store = storeWhere({ kind: 'zap', companyid: 'x', companyId: 'x', state: 'open' });
    const findings = await store.checkMirror();
    expect(findings.map(({ about, problem, fix }) => [about.split('.').at(-1), problem, fix])).toEqual([
      [
        '"state"',
        'is in mirror.sessions.where and mapped as status: a write of wa-sync could make the row one that is not ours',
        'leave it out of mirror.sessions.where, or do not map it',
      ],
      [
        '"kind"',
        'its enum "Kind" has no word zap (for rows that are ours)',
        'give mirror.sessions.where.kind one of whatsapp, mail, or add the word to the enum',
      ],
      ['"companyid"', 'does not exist (named by mirror.sessions.where)', 'write companyId'],
      [
        '"companyId"',
        'has type pg_catalog.int4, which cannot be "x" (mirror.sessions.where.companyId)',
        'give mirror.sessions.where.companyId a whole number from -2147483648 to 2147483647',
      ],
    ]);
    await expect(store.hostViewSql()).rejects.toMatchObject({ code: 'mirror_invalid' });
  });

  it('names the right to read the column that is lacking, and needs none to write it', async () => {
    await channels('text', { a: 'whatsapp' });
    await storeWhere({ kind: 'whatsapp' }).init();
    const role = `reader_${at.database.name}`;
    await pool.query(`CREATE ROLE "${role}" LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA wa_sync TO "${role}";
      GRANT ALL ON ALL TABLES IN SCHEMA wa_sync TO "${role}"; GRANT SELECT (id, state), UPDATE (state) ON channels TO "${role}"`);
    const asReader = at.database.connect({ max: 3, user: role, password: 'x' });
    const error = await storeWhere({ kind: 'whatsapp' }, asReader)
      .checkMirror()
      .then((findings) => findings.filter(({ severity }) => severity === 'error'));
    expect(error).toMatchObject([{ problem: 'the role has no right to SELECT', rights: true }]);
    await pool.query(`GRANT SELECT (kind) ON channels TO "${role}"`);
    expect(await oursWhere({ kind: 'whatsapp' }, asReader)).toEqual(['a']);
    await asReader.end();
    await pool.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`);
  });
});
