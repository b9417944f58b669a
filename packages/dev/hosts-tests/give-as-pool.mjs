// Gives the connection that each library makes as `pool`, and prints what wa-sync has to say. It is copied into an app
// of the test and run there.
import 'reflect-metadata';
import { MikroORM } from '@mikro-orm/postgresql';
import { createPostgresStore } from '@wa-sync/postgres';
import { drizzle } from 'drizzle-orm/node-postgres';
import { drizzle as drizzleOnPostgresJs } from 'drizzle-orm/postgres-js';
import knex from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import pgPromise from 'pg-promise';
import postgres from 'postgres';
import { Sequelize } from 'sequelize';
import { DataSource } from 'typeorm';

const url = process.env.DATABASE_URL;
const pool = new pg.Pool({ connectionString: url });
const sequelize = new Sequelize(url, { logging: false });
const dataSource = new DataSource({ type: 'postgres', url });
const byKnex = knex({ client: 'pg', connection: url });
const byPostgresJs = postgres(url);
const client = new pg.Client(url);
const orm = await MikroORM.init({ clientUrl: url, entities: [], discovery: { warnWhenNoEntities: false } });
const kysely = new Kysely({ dialect: new PostgresDialect({ pool }) });
const promised = pgPromise()(url);

/** As a host has them after its start, and some before. */
const given = {
  'Sequelize, not connected': sequelize,
  'TypeORM, not initialized': dataSource,
};
refuse(given);
await sequelize.authenticate();
await dataSource.initialize();
await client.connect();

await byKnex.raw('SELECT 1');
await byPostgresJs`SELECT 1`;
refuse({
  Sequelize: sequelize,
  TypeORM: dataSource,
  'manager of TypeORM': dataSource.manager,
  Knex: byKnex,
  'pool of Knex': byKnex.client.pool,
  'drizzle on pg': drizzle(pool),
  'drizzle on postgres.js': drizzleOnPostgresJs(byPostgresJs),
  'pg.Client': client,
  MikroORM: orm,
  'postgres.js': byPostgresJs,
  Kysely: kysely,
  'pg-promise': promised,
});
// What the words say to give instead is taken.
for (const fix of [dataSource.driver.master, drizzle(pool).$client, promised.$pool, pool]) {
  const store = createPostgresStore({ pool: fix });
  await store.init();
  await store.close();
}
console.log('FIXES FIT');
process.exit(0);

function refuse(connections) {
  for (const [name, connection] of Object.entries(connections)) {
    try {
      createPostgresStore({ pool: connection });
      console.log(`REFUSED ${JSON.stringify({ name, code: 'none', message: '' })}`);
    } catch ({ code, message }) {
      console.log(`REFUSED ${JSON.stringify({ name, code, message })}`);
    }
  }
}
