import { randomUUID } from 'node:crypto';
import { isWaSyncError } from '@wa-sync/core';
import { createSeededRandom, joinReplica } from '@wa-sync/testing';
import {
  type CallFindings,
  drawFaults,
  type FaultProxy,
  followHistory,
  heapMb,
  playRandomCalls,
  startFaultProxy,
} from '@wa-sync/testing/faults';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisStore, type RedisClient } from '../src/index.js';
import { brokenIndexes, brokenPromises, rawView } from './raw-view.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';
import { keysOf } from './store-harness.js';

/** Cuts on both clients together. `CUTS=2000` is the whole proof, `SEED` another one. */
const CUTS = Number(process.env.CUTS ?? 80);
const SEED = Number(process.env.SEED ?? 20_250_101);
const CALLERS = 4;
const MOST_MB = 48;
/** Some tenths of a second a cut; a run that hangs is told by it. */
const LIMIT_MS = 60_000 + CUTS * 1_000;

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

const quick = () => 1;

async function run(name: string, client: RedisClient): Promise<void> {
  const prefix = freshPrefix();
  const cut = createRedisStore({ client, prefix, timeouts: { commandMs: 1_500 } });
  const whole = createRedisStore({ client: server.connect(), prefix });
  const groups = Array.from({ length: CALLERS }, (_, caller) =>
    Array.from({ length: 5 }, (_, index) => `s${caller}-${index}`),
  );
  const ids = groups.flat();
  await whole.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
  await cut.init();
  const owners = [randomUUID(), randomUUID()] as const;
  for (const incarnation of owners) await whole.leases.join({ incarnation, replicaId: incarnation, ttlMs: 600_000 });
  const { next } = await whole.history.since({ after: null, limit: 1 });
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown) => void unhandled.push(error);
  process.on('unhandledRejection', onUnhandled);

  const findings: CallFindings = { wrong: [], failed: 0, calls: 0 };
  const kinds = ['cut', 'reset', 'cut', 'reset', 'cut', 'reset', 'delay', 'black-hole'] as const;
  const cutsBefore = proxy.counts.cut + proxy.counts.reset;
  const cuts = () => proxy.counts.cut + proxy.counts.reset - cutsBefore;
  proxy.plan(drawFaults({ seed: SEED, kinds, afterBytes: [100, 8_000], lastsMs: [10, 2_000] }));
  const heapBefore = heapMb();
  const startedAt = performance.now();
  const over = () => cuts() >= CUTS / 2 || findings.wrong.length > 20;
  let played = false;
  const following = followHistory(cut.history, next, () => played);
  const callers = groups.map((own, caller) =>
    playRandomCalls(
      { ids: own, owners, store: cut, raw: rawView(raw, prefix), random: createSeededRandom(SEED + caller), findings },
      over,
    ),
  );
  const ends = await Promise.allSettled(callers);
  proxy.plan(null);
  proxy.heal();
  played = true;
  const followed = await following;
  const heapAfter = heapMb();
  process.off('unhandledRejection', onUnhandled);
  const tookS = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.info(
    `${name}: ${cuts()} cuts, ${findings.calls} calls, ${findings.failed} of them failed, ${followed.length} changes, ${tookS} s, heap ${heapBefore.toFixed(0)} to ${heapAfter.toFixed(0)} MB`,
    proxy.counts,
  );

  expect(ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))).toEqual([]);
  expect(findings.wrong).toEqual([]);
  expect(unhandled).toEqual([]);
  // ioredis sends again what a cut took, so few calls fail there, or none.
  expect(cuts()).toBeGreaterThanOrEqual(CUTS / 2);
  if (name === 'node-redis') expect(findings.failed).toBeGreaterThan(0);
  expect(heapAfter - heapBefore).toBeLessThan(MOST_MB);
  expect(await brokenPromises(raw, prefix, ids)).toEqual([]);
  expect(await brokenIndexes(raw, prefix)).toEqual([]);
  const feed = (await raw.xrange(`{${prefix}}:feed`, '-', '+')).map(([id]) => id);
  const read = new Set(followed);
  expect(read.size).toBe(followed.length);
  expect(feed.filter((id) => !read.has(id))).toEqual([]);
  // What is kept of calls goes by itself.
  for (const key of await keysOf(raw, prefix)) {
    if (key.includes(':answer:')) expect(await raw.pttl(key)).not.toBe(-1);
  }
  await cut.close();
  await whole.close();
}

describe(`${CUTS} connections cut at random points of random calls, seed ${SEED}`, () => {
  it(
    'break none of the promises, as raw commands read it, on ioredis, which sends again by itself',
    async () => {
      const client = new Redis({ host: proxy.host, port: proxy.port, retryStrategy: quick });
      client.on('error', () => {});
      await run('ioredis', client);
      client.disconnect();
    },
    LIMIT_MS,
  );

  it(
    'break none of the promises, as raw commands read it, on node-redis',
    async () => {
      const client = createClient({ socket: { host: proxy.host, port: proxy.port, reconnectStrategy: quick } });
      client.on('error', () => {});
      await client.connect();
      await run('node-redis', client);
      client.destroy();
    },
    LIMIT_MS,
  );
});

describe('an ioredis that does not send again', () => {
  it('never settles what was under way: each call costs its limit, and so many at most are kept', async () => {
    proxy.plan(null);
    const client = new Redis({
      host: proxy.host,
      port: proxy.port,
      retryStrategy: quick,
      autoResendUnfulfilledCommands: false,
    });
    client.on('error', () => {});
    const store = createRedisStore({ client, prefix: freshPrefix(), timeouts: { commandMs: 200 } });
    const owner = await joinReplica(store);
    const codes: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      proxy.plan(() => ({ kind: 'cut', direction: 'to-server', afterBytes: 40 }));
      const calls = Array.from({ length: 50 }, () => store.leases.beat({ incarnation: owner, massOutage: false }));
      const ends = await Promise.allSettled(calls);
      proxy.plan(null);
      for (const end of ends) if (end.status === 'rejected' && isWaSyncError(end.reason)) codes.push(end.reason.code);
    }
    expect(codes.length).toBeGreaterThan(50);
    expect(new Set(codes).size).toBeLessThanOrEqual(2);
    for (const code of codes) expect(['store_timeout', 'store_unreachable']).toContain(code);
    client.disconnect();
    await store.close();
  });
});
