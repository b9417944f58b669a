/**
 * Why a mapped table cannot be used: the finding names the right cause and a fix that works, at the start and in
 * `checkMirror`.
 */
import { isWaSyncError } from '@wa-sync/core';
import { holdSessions, joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStoreOptions, prismaWhatsAppSession } from '../src/index.js';
import { addHostRows, PRISMA_TABLES, readHostRow } from './host-table.js';
import { useDatabase } from './use-database.js';

const at = useDatabase({
  prepare: async (pool) => {
    await pool.query(PRISMA_TABLES);
    await createPostgresStore({ pool }).init();
  },
});
const sessions = prismaWhatsAppSession();
let role: string;
let app: pg.Pool;

beforeEach(async () => {
  role = `app_${at.database.name}`;
  await at.database.pool.query(`DROP ROLE IF EXISTS ${role}; CREATE ROLE ${role} LOGIN PASSWORD 'x';
    GRANT USAGE ON SCHEMA wa_sync TO ${role}; GRANT ALL ON ALL TABLES IN SCHEMA wa_sync TO ${role};
    GRANT ALL ON ALL SEQUENCES IN SCHEMA wa_sync TO ${role};
    GRANT SELECT, UPDATE ON "WhatsAppSession" TO ${role}; GRANT INSERT ON "Audit" TO ${role}`);
  app = at.database.connect({ user: role, password: 'x' });
});

const admin = (sql: string) => at.database.pool.query(sql);
const storeOf = (options: Partial<PostgresStoreOptions> = {}) =>
  createPostgresStore({ pool: app, mirror: { sessions }, ...options });

/** What a start says, which is the same as what `checkMirror` finds. */
async function refusal(options: Partial<PostgresStoreOptions> = {}): Promise<string> {
  const store = storeOf(options);
  const errors = (await store.checkMirror()).filter(({ severity }) => severity === 'error');
  try {
    await store.init();
  } catch (error) {
    if (!isWaSyncError(error)) throw error;
    expect(error.message).not.toContain('\n');
    for (const { about, problem, fix } of errors) expect(error.message).toContain(`${about} ${problem}; ${fix}`);
    return `${error.code}: ${error.message}`;
  }
  throw new Error('it did not fail');
}

/** Applies the fix as the text says it, and writes a row through. */
async function worksAfter(fix: string): Promise<void> {
  await admin(fix);
  const store = storeOf();
  await store.init();
  await holdSessions(store, await joinReplica(store), ['a']);
  expect(await readHostRow(at.database.pool, 'a')).toMatchObject({ status: 'CONNECTED' });
}

describe('a table that is not found', () => {
  it('stands in a schema that is not in the search path', async () => {
    await admin('CREATE SCHEMA crm; ALTER TABLE "WhatsAppSession" SET SCHEMA crm');
    expect(await refusal()).toMatch(
      /mirror_invalid: .*table WhatsAppSession is in none of the schemas of the search path \(public\); there is crm\."WhatsAppSession": write table: 'crm.WhatsAppSession'/,
    );
  });

  it('stands in another schema than the one given, or that schema is not there', async () => {
    const other = { sessions: { ...sessions, table: 'wa_sync.WhatsAppSession' } };
    expect(await refusal({ mirror: other })).toContain(
      `is not in schema wa_sync; there is public."WhatsAppSession": write table: 'public.WhatsAppSession'`,
    );
    const none = { sessions: { ...sessions, table: 'nowhere.Numbers' } };
    expect(await refusal({ mirror: none })).toMatch(
      /table nowhere\.Numbers does not exist in database \w+, which has no schema nowhere; create it, or correct the name or the database/,
    );
  });

  it('stands in a schema that the role may not use', async () => {
    await admin('CREATE SCHEMA crm; ALTER TABLE "WhatsAppSession" SET SCHEMA crm');
    const mirror = { sessions: { ...sessions, table: 'crm.WhatsAppSession' } };
    await expect(storeOf({ mirror }).init()).rejects.toMatchObject({
      code: 'store_rights',
      message: expect.stringMatching(/permission denied for schema crm.*GRANT USAGE ON SCHEMA "crm"/),
    });
  });
});

describe('row level security', () => {
  beforeEach(() => addHostRows(at.database.pool, ['a']));

  it('without a policy, for reading and for updates, is named with the fix, which works', async () => {
    await admin('ALTER TABLE "WhatsAppSession" ENABLE ROW LEVEL SECURITY');
    expect(await refusal()).toMatch(
      /store_rights: .*row level security, and no policy lets app_\w+ read its rows; ALTER ROLE/,
    );
    await admin('CREATE POLICY reads ON "WhatsAppSession" FOR SELECT USING (true)');
    const says = await refusal();
    expect(says).toMatch(/row level security, and no policy lets app_\w+ update its rows; /);
    await worksAfter(says.slice(says.indexOf('CREATE POLICY')));
  });

  it('that hides every row, or needs a setting that is not made, is named', async () => {
    await admin(`ALTER TABLE "WhatsAppSession" ENABLE ROW LEVEL SECURITY;
      CREATE POLICY tenant ON "WhatsAppSession" USING ("companyId" = current_setting('app.company', true))`);
    expect(await refusal()).toMatch(/holds rows, and its row level security shows none to app_\w+/);
    await admin(`DROP POLICY tenant ON "WhatsAppSession";
      CREATE POLICY tenant ON "WhatsAppSession" USING ("companyId" = current_setting('app.company'))`);
    expect(await refusal()).toMatch(
      /cannot be read by app_\w+ under its row level security: unrecognized configuration/,
    );
    await worksAfter(`ALTER ROLE ${role} BYPASSRLS`);
  });

  it('that shows some rows is a note, and one that does not meet the role is none', async () => {
    await admin(`ALTER TABLE "WhatsAppSession" ENABLE ROW LEVEL SECURITY;
      CREATE POLICY acme ON "WhatsAppSession" USING ("companyId" = 'acme')`);
    const notes = (await storeOf().checkMirror()).map(({ severity, problem }) => `${severity}: ${problem}`);
    expect(notes[0]).toMatch(
      /^note: has row level security: a row that its policies hide from app_\w+ counts as missing/,
    );
    const own = await storeOf({ pool: at.database.pool }).checkMirror();
    expect(own.map(({ problem }) => problem).join()).not.toContain('row level');
  });
});

describe('something that is no plain table', () => {
  it('a view names the table behind it', async () => {
    await admin(`CREATE VIEW shown AS SELECT * FROM "WhatsAppSession"; GRANT SELECT, UPDATE ON shown TO ${role}`);
    expect(await refusal({ mirror: { sessions: { ...sessions, table: 'shown' } } })).toContain(
      '"public"."shown" is a view; map the table behind it: public."WhatsAppSession"',
    );
  });

  it('a partitioned table works where the id is its key, and says what is missing where it is not', async () => {
    await admin(`CREATE TABLE parts (id text, status text, company text, UNIQUE (id, company)) PARTITION BY LIST (company);
      CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
      CREATE TABLE hashed (id text PRIMARY KEY, status text) PARTITION BY HASH (id);
      CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 1, REMAINDER 0);
      INSERT INTO hashed VALUES ('a', 'DISCONNECTED'); GRANT SELECT, UPDATE ON parts, hashed TO ${role}`);
    const of = (table: string) => ({ mirror: { sessions: { table, columns: { id: 'id', status: 'status' } } } });
    expect(await refusal(of('parts'))).toContain(
      'no unique index of its own, so one id could be many rows; partition the table by',
    );
    const store = storeOf(of('hashed'));
    await holdSessions(store, await joinReplica(store), ['a']);
    expect((await admin('SELECT status FROM hashed')).rows).toEqual([{ status: 'CONNECTED' }]);
  });
});

describe('ids that are no texts', () => {
  it('work as texts, and a note says which ids have no row', async () => {
    await admin(`CREATE TABLE numbered (id serial PRIMARY KEY, status text); INSERT INTO numbered VALUES (7, 'x');
      CREATE TABLE keyed (id uuid PRIMARY KEY, status text); GRANT SELECT, UPDATE ON numbered, keyed TO ${role}`);
    const of = (table: string) => storeOf({ mirror: { sessions: { table, columns: { id: 'id', status: 'status' } } } });
    const store = of('numbered');
    const notes = await store.checkMirror();
    expect(notes.map(({ about, problem, fix }) => `${about} ${problem}; ${fix}`)).toEqual([
      '"public"."numbered"."id" is a whole number (pg_catalog.int4): an id that is none has no row here; use it as a text, String(row.id)',
    ]);
    await holdSessions(store, await joinReplica(store), ['7', 'seven']);
    expect((await admin('SELECT status FROM numbered')).rows).toEqual([{ status: 'CONNECTED' }]);
    const states = (await store.sessions.get({ ids: ['7', 'seven'] })).map(({ mirror }) => mirror.state);
    expect(states).toEqual(['in_sync', 'missing']);
    expect((await of('keyed').checkMirror()).map(({ problem }) => problem)).toEqual([
      'is a uuid: an id in capitals, or that is none, has no row here',
    ]);
  });
});
