import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LocalPostgres, startPostgres } from '@wa-sync/dev/servers/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHostApp, type HostApp } from '../create-host-app.js';

const OWN_POOL = 'give a pool beside it: new pg.Pool({ connectionString: process.env.DATABASE_URL })';
const TYPEORM = 'a TypeORM DataSource: after dataSource.initialize() give dataSource.driver.master, or a new pg.Pool';
const SEQUELIZE = `a Sequelize instance: its pool is not one of pg: ${OWN_POOL}`;

/** What it is, and the fix. The one of Prisma is held where a client is generated at every `npm test`. */
const SAID: Readonly<Record<string, string>> = {
  'Sequelize, not connected': SEQUELIZE,
  'TypeORM, not initialized': TYPEORM,
  Sequelize: SEQUELIZE,
  TypeORM: TYPEORM,
  'manager of TypeORM': 'a TypeORM EntityManager or QueryRunner: give dataSource.driver.master, or a new pg.Pool',
  Knex: `a Knex instance: its pool is not one of pg: ${OWN_POOL}`,
  'pool of Knex': `Knex' client, or its pool: ${OWN_POOL}`,
  'drizzle on pg': 'a drizzle database: give db.$client',
  'drizzle on postgres.js': `a drizzle database: ${OWN_POOL}`,
  'pg.Client': 'a pg.Client, one connection for everything: give new pg.Pool(…) with the same options',
  MikroORM: `a MikroORM instance: ${OWN_POOL}`,
  'postgres.js': `a function of postgres.js: ${OWN_POOL}`,
  Kysely: 'a Kysely instance: give the pg.Pool that its PostgresDialect was made with',
  'pg-promise': 'a pg-promise database: give db.$pool',
};

let postgres: LocalPostgres;
let app: HostApp;

beforeAll(async () => {
  [postgres, app] = await Promise.all([
    startPostgres(),
    createHostApp({
      name: 'orms',
      type: 'module',
      packages: ['@wa-sync/postgres'],
      dependencies: {
        '@mikro-orm/core': '6.6.0',
        '@mikro-orm/postgresql': '6.6.0',
        'drizzle-orm': '0.45.4',
        knex: '3.3.0',
        kysely: '0.28.9',
        pg: '8.23.1',
        'pg-promise': '12.7.1',
        postgres: '3.4.9',
        'reflect-metadata': '0.2.2',
        sequelize: '6.37.8',
        typeorm: '1.1.1',
      },
      files: {
        'give-as-pool.mjs': await readFile(join(import.meta.dirname, '../give-as-pool.mjs'), 'utf8'),
      },
    }),
  ]);
});
afterAll(() => Promise.all([app?.remove(), postgres?.stop()]));

describe('a connection that is no pool', () => {
  it('is refused in one line that names it and the fix, and the fix is taken', async () => {
    const env = { DATABASE_URL: postgres.url() };
    const { output } = await app.run('node', ['give-as-pool.mjs'], { env });
    const lines = [...output.matchAll(/^REFUSED (.*)$/gm)].map(([, json = '']) => JSON.parse(json));
    const wanted = Object.entries(SAID).map(([name, said]) => ({
      name,
      code: 'config_invalid',
      message: `Option pool takes a pg.Pool, or a PGlite instance; this is ${said}`,
    }));
    expect(lines).toEqual(wanted);
    expect(output).toContain('FIXES FIT');
  });
});
