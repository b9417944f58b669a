import { randomBytes } from 'node:crypto';
import { holdSessions, joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromIoredis } from '../src/driver/redis-like.js';
import { createRedisStore, type RedisCommand, type RedisStore } from '../src/index.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';

const EXPECTED = { status: 'CONNECTED', health: 'healthy', reason: null } as const;
const REPETITIONS = 5;
/** Rounds of what takes some milliseconds. */
const AT_ONCE = 20;

let server: TestServer;
let raw: Redis;
let prefix: string;
let store: RedisStore;
let owner: string;
let sent = 0;

beforeAll(async () => {
  server = await startRedis();
  raw = server.connect();
  prefix = freshPrefix();
  const redis = fromIoredis(raw);
  const client = {
    ...redis,
    // Everything goes over the connection that is counted.
    beside: undefined,
    send: (command: RedisCommand) => {
      sent += 1;
      return redis.send(command);
    },
  };
  store = createRedisStore({ client, prefix });
  owner = await joinReplica(store);
});
afterAll(() => server.stop());

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** The best of some repetitions of each, in turns: whatever else the machine does meets both. */
async function compare(one: () => Promise<unknown>, other: () => Promise<unknown>): Promise<[number, number]> {
  let best: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let time = 0; time < REPETITIONS; time += 1) {
    best = [Math.min(best[0], await timed(one)), Math.min(best[1], await timed(other))];
  }
  return best;
}

/** Processor time that this process and Redis have used so far, in ms. */
async function cpuMs(): Promise<number> {
  const told = await raw.info('cpu');
  const ofRedis = (part: string) => Number(new RegExp(`used_cpu_${part}:([\\d.]+)`).exec(told)?.[1]) * 1_000;
  const { user, system } = process.cpuUsage();
  return ofRedis('user') + ofRedis('sys') + (user + system) / 1_000;
}

const changes = async () => /rdb_changes_since_last_save:(\d+)/.exec(await raw.info('persistence'))?.[1];

describe('100,000 sessions of one owner', () => {
  const COUNT = 100_000;
  beforeAll(async () => {
    await holdSessions(store, owner, ['session-0']);
    // Written out 99,999 times as the store has written it once.
    const copy = `local text, range = redis.call('HGET', KEYS[1], 'session-0'), #ARGV[2] .. ':' .. ARGV[2] .. ':'
      for n = 1, ARGV[1] - 1 do
        local id = 'session-' .. n
        redis.call('HSET', KEYS[1], id, text)
        redis.call('ZADD', KEYS[2], 0, id)
        redis.call('ZADD', KEYS[3], 0, range .. id)
      end`;
    const keys = ['session', 'ids', 'owned'].map((name) => `{${prefix}}:${name}`);
    await raw.eval(copy, keys.length, ...keys, COUNT, owner);
  });

  it('in sync are swept without a write, in no more time than it takes to read them', async () => {
    const sweep = async () => {
      const { exceptions, count } = await store.sessions.sweep({ owner, expected: EXPECTED, otherIds: [] });
      expect([exceptions.length, count]).toEqual([0, COUNT]);
    };
    // The first call of a script sends its text as well.
    await sweep();
    const before = await changes();
    sent = 0;
    await sweep();
    expect(sent).toBeLessThanOrEqual(21);
    expect(await changes()).toBe(before);
    const bare = async () => expect(await raw.hvals(`{${prefix}}:session`)).toHaveLength(COUNT);
    const [swept, read] = await compare(sweep, bare);
    console.info(
      `sweep of ${COUNT}: ${swept.toFixed(0)} ms, bare HVALS ${read.toFixed(0)} ms: ${(swept / read).toFixed(2)}x`,
    );
    // Both are a few hundred milliseconds of two busy processes; what is meant is that no row crosses the wire.
    expect(swept / read).toBeLessThan(4);
  });

  it('are beaten for by one call, which writes one field', async () => {
    await store.leases.beat(beatOf(owner));
    sent = 0;
    await store.leases.beat(beatOf(owner));
    expect(sent).toBe(1);
  });
});

describe('2,000 key writes of 100 sessions', () => {
  const ids = Array.from({ length: 100 }, (_, index) => `auth-${index}`);
  const names = Array.from({ length: 20 }, (_, index) => String(index));
  const value = randomBytes(170);
  const tenures = new Map<string, string>();
  let pool: Redis[];

  beforeAll(async () => {
    for (const { id, tenure } of await holdSessions(store, owner, ids)) tenures.set(id, tenure ?? '');
    pool = Array.from({ length: 10 }, () => server.connect());
  });

  const ours = (sessionId: string, id: string) =>
    store.auth.write({
      sessionId,
      tenure: tenures.get(sessionId) ?? null,
      entries: [{ type: 'session', id, value }],
    });

  /** Each session's writes one after another, as Baileys does it, all sessions at a time. */
  const play = (write: (sessionId: string, id: string, index: number) => Promise<unknown>) => () =>
    Promise.all(
      ids.map(async (sessionId, index) => {
        for (const id of names) await write(sessionId, id, index);
      }),
    );

  it('are some 20 calls, and beat a pool of writers that read the row before each', async () => {
    // What keeps the same promise by hand: nothing is written once somebody else holds the session.
    const queues = pool.map(() => Promise.resolve());
    const naive = (sessionId: string, id: string, index: number) => {
      const at = index % pool.length;
      const client = pool[at]!;
      const written = queues[at]!.then(async () => {
        await client.watch(`{${prefix}}:session`);
        const row = JSON.parse(String(await client.hget(`{${prefix}}:session`, sessionId))) as unknown[];
        if (row[8] !== tenures.get(sessionId)) throw new Error('it is somebody else’s');
        await client.multi().hset(`naive:${sessionId}`, `session:${id}`, value).exec();
      });
      queues[at] = written.then(() => undefined);
      return written;
    };
    const plain = (sessionId: string, id: string) => raw.hset(`plain:${sessionId}`, `session:${id}`, value);
    await play(ours)();
    sent = 0;
    const [mine, theirs] = await compare(play(ours), play(naive));
    expect(sent / REPETITIONS).toBeLessThanOrEqual(25);
    const [again, bare] = await compare(play(ours), play(plain));
    console.info(
      `2,000 key writes: ${mine.toFixed(0)} ms, by hand ${theirs.toFixed(0)} ms: ${(theirs / mine).toFixed(1)}x; bare HSET without a guard ${(bare / again).toFixed(2)}x`,
    );
    expect(theirs / mine).toBeGreaterThan(2);
  });

  it('of one moment are one call, and beat a pool of writers that read nothing', async () => {
    const playAtOnce = (write: (sessionId: string, id: string, index: number) => Promise<unknown>) => () =>
      Promise.all(ids.flatMap((sessionId, index) => names.map((id) => write(sessionId, id, index))));
    const naive = (sessionId: string, id: string, index: number) =>
      pool[index % pool.length]!.hset(`plain:${sessionId}`, `session:${id}`, value);
    await playAtOnce(ours)();
    sent = 0;
    // By processor time, as ten connections wait for each other less than one; the least of all rounds, as what else the
    // machine does only adds to it.
    let [own, bare] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let time = 0; time < AT_ONCE; time += 1) {
      const from = await cpuMs();
      await playAtOnce(ours)();
      const between = await cpuMs();
      await playAtOnce(naive)();
      own = Math.min(own, between - from);
      bare = Math.min(bare, (await cpuMs()) - between);
    }
    expect(sent).toBe(AT_ONCE);
    console.info(
      `2,000 key writes at once: ${own.toFixed(1)} ms of processors, bare HSETs of a pool ${bare.toFixed(1)} ms: ${(bare / own).toFixed(1)}x`,
    );
    expect(bare / own).toBeGreaterThan(1);
  });
});
