import { randomUUID } from 'node:crypto';
import type { StoredSession } from '@wa-sync/core';
import { change, holdSessions, joinReplica, numberOf, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRedisStore, type RedisStore } from '../src/index.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';
import { dropKeys, shiftStoreTime } from './store-harness.js';

const CLIENTS = 16;
const ROUNDS = 100;
const DAY = 86_400_000;

let server: TestServer;
let connections: Redis[];
let prefix: string;
let stores: RedisStore[];
let first: RedisStore;
let raw: Redis;

beforeAll(async () => {
  server = await startRedis();
  connections = Array.from({ length: CLIENTS }, () => server.connect());
  raw = connections[0]!;
});
afterAll(() => server.stop());
beforeEach(async () => {
  prefix = freshPrefix();
  stores = connections.map((client) => createRedisStore({ client, prefix }));
  await Promise.all(stores.map((store) => store.init()));
  first = stores[0]!;
  await first.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
});
afterEach(async () => {
  for (const store of stores) await store.close();
  await dropKeys(raw, prefix);
});

const clients = <T>(run: (store: RedisStore, index: number) => Promise<T>) => Promise.all(stores.map(run));

async function read(id = 'a'): Promise<StoredSession> {
  const [session] = await first.sessions.get({ ids: [id] });
  if (session === undefined) throw new Error('the row is gone');
  return session;
}

describe(`${ROUNDS} repetitions with ${CLIENTS} clients`, () => {
  it('that claim a free session: one winner each', async () => {
    const owners = await clients((store) => joinReplica(store));
    for (let round = 0; round < ROUNDS; round += 1) {
      const outcomes = await clients((store, index) =>
        store.sessions.claim({ owner: owners[index]!, claims: [{ id: 'a', tenure: randomUUID(), mode: 'free' }] }),
      );
      const winners = owners.filter((_, index) => outcomes[index]?.[0]?.claimed);
      expect(winners).toHaveLength(1);
      expect((await read()).owner).toBe(winners[0]);
      await first.sessions.release({ owner: winners[0]!, unobservedIds: [], reason: { code: 'x' } });
    }
  }, 60_000);

  it('that write the same row: one applied each', async () => {
    const owner = await joinReplica(first);
    await holdSessions(first, owner, ['a']);
    for (let round = 0; round < ROUNDS; round += 1) {
      const session = await read();
      const outcomes = await clients((store, index) => {
        const set = change({ status: index % 2 === 0 ? 'ERROR' : 'CONNECTED', reason: { code: `client ${index}` } });
        return store.sessions.write({ owner, writes: [writeOf(session, set)] });
      });
      const winners = outcomes.flatMap(([outcome], index) => (outcome?.applied ? [index] : []));
      expect(winners).toHaveLength(1);
      const status = winners[0]! % 2 === 0 ? 'ERROR' : 'CONNECTED';
      const reason = { code: `client ${winners[0]}` };
      expect(await read()).toMatchObject({ version: session.version + 1, status, reason });
    }
  }, 60_000);

  it('of which some renew a lease and others end it: it ends once, or lives', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const incarnation = await joinReplica(first);
      const number = await numberOf(first, incarnation);
      const answers = await clients((store, index) =>
        index % 2 === round % 2
          ? store.leases.beat(beatOf(incarnation)).then(({ alive }) => (alive ? 'beat' : 'gone'))
          : store.leases.fence({ incarnation, number }).then((fenced) => (fenced ? 'fenced' : 'missed')),
      );
      const ended = answers.includes('fenced');
      expect(answers.includes('beat')).toBe(!ended);
      expect((await first.leases.beat(beatOf(incarnation))).alive).toBe(!ended);
      await first.leases.leave({ incarnation });
    }
  }, 60_000);

  it('of which one renews, one takes over and others free what a fenced one held: one holder', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [owner, taker] = [await joinReplica(first), await joinReplica(first)];
      const [held] = await holdSessions(first, owner, [`s${round}`]);
      const number = await numberOf(first, owner);
      const answers = await clients(async (store, index) => {
        if (index === 0) return store.leases.fence({ incarnation: owner, number });
        if (index === 1) {
          return store.sessions.claim({ owner: taker, claims: [{ id: held!.id, tenure: 'taken', mode: 'takeover' }] });
        }
        return index % 2 === 0
          ? store.leases.freeFenced({ limit: 10 })
          : store.sessions.write({ owner, writes: [writeOf(held!, change({ status: 'ERROR' }))] });
      });
      expect(answers[0]).toBe(true);
      expect(answers[1]).toMatchObject([{ claimed: true }]);
      expect(await read(held!.id)).toMatchObject({ owner: taker, tenure: 'taken' });
      expect(await first.leases.freeFenced({ limit: 10 })).toEqual([]);
      await first.sessions.release({ owner: taker, unobservedIds: [], reason: { code: 'x' } });
      await first.leases.leave({ incarnation: taker });
    }
  }, 60_000);

  it('that begin the same slot: one run each', async () => {
    const owners = await clients((store) => joinReplica(store));
    const start = (await first.jobs.lastSlot({ job: 'cleanup' })).getTime();
    for (let round = 1; round <= ROUNDS; round += 1) {
      const slot = new Date(start + round * 1_000);
      const answers = await clients((store, index) =>
        store.jobs.begin({ runId: randomUUID(), job: 'cleanup', slot, owner: owners[index]! }),
      );
      const begun = answers.filter((answer) => answer.begun);
      expect(begun).toHaveLength(1);
      const { id: runId, owner } = begun[0]!.run!;
      await first.jobs.end({ runId, owner, outcome: 'finished', counts: {}, error: null });
    }
    expect(await first.jobs.list({ limit: 1_000 })).toHaveLength(ROUNDS);
  }, 60_000);

  it('of which some clean up and one returns: what came back stays', async () => {
    const owner = await joinReplica(first);
    const inactiveForMs = 30 * DAY;
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = `s${round}`;
      await first.sessions.create({ sessions: [{ id, desired: 'running' }] });
      await shiftStoreTime(raw, prefix, 31 * DAY);
      await first.leases.beat(beatOf(owner));
      await first.cleanup.deactivate({ ids: [id], inactiveForMs, restedForMs: 0 });
      await first.cleanup.markForPurge({ ids: [id], inactiveForMs, restedForMs: 0 });
      const back = round % CLIENTS;
      let claimed = false;
      const purged = await clients(async (store, index) => {
        if (index !== back) return store.cleanup.purge({ ids: [id] });
        const [outcome] = await store.sessions.claim({ owner, claims: [{ id, tenure: 't', mode: 'takeover' }] });
        claimed = outcome?.claimed === true;
        return [];
      });
      expect(purged.flat()).toEqual(claimed ? [] : [id]);
      expect(await first.sessions.get({ ids: [id] })).toHaveLength(claimed ? 1 : 0);
      await first.sessions.remove({ id });
    }
  }, 60_000);

  it('of which some close a conversation and one writes in it: it closes before the message or not at all', async () => {
    const owner = await joinReplica(first);
    await holdSessions(first, owner, ['a']);
    for (let round = 0; round < ROUNDS; round += 1) {
      const conversationId = `c${round}`;
      const message = { conversationId, sessionId: 'a', from: 'contact' as const };
      const [made] = await first.conversations.record({
        messages: [{ ...message, at: new Date(Date.now() - 60_000) }],
      });
      const moves = [{ id: conversationId, sequence: made!.sequence, to: 'CLOSED' as const, outgoing: null }];
      const answers = await clients(async (store, index) => {
        if (index !== round % CLIENTS) return store.conversations.move({ moves, unchangedForMs: 0 });
        await store.conversations.record({ messages: [{ ...message, at: new Date() }] });
        return [];
      });
      const moved = answers.flat().length;
      const [row] = await first.conversations.get({ ids: [conversationId] });
      expect(moved).toBeLessThanOrEqual(1);
      // Where the message came second it reopened what was closed.
      expect(row?.state).toBe('OPEN');
      expect(row?.closingNumber).toBe(moved);
    }
  }, 60_000);
});
