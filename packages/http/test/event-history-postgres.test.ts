import { createPostgresStore } from '@wa-sync/postgres';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { startPostgres, type TestDatabase, type TestServer } from '../../postgres/test/start-postgres.js';
import { describeEventHistory } from './describe-event-history.js';

let server: TestServer;
let database: TestDatabase;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.stop());
beforeEach(async () => {
  database = await server.createDatabase();
});

describeEventHistory('GET /events of replicas on one Postgres', async () =>
  createPostgresStore({ pool: database.connect({ max: 5 }) }),
);

// After the replicas of a test have stopped, which the suite's own hook does: hooks run in reverse order.
afterEach(() => database.drop());
