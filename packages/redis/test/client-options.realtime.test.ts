/**
 * Options of a host's own client that change how commands are sent or answers come back: everything works all the
 * same.
 */
import { joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import { Command, Redis, type RedisOptions } from 'ioredis';
import { createClient, createClientPool, RESP_TYPES } from 'redis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createRedisStore, type RedisClient } from '../src/index.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';
import { useEveryPart } from './use-every-part.js';

let server: TestServer;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function playOn(client: RedisClient): Promise<string> {
  const prefix = freshPrefix();
  const store = createRedisStore({ client, prefix });
  await store.init();
  await useEveryPart(store, await joinReplica(store));
  const value = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  await store.auth.write({ sessionId: 'held', tenure: null, entries: [{ type: 'creds', id: 'x', value }] });
  const read = await store.auth.read({ sessionId: 'held', type: 'creds', ids: ['x'] });
  expect([...(read.get('x') ?? [])]).toEqual([...value]);
  const [held] = await store.sessions.get({ ids: ['held'] });
  expect(held).toMatchObject({ status: 'CONNECTED', version: expect.any(Number), createdAt: expect.any(Date) });
  await store.close();
  return prefix;
}

function ioredis(options: RedisOptions): Redis {
  const client = new Redis({ host: '127.0.0.1', port: server.port, ...options });
  client.on('error', () => {});
  ends.push(() => client.disconnect());
  return client;
}

describe('ioredis', () => {
  it.each<[string, RedisOptions]>([
    ['keyPrefix', { keyPrefix: 'shop:' }],
    ['stringNumbers', { stringNumbers: true }],
    ['enableAutoPipelining', { enableAutoPipelining: true }],
    ['showFriendlyErrorStack', { showFriendlyErrorStack: true }],
    ['lazyConnect', { lazyConnect: true }],
    ['enableOfflineQueue: false', { enableOfflineQueue: false }],
    ['lazyConnect and enableOfflineQueue: false', { lazyConnect: true, enableOfflineQueue: false }],
    ['maxRetriesPerRequest: null, as BullMQ asks', { maxRetriesPerRequest: null, enableReadyCheck: false }],
    ['db', { db: 3 }],
    ['commandTimeout', { commandTimeout: 5_000 }],
  ])('works with %s', async (_, options) => {
    await playOn(ioredis(options));
  });

  it('puts keyPrefix before every key, and nothing beside it', async () => {
    const prefix = await playOn(ioredis({ keyPrefix: 'shop:' }));
    const raw = ioredis({});
    expect((await raw.keys(`shop:{${prefix}}:*`)).length).toBeGreaterThan(10);
    expect(await raw.keys(`{${prefix}}:*`)).toEqual([]);
  });

  it('works where replies of other commands are changed', async () => {
    Command.setReplyTransformer('hgetall', () => 'changed');
    await playOn(ioredis({}));
  });

  it('says that commandTimeout ended a call', async () => {
    const store = createRedisStore({ client: ioredis({ commandTimeout: 100 }), prefix: freshPrefix() });
    await store.init();
    const admin = ioredis({});
    await admin.client('PAUSE', 1_000, 'ALL');
    await expect(store.sessions.list({ limit: 1 })).rejects.toMatchObject({
      code: 'store_timeout',
      message: expect.stringContaining('its option commandTimeout'),
    });
  });
});

describe('node-redis', () => {
  const url = () => `redis://127.0.0.1:${server.port}`;

  it.each([
    ['RESP 2', { RESP: 2 as const }],
    ['RESP 3', { RESP: 3 as const }],
    [
      'a mapping of its own',
      { commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.NUMBER]: String } } },
    ],
    ['disableOfflineQueue', { disableOfflineQueue: true }],
  ])('works with %s', async (_, options) => {
    const client = createClient({ url: url(), ...options } as Parameters<typeof createClient>[0]);
    client.on('error', () => {});
    await client.connect();
    ends.push(() => client.destroy());
    await playOn(client as unknown as RedisClient);
  });

  it('works with a pool of clients', async () => {
    const pool = createClientPool({ url: url() });
    pool.on('error', () => {});
    await pool.connect();
    ends.push(() => pool.destroy());
    await playOn(pool as unknown as RedisClient);
  });

  it('says that the client was not connected, and works once it is', async () => {
    const client = createClient({ url: url() });
    const store = createRedisStore({ client: client as unknown as RedisClient, prefix: freshPrefix() });
    await expect(store.init()).rejects.toMatchObject({
      code: 'store_unreachable',
      message: expect.stringMatching(/never connected; call await client\.connect\(\) before wa\.start\(\)/),
    });
    await client.connect();
    ends.push(() => client.destroy());
    await store.init();
  });
});

describe('what people give in place of a client is refused by its name', () => {
  const address = 'redis://me:hush-hush@127.0.0.1:1';
  it.each<[string, () => unknown, RegExp]>([
    ['nothing', () => undefined, /nothing was given/],
    ['an address', () => address, /an address: make a client of it, new Redis/],
    ['options', () => ({ host: '127.0.0.1', port: 1 }), /options of a connection: make a client of them/],
    ['BullMQ’s option', () => ({ connection: { host: '127.0.0.1' } }), /options of a connection/],
    ['the class', () => Redis, /a class or module: make a client of it/],
    ['a promise', () => Promise.resolve({}), /a Promise: await it first/],
    ['the legacy view', () => createClient({ url: address }).legacy(), /the legacy\(\) view of a node-redis client/],
    ['an empty object', () => ({}), /takes an ioredis client or a node-redis client$/],
  ])('%s', (_, make, says) => {
    const client = make() as RedisClient;
    expect(() => createRedisStore({ client })).toThrow(says);
    expect(() => createRedisStore({ client })).toThrow(/^Option client takes (?!.*hush)/);
  });

  it('a pipeline', () => {
    expect(() => createRedisStore({ client: ioredis({}).pipeline() as unknown as RedisClient })).toThrow(
      /give the client itself/,
    );
  });
});
