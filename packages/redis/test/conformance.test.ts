import {
  describeAuthStore,
  describeCleanupStore,
  describeConversationStore,
  describeJobStore,
  describeLeaseStore,
  describeSessionStore,
} from '@wa-sync/testing/conformance';
import type { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll } from 'vitest';
import { startRedis, type TestServer } from './start-redis.js';
import { redisHarness } from './store-harness.js';

const capabilities = { durable: true, shared: true, mirror: false };

let server: TestServer;
let clients: [Redis, Redis];

beforeAll(async () => {
  server = await startRedis();
  clients = [server.connect(), server.connect()];
});
afterAll(() => server.stop());

const onIoredis = {
  name: 'redis 7 on ioredis',
  create: () => redisHarness({ client: clients[0], second: clients[1], raw: clients[0] }),
  capabilities,
};
for (const declare of [
  describeSessionStore,
  describeLeaseStore,
  describeAuthStore,
  describeJobStore,
  describeCleanupStore,
  describeConversationStore,
]) {
  declare(onIoredis);
}

let nodeRedis: ReturnType<typeof createClient>;

beforeAll(async () => {
  nodeRedis = createClient({ url: server.url });
  nodeRedis.on('error', () => {});
  await nodeRedis.connect();
});
afterAll(() => nodeRedis.destroy());

// Both clients on one state, so that what one wrote is read through the other.
const onNodeRedis = {
  name: 'redis 7 on node-redis',
  create: () => redisHarness({ client: nodeRedis, second: clients[1], raw: clients[0] }),
  capabilities,
};
describeSessionStore(onNodeRedis);
describeLeaseStore(onNodeRedis);
describeAuthStore(onNodeRedis);
