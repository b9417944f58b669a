import { WaSyncError } from '@wa-sync/core';
import type { PgPoolLike } from './pg-pool.js';

/** What the option `pool` takes, for the text of errors. */
const TAKES = 'takes a pg.Pool, or a PGlite instance';
const OWN_POOL = 'give a pool beside it: new pg.Pool({ connectionString: process.env.DATABASE_URL })';

/** Something that people give in place of a pool, and how they get one from it. */
interface Mistake {
  readonly what: string;
  readonly fix: string;
  fits(value: object): boolean;
}

/** A property, or `undefined` where a getter throws: some libraries refuse to be asked before they are connected. */
function read(value: unknown, name: string): unknown {
  try {
    return (value as Record<string, unknown> | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}

/** Whether all these methods are there. */
function can(value: unknown, ...names: readonly string[]): boolean {
  return names.every((name) => typeof read(value, name) === 'function');
}

/** Whether any of these keys is there. */
function has(value: object, ...names: readonly string[]): boolean {
  return names.some((name) => read(value, name) !== undefined);
}

/** node-postgres' `Pool`, also under a wrapper that adds to it (OpenTelemetry, Neon, Vercel). */
const isPgPool = (value: unknown) => can(value, 'query', 'connect') && typeof read(value, 'totalCount') === 'number';

/** A pool, or PGlite, on which another library stands. */
const isUsable = (value: unknown) => isPgPool(value) || can(value, 'query', 'exec', 'runExclusive');

/**
 * Recognised by what they can do, never by the name of their class: bundlers rename classes, and versions lie side by
 * side.
 */
const MISTAKES: readonly Mistake[] = [
  {
    what: 'a Promise',
    fix: 'await it first',
    fits: (value) => can(value, 'then'),
  },
  {
    what: 'a Sequelize instance',
    fix: `its pool is not one of pg: ${OWN_POOL}`,
    fits: (value) => can(value, 'define', 'authenticate', 'getQueryInterface'),
  },
  {
    what: 'a TypeORM DataSource',
    fix: 'after dataSource.initialize() give dataSource.driver.master, or a new pg.Pool',
    fits: (value) => can(value, 'createQueryRunner', 'getRepository', 'query'),
  },
  {
    what: 'a TypeORM EntityManager or QueryRunner',
    fix: 'give dataSource.driver.master, or a new pg.Pool',
    fits: (value) =>
      has(value, 'dataSource', 'connection') && can(value, 'query') && has(value, 'broadcaster', 'repositories'),
  },
  {
    what: 'a Prisma client',
    fix: `give the pg.Pool that its adapter PrismaPg was made with, or ${OWN_POOL}`,
    fits: (value) => can(value, '$connect', '$queryRawUnsafe'),
  },
  {
    what: 'a drizzle database',
    fix: 'give db.$client',
    fits: (value) => can(value, 'execute', 'select') && isUsable(read(value, '$client')),
  },
  {
    what: 'a drizzle database',
    fix: OWN_POOL,
    fits: (value) => can(value, 'execute', 'select') && has(value, '$client', 'dialect', '_'),
  },
  {
    what: 'a pg-promise database',
    fix: 'give db.$pool',
    fits: (value) => has(value, '$pool') && can(value, 'oneOrNone'),
  },
  {
    what: 'pg-promise itself',
    fix: 'make a database with it, and give db.$pool',
    fits: (value) => has(value, 'PreparedStatement') && has(value, 'pg') && typeof value === 'function',
  },
  {
    what: 'a Knex instance',
    fix: `its pool is not one of pg: ${OWN_POOL}`,
    fits: (value) => can(value, 'raw') && has(value, 'client', 'schema') && !can(value, 'selectFrom'),
  },
  {
    what: "Knex' client, or its pool",
    fix: OWN_POOL,
    fits: (value) => can(value, 'acquireConnection') || can(value, 'acquire', 'numUsed'),
  },
  {
    what: 'a Slonik pool',
    fix: OWN_POOL,
    fits: (value) => can(value, 'maybeOneFirst'),
  },
  {
    what: 'a Kysely instance',
    fix: 'give the pg.Pool that its PostgresDialect was made with',
    fits: (value) => can(value, 'selectFrom', 'insertInto'),
  },
  {
    what: 'a MikroORM instance',
    fix: OWN_POOL,
    fits: (value) => has(value, 'em') && can(value, 'getMetadata'),
  },
  {
    what: 'a function of postgres.js',
    fix: OWN_POOL,
    fits: (value) => typeof value === 'function' && can(value, 'unsafe', 'reserve', 'begin'),
  },
  {
    what: "Neon's function for queries over HTTP",
    fix: 'give a Pool of @neondatabase/serverless',
    fits: (value) => typeof value === 'function' && can(value, 'unsafe', 'transaction'),
  },
  {
    what: 'a client that a pool has lent',
    fix: 'give the pool itself',
    fits: (value) => can(value, 'query', 'release', 'escapeIdentifier'),
  },
  {
    what: 'a pg.Client, one connection for everything',
    fix: 'give new pg.Pool(…) with the same options',
    fits: (value) => can(value, 'query', 'connect', 'escapeIdentifier') && !isPgPool(value),
  },
  {
    what: 'a MySQL pool',
    fix: 'there is no store for MySQL; sessions can be kept in Postgres or Redis',
    fits: (value) => can(value, 'query', 'getConnection'),
  },
  {
    what: 'a MongoDB client',
    fix: 'there is no store for MongoDB; sessions can be kept in Postgres or Redis',
    fits: (value) => can(value, 'startSession', 'db'),
  },
  {
    what: 'a Redis client',
    fix: 'use createRedisStore({ client }) of @wa-sync/redis',
    fits: (value) => can(value, 'hset', 'sendCommand') || can(value, 'hSet', 'sendCommand'),
  },
  {
    what: 'the class pg.Pool, or the module pg',
    fix: 'make one of it: new pg.Pool({ connectionString: process.env.DATABASE_URL })',
    fits: (value) =>
      has(value, 'Pool') || (typeof value === 'function' && can(read(value, 'prototype'), 'query', 'connect')),
  },
  {
    what: 'a pool that was ended',
    fix: 'make a new one, and call its end() after wa.stop() and store.close()',
    fits: (value) => isPgPool(value) && (read(value, 'ended') === true || read(value, 'ending') === true),
  },
  {
    what: 'options of a connection',
    fix: 'make a pool of them: new pg.Pool(options)',
    fits: (value) =>
      !can(value, 'query') && has(value, 'connectionString', 'host', 'database', 'user', 'url', 'port', 'max'),
  },
];

/**
 * Why this is no pool that can be used, in words that name what it is and never show what is in it; `null` where it is
 * one.
 */
export function judgePool(value: unknown): string | null {
  if (value === undefined || value === null) return `${TAKES}; nothing was given`;
  if (typeof value === 'string' || value instanceof URL) {
    return `${TAKES}; this is a connection string: make a pool of it, new pg.Pool({ connectionString })`;
  }
  if (typeof value !== 'object' && typeof value !== 'function') return TAKES;
  const mistake = MISTAKES.find(({ fits }) => fits(value));
  if (mistake !== undefined) return `${TAKES}; this is ${mistake.what}: ${mistake.fix}`;
  return can(value, 'query') ? null : TAKES;
}

/**
 * Checks the pool of the functions that take it without a store.
 *
 * @throws WaSyncError `config_invalid`
 */
export function checkPool(pool: PgPoolLike): PgPoolLike {
  const wrong = judgePool(pool);
  if (wrong === null) return pool;
  throw new WaSyncError('config_invalid', `Option pool ${wrong}`);
}
