/**
 * Options of a host's own client that change how values come back or how statements run: everything works all the
 * same.
 */
import { joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { useEveryPart } from '../../redis/test/use-every-part.js';
import {
  createPostgresStore,
  migrationSql,
  type PgPoolLike,
  planMigrations,
  prismaWhatsAppSession,
  readReplicas,
} from '../src/index.js';
import { addHostRows, PRISMA_TABLES, readHostRow } from './host-table.js';
import { useDatabase } from './use-database.js';

const at = useDatabase({ prepare: (pool) => pool.query(PRISMA_TABLES) });

/** bool, bytea, int8, int4, text, json, float8, _text, timestamp, timestamptz and jsonb. */
const TYPES = [16, 17, 20, 23, 25, 114, 701, 1009, 1114, 1184, 3802];
const strange = (value: unknown) => ({ strange: value });

afterEach(() => {
  pg.defaults.binary = false;
});

/** Uses every part of a store on this pool, and reads credentials and the host's row. */
async function playOn(pool: PgPoolLike): Promise<void> {
  await addHostRows(at.database.pool, ['held']);
  const store = createPostgresStore({ pool, mirror: { sessions: prismaWhatsAppSession() } });
  await store.init();
  const owner = await joinReplica(store);
  await useEveryPart(store, owner);
  const value = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  await store.auth.write({ sessionId: 'held', tenure: null, entries: [{ type: 'creds', id: 'x', value }] });
  const read = await store.auth.read({ sessionId: 'held', type: 'creds', ids: ['x'] });
  expect([...(read.get('x') ?? [])]).toEqual([...value]);
  expect((await store.sessions.get({ ids: ['held'] }))[0]).toMatchObject({
    status: 'CONNECTED',
    mirror: { state: 'in_sync' },
  });
  expect(await readHostRow(at.database.pool, 'held')).toMatchObject({ status: 'CONNECTED' });
  expect(await store.sessions.remove({ id: 'old' })).toBe(true);
  await store.close();
}

describe('works on a pool', () => {
  it('with parsers of its own', async () => {
    await playOn(at.database.connect({ types: { getTypeParser: () => strange } as pg.CustomTypesConfig }));
  });

  it('in a process with parsers for all pools', async () => {
    const before = TYPES.map((type) => [type, pg.types.getTypeParser(type)] as const);
    for (const type of TYPES) pg.types.setTypeParser(type, strange);
    try {
      // What stands beside the store reads texts, so it gets its parser back.
      const pool = at.database.connect();
      const plain = at.database.connect({ types: { getTypeParser: () => String } as pg.CustomTypesConfig });
      expect((await pool.query('SELECT 1::int8 AS n')).rows).toEqual([{ n: { strange: '1' } }]);
      expect((await plain.query('SELECT 1::int8 AS n')).rows).toEqual([{ n: '1' }]);
      const store = createPostgresStore({ pool });
      await store.init();
      const owner = await joinReplica(store);
      await useEveryPart(store, owner);
    } finally {
      for (const [type, parser] of before) pg.types.setTypeParser(type, parser);
    }
  });

  it('that asks for binary results', async () => {
    const pool = at.database.connect({ binary: true } as pg.PoolConfig);
    await playOn(pool);
  });

  it.each([
    ['search_path=nowhere,public', 'search_path'],
    ['timezone=America/Sao_Paulo -c datestyle=german,dmy -c intervalstyle=sql_standard', 'zone and dates'],
    ['bytea_output=escape -c standard_conforming_strings=off -c extra_float_digits=-15', 'texts'],
    ['default_transaction_isolation=serializable', 'isolation'],
    ['default_transaction_isolation=repeatable\\ read', 'isolation'],
    ['statement_timeout=20000 -c lock_timeout=20000 -c idle_in_transaction_session_timeout=20000', 'limits'],
    ['jit=on -c jit_above_cost=0 -c enable_hashjoin=off -c plan_cache_mode=force_generic_plan', 'planner'],
  ])('with options -c %s (%s)', async (options) => {
    await playOn(at.database.connect({ options: `-c ${options}` }));
  });

  it('with query_timeout, and says so where that is what ended a statement', async () => {
    await playOn(at.database.connect({ query_timeout: 20_000, statement_timeout: 20_000 }));
    const pool = at.database.connect({ query_timeout: 100 });
    const store = createPostgresStore({ pool, mirror: { sessions: prismaWhatsAppSession() } });
    const locker = await at.database.pool.connect();
    try {
      await locker.query('BEGIN');
      await locker.query('LOCK TABLE wa_sync.session');
      await expect(store.sessions.list({ limit: 1 })).rejects.toMatchObject({
        code: 'store_timeout',
        retryable: true,
        message: expect.stringContaining('its option query_timeout'),
      });
    } finally {
      await locker.query('ROLLBACK');
      locker.release();
    }
  });
});

describe('says in one line what is in the way', () => {
  it('where the pool may only read', async () => {
    const pool = at.database.connect({ options: '-c default_transaction_read_only=on' });
    await expect(createPostgresStore({ pool }).init()).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringMatching(/only reads here: .*set default_transaction_read_only off/),
    });
  });

  it('where the pool was ended, before and after the store was made', async () => {
    const pool = at.database.connect();
    const store = createPostgresStore({ pool });
    await store.init();
    await pool.end();
    const says = expect.stringMatching(/the pool was ended; call pool\.end\(\) after wa\.stop\(\)/);
    await expect(store.sessions.list({ limit: 1 })).rejects.toMatchObject({ code: 'store_unreachable', message: says });
    expect(() => createPostgresStore({ pool })).toThrow(/a pool that was ended: make a new one/);
  });

  it('where query() returns something else than rows', async () => {
    const pool = { query: async () => [[], {}] } as unknown as PgPoolLike;
    await expect(createPostgresStore({ pool }).init()).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringMatching(/Option pool takes a pg.Pool.*returned no \{ rows \}/),
    });
  });
});

describe('what people give in place of a pool is refused by its name', () => {
  const url = 'postgres://me:hush-hush@127.0.0.1:1/app';
  const given: [string, () => unknown, RegExp][] = [
    ['nothing', () => undefined, /nothing was given/],
    ['a connection string', () => url, /a connection string: make a pool of it, new pg\.Pool/],
    ['a URL', () => new URL(url), /a connection string/],
    ['options', () => ({ connectionString: url, max: 5 }), /options of a connection: make a pool of them/],
    ['a client', () => new pg.Client(url), /a pg\.Client, one connection for everything: give new pg\.Pool/],
    ['the class', () => pg.Pool, /the class pg\.Pool, or the module pg: make one of it/],
    ['the module', () => pg, /the class pg\.Pool, or the module pg/],
    ['a promise', () => Promise.resolve(new pg.Pool()), /a Promise: await it first/],
    ['an empty object', () => ({}), /takes a pg\.Pool, or a PGlite instance$/],
  ];
  it.each(given)('%s', (_, make, says) => {
    const pool = make() as PgPoolLike;
    expect(() => createPostgresStore({ pool })).toThrow(says);
    expect(() => createPostgresStore({ pool })).toThrow(/^Option pool takes (?!.*hush)/);
  });

  it('a client that a pool has lent, and by the functions that take a pool without a store', async () => {
    const lent = await at.database.pool.connect();
    const pool = lent as unknown as PgPoolLike;
    expect(() => createPostgresStore({ pool })).toThrow(/a client that a pool has lent: give the pool itself/);
    await expect(planMigrations({ pool })).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(readReplicas({ pool })).rejects.toMatchObject({ code: 'config_invalid' });
    lent.release();
  });
});

describe('the name of the schema', () => {
  it.each(["wa'sync; DROP", 'select', 'WaSync', 'ação', 'wa.sync', '$1', '$$', '%I', 'wa\\sync', 'a'.repeat(63)])(
    'may be %j, which is quoted everywhere',
    async (schema) => {
      const store = createPostgresStore({ pool: at.database.pool, schema });
      await store.init();
      await useEveryPart(store, await joinReplica(store));
      expect((await planMigrations({ pool: at.database.pool, schema })).pending).toEqual([]);
      expect((await readReplicas({ pool: at.database.pool, schema })).replicas).toHaveLength(1);
      const { rows } = await at.database.pool.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
      expect(rows).toHaveLength(1);
      await store.close();
    },
  );

  it.each(['wa-sync"; drop', '', 'a'.repeat(64), 'ç'.repeat(32), 'a\nb', 'pg_sync', 'information_schema'])(
    'is refused in one line where Postgres cannot have it: %j',
    async (schema) => {
      const says = /^Option schema takes the name of a schema of its own: 1 to 63 bytes [^\n]*$/;
      expect(() => createPostgresStore({ pool: at.database.pool, schema })).toThrow(says);
      await expect(planMigrations({ pool: at.database.pool, schema })).rejects.toThrow(says);
      await expect(readReplicas({ pool: at.database.pool, schema })).rejects.toThrow(says);
      expect(() => migrationSql({ schema })).toThrow(says);
    },
  );
});
