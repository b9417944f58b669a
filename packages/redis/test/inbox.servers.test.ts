import { randomUUID } from 'node:crypto';
import { silentLogger } from '@wa-sync/core';
import { type FaultProxy, startFaultProxy } from '@wa-sync/dev/faults';
import { holdSessions, joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { fromIoredis } from '../src/driver/redis-like.js';
import { subscribeIoredis, subscribeNodeRedis } from '../src/driver/subscribe.js';
import { createRedisStore, type RedisClient, type RedisStore } from '../src/index.js';
import { listenForNotifications } from '../src/ports/listen-for-notifications.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';

let server: TestServer;
let proxy: FaultProxy;
let raw: Redis;

beforeAll(async () => {
  server = await startRedis();
  proxy = await startFaultProxy({ port: server.port });
  raw = server.connect();
});
afterAll(async () => {
  await proxy.close();
  await server.stop();
});

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 15_000, interval: 10 });

/** Connections of the server that listen to a channel. */
const subscribers = async (prefix: string) => {
  const [, count] = (await raw.call('PUBSUB', 'NUMSUB', `{${prefix}}:wake`)) as [string, number];
  return count;
};

interface Client {
  readonly client: RedisClient;
  end(): Promise<void>;
}

const kinds: [string, () => Promise<Client>][] = [
  [
    'ioredis',
    async () => {
      const client = new Redis({ host: '127.0.0.1', port: proxy.port, retryStrategy: () => 5 });
      client.on('error', () => {});
      return { client, end: async () => client.disconnect() };
    },
  ],
  [
    'node-redis',
    async () => {
      const client = createClient({ url: `redis://127.0.0.1:${proxy.port}` });
      client.on('error', () => {});
      await client.connect();
      return { client, end: async () => client.destroy() };
    },
  ],
];

describe.each(kinds)('notifications on %s', (_, connect) => {
  let own: Client;
  let prefix: string;
  let [store, other]: RedisStore[] = [];
  let owner: string;

  beforeEach(async () => {
    proxy.plan(null);
    proxy.heal();
    own = await connect();
    prefix = freshPrefix();
    store = createRedisStore({ client: own.client, prefix });
    other = createRedisStore({ client: raw, prefix });
    owner = await joinReplica(store);
    await holdSessions(store, owner, ['s']);
  });
  afterEach(async () => {
    await store?.close();
    await other?.close();
    await own.end();
  });

  const ask = () =>
    other!.inbox.ask({
      asker: 'x',
      requests: [{ id: randomUUID(), sessionId: 's', kind: 'sync' }],
      ttlMs: 10_000,
    });

  it('come on one connection for all that listen, which ends with the last of them', async () => {
    const heard = { first: 0, second: 0, stranger: 0 };
    const listen = (incarnation: string, who: keyof typeof heard) =>
      store!.inbox.listen!({
        incarnation,
        notify: () => {
          heard[who] += 1;
        },
      });
    const stops = [await listen(owner, 'first'), await listen(owner, 'second'), await listen('else', 'stranger')];
    expect(await subscribers(prefix)).toBe(1);
    const before = { ...heard };
    await ask();
    await until(() => expect(heard).toMatchObject({ first: before.first + 1, second: before.second + 1 }));
    expect(heard.stranger).toBe(before.stranger);
    for (const stop of stops.slice(0, 2)) stop();
    expect(await subscribers(prefix)).toBe(1);
    stops[2]?.();
    await until(async () => expect(await subscribers(prefix)).toBe(0));
  });

  it('come again after a cut, and what came meanwhile is woken for', async () => {
    let heard = 0;
    const wake = () => {
      heard += 1;
    };
    await store!.inbox.listen!({ incarnation: owner, notify: wake });
    proxy.apply({ kind: 'reset' });
    await until(async () => expect(await subscribers(prefix)).toBe(0));
    heard = 0;
    await ask();
    await until(() => expect(heard).toBeGreaterThan(0));
    await until(async () => expect(await subscribers(prefix)).toBe(1));
    heard = 0;
    await ask();
    await until(() => expect(heard).toBe(1));
  });

  it('end with the store, and with a client that is ended without a word', async () => {
    await store!.inbox.listen!({ incarnation: owner, notify: () => {} });
    await store!.close();
    await until(async () => expect(await subscribers(prefix)).toBe(0));
    const again = createRedisStore({ client: own.client, prefix });
    await again.inbox.listen!({ incarnation: owner, notify: () => {} });
    expect(await subscribers(prefix)).toBe(1);
    await own.end();
    await until(async () => expect(await subscribers(prefix)).toBe(0));
    own = await connect();
  });

  it('are asked for again where the link died without a word', async () => {
    const subscribe = subscribeIoredis(own.client) && 'status' in own.client ? subscribeIoredis : subscribeNodeRedis;
    const wakes = listenForNotifications({
      subscribe: subscribe(own.client)!,
      channel: `{${prefix}}:wake`,
      logger: silentLogger,
      askEveryMs: 50,
      answerWithinMs: 300,
    });
    let heard = 0;
    await wakes.listen({
      incarnation: owner,
      notify: () => {
        heard += 1;
      },
    });
    await until(async () => expect(await subscribers(prefix)).toBe(1));
    heard = 0;
    proxy.apply({ kind: 'black-hole' });
    // The dead one is known to the server for as long as its system likes.
    await until(() => expect(heard).toBeGreaterThan(0));
    proxy.heal();
    await until(async () => expect(await subscribers(prefix)).toBe(1));
    wakes.stop();
    await until(async () => expect(await subscribers(prefix)).toBe(0));
  });
});

describe('without notifications', () => {
  it('requests are put by a user who may not publish, and the beat reports them', async () => {
    const prefix = freshPrefix();
    await raw.call('ACL', 'SETUSER', 'mute', 'on', '>secret', '~*', '+@all', 'resetchannels');
    const client = server.connect({ username: 'mute', password: 'secret' });
    const store = createRedisStore({ client, prefix });
    const owner = await joinReplica(store);
    await holdSessions(store, owner, ['s']);
    const requests = [{ id: 'r', sessionId: 's', kind: 'sync' as const }];
    expect(await store.inbox.ask({ asker: 'x', requests, ttlMs: 10_000 })).toEqual(['r']);
    expect(await store.leases.beat(beatOf(owner))).toMatchObject({ inbox: true });
    expect(await store.inbox.take({ owner, limit: 10 })).toEqual(requests);
  });

  it('a client of another make has no listener, and the store says so', async () => {
    const { subscribe: _, ...client } = fromIoredis(raw);
    expect(createRedisStore({ client, prefix: freshPrefix() }).inbox.listen).toBeUndefined();
  });
});
