import type { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll } from 'vitest';
import { declareConformance } from './declare-conformance.js';
import { startRedis, type TestServer } from './start-redis.js';

let server: TestServer;
let clients: [Redis, Redis];
let nodeRedis: ReturnType<typeof createClient>;

beforeAll(async () => {
  server = await startRedis();
  clients = [server.connect(), server.connect()];
  nodeRedis = createClient({ url: server.url });
  nodeRedis.on('error', () => {});
  await nodeRedis.connect();
});
afterAll(async () => {
  nodeRedis.destroy();
  await server.stop();
});

declareConformance('redis 7 on ioredis', () => ({ client: clients[0], second: clients[1], raw: clients[0] }));

// Both clients on one state, so that what one wrote is read through the other.
declareConformance('redis 7 on node-redis', () => ({ client: nodeRedis, second: clients[1], raw: clients[0] }));
