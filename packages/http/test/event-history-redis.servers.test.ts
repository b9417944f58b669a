import { createRedisStore } from '@wa-sync/redis';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { freshPrefix, startRedis, type TestServer } from '../../redis/test/start-redis.js';
import { dropKeys } from '../../redis/test/store-harness.js';
import { describeEventHistory } from './describe-event-history.js';

let server: TestServer;
let prefix: string;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server?.stop());
beforeEach(() => {
  prefix = freshPrefix();
});

describeEventHistory('GET /events of replicas on one Redis', async () =>
  createRedisStore({ client: server.connect(), prefix }),
);

// After the replicas of a test have stopped, which the suite's own hook does: hooks run in reverse order.
afterEach(() => dropKeys(server.connect(), prefix));
