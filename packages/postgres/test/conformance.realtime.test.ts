import { describeReplicas, describeWholeStore } from '@wa-sync/testing/conformance';
import type pg from 'pg';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { createPostgresStore } from '../src/index.js';
import { startPostgres, type TestDatabase, type TestServer } from './start-postgres.js';
import {
  deleteHeartbeat,
  emptyStore,
  type PostgresHarness,
  passStoreTime,
  shiftButLastSeen,
  shiftStoreTime,
} from './store-harness.js';

let server: TestServer;
let database: TestDatabase;

beforeAll(async () => {
  // A statistic that autovacuum writes would hold the feed of the history back for a moment.
  server = await startPostgres(['-c', 'fsync=off', '-c', 'autovacuum=off']);
  database = await server.createDatabase();
  await createPostgresStore({ pool: database.pool }).init();
});
afterAll(async () => {
  await database.drop();
  await server.stop();
});

// A database a test costs more than the test, so they share one and empty it.
async function createWith(advance: typeof shiftStoreTime): Promise<PostgresHarness> {
  await emptyStore(database.pool);
  const store = createPostgresStore({ pool: database.pool });
  await store.init();
  const others: pg.Pool[] = [];
  return {
    store,
    advance: (ms) => advance(database.pool, ms),
    deleteHeartbeat: (incarnation) => deleteHeartbeat(database.pool, incarnation),
    async another() {
      const pool = database.connect();
      others.push(pool);
      const other = createPostgresStore({ pool });
      await other.init();
      return other;
    },
    async close() {
      await store.close();
      await Promise.all(others.map((pool) => pool.end()));
    },
  };
}

const name = process.env.TEST_POSTGRES_URL ? 'postgres of TEST_POSTGRES_URL' : 'postgres 18';
const suite = {
  name,
  runner: { describe, it },
  create: () => createWith(shiftStoreTime),
  capabilities: { durable: true, shared: true, mirror: false },
};
describeWholeStore({
  ...suite,
  createForImports: () => createWith(shiftButLastSeen),
  createForJobs: () => createWith(passStoreTime),
});
describeReplicas(suite);
