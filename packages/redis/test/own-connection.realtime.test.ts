import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRedisStore, type RedisStore } from '../src/index.js';
import { CLIENT_KINDS, type TestClient } from './client-kinds.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';

describe.each(CLIENT_KINDS)('beside %s of the host', (_, connect) => {
  let server: TestServer;
  let raw: Redis;
  let client: TestClient;
  let store: RedisStore;

  beforeEach(async () => {
    server = await startRedis(['--appendonly', 'no']);
    raw = server.connect();
    client = await connect(server.port);
    store = createRedisStore({ client: client.client, prefix: freshPrefix(), timeouts: { commandMs: 2_000 } });
    await store.init();
  });
  afterEach(async () => {
    await store.close();
    await client.end();
    await server.stop();
  });

  const connections = async () =>
    String(await raw.client('LIST'))
      .trim()
      .split('\n').length;

  it('renewals and rows do not stand in the queue of its client', async () => {
    const owner = await joinReplica(store);
    const [held] = await holdSessions(store, owner, ['a']);
    // It holds up everything behind it on its connection.
    const blocking = client.block(1);
    const read = store.sessions.get({ ids: ['a'] }).then(() => 'read');
    expect(await store.leases.beat(beatOf(owner))).toMatchObject({ alive: true });
    const [outcome] = await store.sessions.write({ owner, writes: [writeOf(held!, change({ status: 'QR_CODE' }))] });
    expect(outcome).toMatchObject({ applied: true });
    await store.sessions.release({ owner, unobservedIds: [], reason: { code: 'shutdown' } });
    expect(await Promise.race([read, Promise.resolve('waits')])).toBe('waits');
    await blocking;
    expect(await read).toBe('read');
  });

  it('a connection is gone with the store, and with the client where nobody closes the store', async () => {
    await joinReplica(store);
    const before = await connections();
    await store.close();
    await expect.poll(connections, { timeout: 5_000 }).toBe(before - 1);
    const unclosed = createRedisStore({ client: client.client, prefix: freshPrefix() });
    await joinReplica(unclosed);
    expect(await connections()).toBe(before);
    await client.end();
    await expect.poll(connections, { timeout: 5_000 }).toBe(before - 2);
  });
});
