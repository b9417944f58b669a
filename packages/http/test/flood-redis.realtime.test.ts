import { createRedisStore } from '@wa-sync/redis';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { freshPrefix, startRedis, type TestServer } from '../../redis/test/start-redis.js';
import { dropKeys } from '../../redis/test/store-harness.js';
import { describeFlood } from './describe-flood.js';

let server: TestServer;
let prefix = '';
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(() => {
  prefix = freshPrefix();
});
afterEach(() => dropKeys(server.connect(), prefix));

describeFlood('two replicas on one Redis', async () => createRedisStore({ client: server.connect(), prefix }));
