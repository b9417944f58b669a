import { describeAuthStore, describeLeaseStore, describeSessionStore } from '@wa-sync/testing/conformance';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { createRedisStore } from '../src/index.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';
import { dropKeys, shiftStoreTime } from './store-harness.js';

let server: TestServer;
let clients: Redis[];

beforeAll(async () => {
  server = await startRedis();
  clients = [server.connect(), server.connect()];
});
afterAll(() => server.stop());

async function create() {
  const [client, second] = clients as [Redis, Redis];
  const prefix = freshPrefix();
  const store = createRedisStore({ client, prefix });
  await store.init();
  const others = [store];
  return {
    store,
    advance: (ms: number) => shiftStoreTime(client, prefix, ms),
    async another() {
      const other = createRedisStore({ client: second, prefix });
      await other.init();
      others.push(other);
      return other;
    },
    async close() {
      for (const other of others) await other.close();
      await dropKeys(client, prefix);
    },
  };
}

const suite = { name: 'redis 7', create, capabilities: { durable: true, shared: true, mirror: false } };
describeSessionStore(suite);
describeLeaseStore(suite);
describeAuthStore(suite);
