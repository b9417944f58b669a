import type { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { fromIoredis } from '../src/driver/redis-like.js';
import type { RedisCommand, RedisLike } from '../src/index.js';
import { declareConformance } from './declare-conformance.js';
import { startRedis, type TestServer } from './start-redis.js';

let server: TestServer;
let clients: [Redis, Redis];

beforeAll(async () => {
  server = await startRedis();
  clients = [server.connect(), server.connect()];
});
afterAll(() => server.stop());

/**
 * Sends every command twice and returns what the second was answered: a connection that breaks before the answer, and
 * a client that sends again what was under way. In a transaction, so that nobody comes in between: then the guards
 * would rightly say something else.
 */
function sendingTwice(client: Redis): RedisLike {
  const once = fromIoredis(client);
  return {
    ...once,
    async send(command: RedisCommand) {
      // Only a reading of credentials, which changes nothing.
      if (command.binary) return once.send(command);
      const [name = '', ...args] = command.args;
      const both = client.multi();
      for (let time = 0; time < 2; time += 1) both.call(String(name), ...args);
      const answers = await both.exec();
      const [error, answer] = answers?.[1] ?? [new Error('no answer'), null];
      if (error !== null) throw error;
      return answer;
    },
  };
}

declareConformance('redis 7 where every command is sent twice', () => ({
  client: sendingTwice(clients[0]),
  second: sendingTwice(clients[1]),
  raw: clients[0],
}));
