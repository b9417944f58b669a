import { isWaSyncError, type WaSyncErrorCode } from '@wa-sync/core';
import { holdSessions, joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRedisStore, type RedisStore } from '../src/index.js';
import { CLIENT_KINDS, type TestClient } from './client-kinds.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';
import { shiftStoreTime } from './store-harness.js';

const DAY = 86_400_000;
const CONNECTED = { status: 'CONNECTED', health: 'healthy', reason: null } as const;

let server: TestServer;
let raw: Redis;
let client: TestClient;
let store: RedisStore;
let prefix: string;
let lines: string[];

async function open(connect: (port: number) => Promise<TestClient>, flags: readonly string[]): Promise<void> {
  server = await startRedis(flags);
  raw = server.connect();
  client = await connect(server.port);
  prefix = freshPrefix();
  lines = [];
  const hear = (_: unknown, line: string) => void lines.push(line);
  const logger = { debug: hear, info: hear, warn: hear, error: hear };
  store = createRedisStore({ client: client.client, prefix, timeouts: { commandMs: 500 } });
  store.useLogger({ logger });
  await store.init();
}

async function codeOf(call: Promise<unknown>): Promise<WaSyncErrorCode | 'no error'> {
  try {
    await call;
    return 'no error';
  } catch (error) {
    if (isWaSyncError(error)) return error.code;
    throw error;
  }
}

const runIdOf = async () => /run_id:(\w+)/.exec(await raw.info('server'))?.[1];

afterEach(async () => {
  await store.close();
  client.end();
  await server.stop();
});

describe.each(CLIENT_KINDS)('a server that is killed and comes back, on %s', (_, connect) => {
  beforeEach(() => open(connect, ['--appendonly', 'yes', '--appendfsync', 'always']));

  it('is unreachable meanwhile, has every row afterwards, and nothing was written that was reported as too late', async () => {
    const owner = await joinReplica(store);
    const [held] = await holdSessions(store, owner, ['a']);
    await store.sessions.create({ sessions: [{ id: 'free', desired: 'running' }] });
    await server.kill();
    const late = [
      store.sessions.claim({ owner, claims: [{ id: 'free', tenure: 'late', mode: 'free' }] }),
      store.sessions.setDesired({ id: 'a', desired: 'stopped' }),
      store.leases.beat(beatOf(owner)),
      store.auth.write({ sessionId: 'a', tenure: null, entries: [{ type: 't', id: '1', value: Uint8Array.of(1) }] }),
    ];
    expect(await Promise.all(late.map(codeOf))).toEqual(Array(4).fill('store_unreachable'));
    await server.restart();
    await client.ready();
    // What the client kept meanwhile it sends before this.
    expect(await store.sessions.get({ ids: ['a'] })).toEqual([held]);
    expect(await store.sessions.get({ ids: ['free'] })).toMatchObject([{ owner: null, version: 1 }]);
    expect((await store.auth.read({ sessionId: 'a', type: 't', ids: ['1'] })).size).toBe(0);
    expect(await store.sessions.sweep({ owner, expected: CONNECTED, otherIds: [] })).toMatchObject({ count: 1 });
    expect(await store.leases.beat(beatOf(owner))).toMatchObject({ alive: true });
  });

  it('destroys and closes nothing for one lease, whoever asks, and then goes on', async () => {
    const owner = await joinReplica(store);
    await holdSessions(store, owner, ['a'], { status: 'QR_CODE' });
    await holdSessions(store, owner, ['talks']);
    await store.sessions.create({ sessions: [{ id: 'old', desired: 'running' }] });
    await store.conversations.record({
      messages: [{ conversationId: 'c', sessionId: 'talks', from: 'contact', at: new Date() }],
    });
    await shiftStoreTime(raw, prefix, 31 * DAY);
    const inactiveForMs = 30 * DAY;
    await store.cleanup.deactivate({ ids: ['old'], inactiveForMs, restedForMs: 0 });
    expect(await store.cleanup.markForPurge({ ids: ['old'], inactiveForMs, restedForMs: 0 })).toEqual(['old']);
    const before = await runIdOf();
    await server.kill();
    await server.restart();
    await client.ready();
    expect(await runIdOf()).not.toBe(before);

    // Somebody who never saw the server that was.
    const another = await connect(server.port);
    const other = createRedisStore({ client: another.client, prefix });
    for (const one of [store, other]) {
      for (const refused of [
        one.cleanup.deactivate({ ids: ['a'], inactiveForMs, restedForMs: 0 }),
        one.cleanup.markForPurge({ ids: ['a'], inactiveForMs, restedForMs: 0 }),
        one.cleanup.purge({ ids: ['old'] }),
      ]) {
        await expect(refused).rejects.toMatchObject({ code: 'store_failed', retryable: true });
      }
      await one.leases.beat(beatOf(owner));
      const slot = new Date(Date.now() + DAY);
      const begun = await one.jobs.begin({ runId: 'r', job: 'cleanup', slot, owner });
      expect(begun).toEqual({ begun: false, why: 'running', run: null });
      const [quiet] = await one.conversations.inactive({
        inactiveForMs: 0,
        unchangedForMs: 0,
        limit: 1,
        skipStatuses: [],
      });
      expect(quiet).toMatchObject({ gateOpen: false });
      const moves = [{ id: 'c', sequence: 1, to: 'CLOSED' as const, outgoing: null }];
      expect(await one.conversations.move({ moves, unchangedForMs: 0 })).toEqual([]);
    }
    await other.close();
    another.end();
    expect(lines.filter((line) => line.includes('failed over'))).toHaveLength(1);

    // The lease that it is held for has gone by.
    const until = Number(await raw.hget(`{${prefix}}:meta`, 'held_until'));
    expect(until - Date.now()).toBeGreaterThan(20_000);
    await raw.hset(`{${prefix}}:meta`, 'held_until', String(until - 30_001));
    const [quiet] = await store.conversations.inactive({
      inactiveForMs: 0,
      unchangedForMs: 0,
      limit: 1,
      skipStatuses: [],
    });
    expect(quiet).toMatchObject({ gateOpen: true });
    const slot = new Date(Date.now() + DAY);
    expect(await store.jobs.begin({ runId: 'r', job: 'cleanup', slot, owner })).toMatchObject({ begun: true });
    expect(await store.cleanup.purge({ ids: ['old'] })).toEqual(['old']);
  });

  it('is logged once', async () => {
    const owner = await joinReplica(store);
    await server.kill();
    await server.restart();
    await client.ready();
    for (let beat = 0; beat < 3; beat += 1) await store.leases.beat(beatOf(owner));
    expect(lines.filter((line) => line.includes('failed over'))).toHaveLength(1);
  });
});

describe.each(CLIENT_KINDS)('a server that keeps nothing, on %s', (_, connect) => {
  beforeEach(() => open(connect, ['--appendonly', 'no']));

  it('says so in the log, and after its death the lease is gone and every row is missing', async () => {
    expect(lines).toEqual([expect.stringContaining('append-only')]);
    const owner = await joinReplica(store);
    await holdSessions(store, owner, ['a']);
    await server.kill();
    await server.restart();
    await client.ready();
    expect(await store.leases.beat(beatOf(owner))).toEqual({ alive: false });
    expect(await store.sessions.sweep({ owner, expected: CONNECTED, otherIds: ['a'] })).toEqual({
      exceptions: [],
      count: 0,
      idHashSum: 0,
    });
    // Scripts went with it, and are sent again.
    await store.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
    expect(await store.sessions.get({ ids: ['a'] })).toHaveLength(1);
  });

  it('whose history changes is held for a lease too: it may have been another’s copy', async () => {
    const owner = await joinReplica(store);
    await raw.call('REPLICAOF', '127.0.0.1', '1');
    await raw.call('REPLICAOF', 'NO', 'ONE');
    await store.leases.beat(beatOf(owner));
    const heldUntil = Number(await raw.hget(`{${prefix}}:meta`, 'held_until'));
    expect(heldUntil).toBeGreaterThan(Date.now());
  });

  it('that was slow to answer does not do what was given up', async () => {
    const owner = await joinReplica(store);
    await store.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
    await raw.call('CLIENT', 'PAUSE', '1500', 'ALL');
    const claims = [{ id: 'a', tenure: 'late', mode: 'free' as const }];
    expect(await codeOf(store.sessions.claim({ owner, claims }))).toBe('store_timeout');
    await raw.ping();
    expect(await store.sessions.get({ ids: ['a'] })).toMatchObject([{ owner: null, tenure: null }]);
  });
});
