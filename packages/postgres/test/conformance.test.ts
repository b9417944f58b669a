import {
  describeAuthStore,
  describeCleanupStore,
  describeConversationStore,
  describeHistoryStore,
  describeInboxStore,
  describeJobStore,
  describeLeaseStore,
  describeSessionImport,
  describeSessionStore,
} from '@wa-sync/testing/conformance';
import { afterAll, beforeAll } from 'vitest';
import { createPostgresStore } from '../src/index.js';
import { startPostgres, type TestDatabase, type TestServer } from './start-postgres.js';
import { type PostgresHarness, passStoreTime, shiftButLastSeen, shiftStoreTime } from './store-harness.js';

let server: TestServer;
let template: TestDatabase;

beforeAll(async () => {
  server = await startPostgres();
  template = await server.createDatabase();
  await createPostgresStore({ pool: template.pool }).init();
  await template.pool.end();
});

afterAll(() => server.stop());

async function createWith(advance: typeof shiftStoreTime): Promise<PostgresHarness> {
  const database = await server.createDatabase(template.name);
  const store = createPostgresStore({ pool: database.pool });
  await store.init();
  return {
    store,
    advance: (ms) => advance(database.pool, ms),
    async another() {
      const other = createPostgresStore({ pool: database.connect() });
      await other.init();
      return other;
    },
    close: () => database.drop(),
  };
}

const create = () => createWith(shiftStoreTime);
const createImported = () => createWith(shiftButLastSeen);
const createWaiting = () => createWith(passStoreTime);

const suite = { name: 'postgres 18', create, capabilities: { durable: true, shared: true, mirror: false } };
describeSessionStore(suite);
describeLeaseStore(suite);
describeAuthStore(suite);
describeSessionImport({ ...suite, create: createImported });
describeJobStore({ ...suite, create: createWaiting });
describeCleanupStore(suite);
describeConversationStore(suite);
describeHistoryStore(suite);
describeInboxStore(suite);
