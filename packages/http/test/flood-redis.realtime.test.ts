import { createRedisStore } from '@wa-sync/redis';
import { afterAll, beforeAll } from 'vitest';
import { freshPrefix, startRedis, type TestServer } from '../../redis/test/start-redis.js';
import { dropKeys } from '../../redis/test/store-harness.js';
import { describeFlood } from './describe-flood.js';

let server: TestServer;
const prefix = freshPrefix();
beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await dropKeys(server.connect(), prefix);
  await server.stop();
});

describeFlood('two replicas on one Redis', async () => createRedisStore({ client: server.connect(), prefix }));
