import { randomUUID } from 'node:crypto';
import { isWaSyncError, SESSION_STATUSES } from '@wa-sync/core';
import { change, createSeededRandom, joinReplica, writeOf } from '@wa-sync/testing';
import { drawFaults, type FaultProxy, startFaultProxy } from '@wa-sync/testing/faults';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisStore, type RedisClient } from '../src/index.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';

const CUTS = Number(process.env.CUTS ?? 150);
const SEED = Number(process.env.SEED ?? 20_250_101);

let server: TestServer;
let proxy: FaultProxy;

beforeAll(async () => {
  server = await startRedis();
  proxy = await startFaultProxy({ port: server.port });
});
afterAll(async () => {
  await proxy.close();
  await server.stop();
});

async function run(client: RedisClient, cuts: number, commandMs = 3_000): Promise<{ told: number; failed: number }> {
  const random = createSeededRandom(SEED).next;
  const prefix = freshPrefix();
  const cut = createRedisStore({ client, prefix, timeouts: { commandMs } });
  const whole = createRedisStore({ client: server.connect(), prefix });
  const ids = Array.from({ length: 20 }, (_, index) => `s${index}`);
  await whole.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
  await cut.init();
  const owner = await joinReplica(whole);
  let [told, failed] = [0, 0];
  proxy.plan(drawFaults({ seed: SEED }));
  const endAt = proxy.counts.cut + cuts;

  /** What a caller does: the error of a cut says nothing of the commit, so it asks again with the same write id or tenure. */
  async function untilTold<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!isWaSyncError(error)) throw error;
        expect(['store_unreachable', 'store_timeout']).toContain(error.code);
        failed += 1;
      }
    }
  }

  for (const id of ids) {
    const claims = [{ id, tenure: randomUUID(), mode: 'free' as const }];
    const [outcome] = await untilTold(() => cut.sessions.claim({ owner, claims }));
    expect(outcome).toMatchObject({ claimed: true, session: { tenure: claims[0]?.tenure } });
  }
  for (let round = 0; proxy.counts.cut < endAt; round += 1) {
    const some = ids.filter(() => random() < 0.4);
    const sessions = await untilTold(() => cut.sessions.get({ ids: some }));
    const status = SESSION_STATUSES[Math.floor(random() * SESSION_STATUSES.length)]!;
    const writes = sessions.map((session) => writeOf(session, random() < 0.2 ? null : change({ status })));
    const outcomes = await untilTold(() => cut.sessions.write({ owner, writes }));
    const rows = new Map((await whole.sessions.get({ ids: some })).map((session) => [session.id, session]));
    for (const [index, outcome] of outcomes.entries()) {
      told += 1;
      const write = writes[index]!;
      const row = rows.get(write.id);
      // Applied once, whatever was repeated: one version further, and the mark is ours.
      expect(outcome.applied).toBe(true);
      expect(row).toMatchObject({ version: write.version + 1, writeId: write.writeId });
      if (write.set !== null) expect(row).toMatchObject({ status });
    }
    const entries = [{ type: 'creds', id: 'creds', value: new Uint8Array([told & 255, (told >> 8) & 255]) }];
    await untilTold(() => cut.auth.write({ sessionId: 's0', tenure: null, entries }));
    const creds = await whole.auth.read({ sessionId: 's0', type: 'creds', ids: ['creds'] });
    expect(creds.get('creds')).toEqual(entries[0]?.value);
    const runId = `run ${round}`;
    const begun = await untilTold(() => cut.jobs.begin({ runId, job: 'cleanup', slot: null, owner }));
    expect(begun).toMatchObject({ begun: true, run: { id: runId } });
    const end = { runId, owner, outcome: 'finished', counts: {}, error: null } as const;
    expect(await untilTold(() => cut.jobs.end(end))).toBe(true);
  }
  proxy.plan(null);
  const found = await whole.sessions.list({ limit: 100, owner });
  expect(found).toHaveLength(ids.length);
  await cut.close();
  await whole.close();
  return { told, failed };
}

describe(`${CUTS} cut connections, seed ${SEED}`, () => {
  const quick = () => 1;

  it('leave nothing that was told wrong, on ioredis, which sends again by itself', async () => {
    const client = new Redis({ host: '127.0.0.1', port: proxy.port, retryStrategy: quick });
    expect((await run(client, CUTS)).told).toBeGreaterThan(0);
    client.disconnect();
  }, 120_000);

  it('leave nothing that was told wrong, on ioredis, where it does not', async () => {
    const client = new Redis({
      host: '127.0.0.1',
      port: proxy.port,
      retryStrategy: quick,
      autoResendUnfulfilledCommands: false,
    });
    // What was under way is never settled, so each costs the whole limit.
    expect((await run(client, Math.min(CUTS, 40), 200)).failed).toBeGreaterThan(0);
    client.disconnect();
  }, 120_000);

  it('leave nothing that was told wrong, on node-redis', async () => {
    const socket = { host: '127.0.0.1', port: proxy.port, reconnectStrategy: quick };
    const client = createClient({ socket });
    client.on('error', () => {});
    await client.connect();
    expect((await run(client, CUTS)).failed).toBeGreaterThan(0);
    client.destroy();
  }, 120_000);
});
