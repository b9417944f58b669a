import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fromIoredis } from '../src/driver/redis-like.js';
import { createRedisStore, type RedisCommand, type RedisStore } from '../src/index.js';
import { startRedis, type TestServer } from './start-redis.js';
import { keysOf } from './store-harness.js';
import { useEveryPart } from './use-every-part.js';

const EXPECTED = { status: 'CONNECTED', health: 'healthy', reason: null } as const;
const PREFIX = 'app one';

let server: TestServer;
let raw: Redis;
let sent: RedisCommand[];
const declared = new Set<string>();
let store: RedisStore;
let owner: string;

beforeAll(async () => {
  // A node of a cluster: it knows slots, and refuses keys of two in one command.
  server = await startRedis(['--cluster-enabled', 'yes']);
  raw = server.connect();
  await raw.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  for (let isUp = false; !isUp; ) isUp = String(await raw.call('CLUSTER', 'INFO')).includes('cluster_state:ok');
  const redis = fromIoredis(raw);
  const client = {
    ...redis,
    // Everything goes over the connection that is counted.
    beside: undefined,
    send: (command: RedisCommand) => {
      sent.push(command);
      const { args } = command;
      for (const key of args.slice(3, 3 + Number(args[2]))) declared.add(String(key));
      return redis.send(command);
    },
  };
  sent = [];
  store = createRedisStore({ client, prefix: PREFIX });
  await store.init();
  owner = await joinReplica(store);
});
afterAll(() => server.stop());
beforeEach(() => {
  sent = [];
});

async function statistics(): Promise<Record<string, number>> {
  const lines = (await raw.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
  return Object.fromEntries([...lines].map(([, name = '', calls]) => [name, Number(calls)]));
}

describe('on a node of a cluster', () => {
  it('every part works, and every key is in one slot', async () => {
    const ids = await useEveryPart(store, owner);
    const keys = await keysOf(raw, PREFIX);
    expect(keys.length).toBeGreaterThan(22);
    const slots = await Promise.all(keys.map((key) => raw.call('CLUSTER', 'KEYSLOT', key)));
    expect(new Set(slots).size).toBe(1);
    // Nothing was written beside them, and no key that a script did not declare.
    expect(await raw.dbsize()).toBe(keys.length);
    expect(keys.filter((key) => !declared.has(key))).toEqual([]);
    for (const id of ids) await store.sessions.remove({ id });
  });

  it('nothing but scripts is sent, and none of them walks the key space', async () => {
    await raw.call('CONFIG', 'RESETSTAT');
    await store.sessions.list({ limit: 10 });
    await store.leases.beat(beatOf(owner));
    expect(new Set(sent.map(({ args }) => args[0]))).toEqual(new Set(['EVALSHA', 'EVAL']));
    const called = Object.keys(await statistics());
    for (const name of ['keys', 'scan', 'randomkey']) expect(called).not.toContain(name);
  });
});

describe('10,000 sessions of one owner', () => {
  const ids = Array.from({ length: 10_000 }, (_, index) => `session-${index}`);

  beforeAll(async () => {
    sent = [];
    await holdSessions(store, owner, ids);
  });

  it('in sync are swept by at most 3 calls, which write nothing', async () => {
    await raw.call('CONFIG', 'RESETSTAT');
    const before = /rdb_changes_since_last_save:(\d+)/.exec(await raw.info('persistence'))?.[1];
    const answer = await store.sessions.sweep({ owner, expected: EXPECTED, otherIds: [] });
    const { exceptions, count } = answer;
    expect({ exceptions, count }).toEqual({ exceptions: [], count: 10_000 });
    expect(sent.length).toBeLessThanOrEqual(3);
    expect(/rdb_changes_since_last_save:(\d+)/.exec(await raw.info('persistence'))?.[1]).toBe(before);
    const called = Object.keys(await statistics());
    for (const name of ['hset', 'zadd', 'zrem', 'hdel', 'hincrby', 'unlink', 'set']) expect(called).not.toContain(name);
  });

  it('are beaten for by one call', async () => {
    await store.leases.beat(beatOf(owner));
    expect(sent).toHaveLength(1);
  });

  it('are written a thousand a call', async () => {
    const rows = await store.sessions.get({ ids: ids.slice(0, 1_000) });
    sent = [];
    const writes = rows.map((row) => writeOf(row, change({ status: 'RECONNECTING' })));
    const outcomes = await store.sessions.write({ owner, writes });
    expect(outcomes.every(({ applied }) => applied)).toBe(true);
    expect(sent).toHaveLength(1);
    const answer = await store.sessions.sweep({ owner, expected: EXPECTED, otherIds: [] });
    expect(answer.exceptions).toHaveLength(1_000);
  });

  it('hold the server up for no longer than a moment in any script', async () => {
    await raw.call('CONFIG', 'SET', 'slowlog-log-slower-than', '2000');
    await raw.call('CONFIG', 'SET', 'slowlog-max-len', '1000');
    await raw.call('SLOWLOG', 'RESET');
    await store.sessions.sweep({ owner, expected: { ...EXPECTED, status: 'ERROR' }, otherIds: [] });
    await store.cleanup.census();
    await store.sessions.release({ owner, unobservedIds: [], reason: { code: 'shutdown' } });
    await raw.call('CONFIG', 'SET', 'slowlog-log-slower-than', '-1');
    const log = (await raw.call('SLOWLOG', 'GET', '1000')) as [number, number, number, string[]][];
    const scripts = log.filter(([, , , [name = '']]) => name.startsWith('EVAL')).map(([, , micros]) => micros);
    expect(scripts.length).toBeGreaterThan(5);
    // A tenth of a second where ten milliseconds were measured, and of the quicker ones: the log counts also the time
    // in which a busy machine let the server wait.
    const [quick = 0] = scripts.sort((a, b) => a - b).slice(scripts.length >> 2);
    expect(quick).toBeLessThan(100_000);
  });
});
