import { isWaSyncError } from '@wa-sync/core';
import { type FaultProxy, playOverCuts, startFaultProxy } from '@wa-sync/dev/faults';
import { joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import { SEED } from '@wa-sync/dev/tests/seed';
import { beatOf } from '@wa-sync/testing/conformance';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisStore, type RedisClient } from '../src/index.js';
import { brokenIndexes, brokenPromises, rawView } from './raw-view.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';
import { keysOf } from './store-harness.js';

/** Cuts on both clients together. `CUTS=2000` is the whole proof, `WA_SYNC_SEED` another one. */
const CUTS = Number(process.env.CUTS ?? 80);
const IDS = Array.from({ length: 20 }, (_, index) => `s${index}`);
const MOST_MB = 48;
/** Some tenths of a second a cut; a run that hangs is recognised by it. */
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
  await whole.sessions.create({ sessions: IDS.map((id) => ({ id, desired: 'running' as const })) });
  await cut.init();
  const outcome = await playOverCuts({
    seed: SEED,
    cuts: CUTS / 2,
    proxy,
    afterBytes: [100, 8_000],
    cut,
    whole,
    ids: IDS,
    raw: rawView(raw, prefix),
  });
  console.info(`${name}: ${outcome.summary}`, proxy.counts);

  expect(outcome.errors).toEqual([]);
  expect(outcome.wrong).toEqual([]);
  // ioredis sends again what a cut took, so few calls fail there, or none.
  expect(outcome.cuts).toBeGreaterThanOrEqual(CUTS / 2);
  if (name === 'node-redis') expect(outcome.failed).toBeGreaterThan(0);
  expect(outcome.grownMb).toBeLessThan(MOST_MB);
  expect(await brokenPromises(raw, prefix, IDS)).toEqual([]);
  expect(await brokenIndexes(raw, prefix)).toEqual([]);
  const feed = (await raw.xrange(`{${prefix}}:feed`, '-', '+')).map(([id]) => id);
  const read = new Set(outcome.followed);
  expect(read.size).toBe(outcome.followed.length);
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
      const calls = Array.from({ length: 50 }, () => store.leases.beat(beatOf(owner)));
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
