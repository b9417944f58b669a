import { randomUUID } from 'node:crypto';
import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRedisStore, type RedisStore } from '../src/index.js';
import { MOST_ENTRIES, MOST_OF_SESSION } from '../src/scripts/history-parts.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';
import { keysOf } from './store-harness.js';

let server: TestServer;
let raw: Redis;
let prefix: string;
let store: RedisStore;
let owner: string;

beforeAll(async () => {
  server = await startRedis();
  raw = server.connect();
});
afterAll(() => server.stop());
beforeEach(async () => {
  prefix = freshPrefix();
  store = createRedisStore({ client: raw, prefix });
  owner = await joinReplica(store);
});

const key = (name: string) => `{${prefix}}:${name}`;

/** Changes one session so often, distinguished by their reason codes, in as few calls as can be. */
async function changeOften(id: string, count: number): Promise<void> {
  const [row] = await store.sessions.get({ ids: [id] });
  const { tenure, version } = row!;
  const writes = Array.from({ length: count }, (_, index) => ({
    id,
    tenure: tenure!,
    version: version + index,
    writeId: randomUUID(),
    set: change({ reason: { code: `r${index}` } }),
  }));
  const outcomes = await store.sessions.write({ owner, writes });
  expect(outcomes.every(({ applied }) => applied)).toBe(true);
}

describe('the history', () => {
  it('keeps so many entries of one session, and reports it to a reader who was further behind', async () => {
    await holdSessions(store, owner, ['flaps', 'calm']);
    const { next } = await store.history.since({ after: null, limit: 1 });
    await changeOften('flaps', MOST_OF_SESSION + 7);
    const kept = await store.history.ofSession({ sessionId: 'flaps', limit: 1_000 });
    expect(kept).toHaveLength(MOST_OF_SESSION);
    expect(kept.map(({ reason }) => reason?.code).slice(0, 2)).toEqual([
      `r${MOST_OF_SESSION + 6}`,
      `r${MOST_OF_SESSION + 5}`,
    ]);
    expect(kept.at(-1)?.reason).toEqual({ code: 'r7' });
    expect(await store.history.ofSession({ sessionId: 'calm', limit: 10 })).toHaveLength(1);
    expect((await store.history.since({ after: next, limit: 1_000 })).missed).toBe(true);
    expect((await store.history.since({ after: kept.at(-1)!.id, limit: 1_000 })).missed).toBe(false);
    expect(await raw.zcard(key('changed'))).toBe(await raw.xlen(key('feed')));
  });

  it('keeps so many of all', async () => {
    const [held] = await holdSessions(store, owner, ['a']);
    const filling = `for n = 1, ARGV[1] do
      local id = redis.call('XADD', KEYS[1], '*', 'b', ARGV[2])
      local ms, no = string.match(id, '^(%d+)-(%d+)$')
      redis.call('ZADD', KEYS[2], 0, '1:b:' .. string.format('%015.0f-%010.0f', ms, no))
    end`;
    const entry = JSON.stringify([Date.now(), 'CONNECTED', 'ERROR', 'observed', 'healthy', null, null, owner]);
    await raw.eval(filling, 2, key('feed'), key('changed'), MOST_ENTRIES - 1, entry);
    expect(await raw.xlen(key('feed'))).toBe(MOST_ENTRIES);
    const [oldest] = await store.history.ofSession({ sessionId: 'a', limit: 10 });
    await store.sessions.write({ owner, writes: [writeOf(held!, change({ status: 'ERROR' }))] });
    expect(await raw.xlen(key('feed'))).toBe(MOST_ENTRIES);
    expect(await raw.zcard(key('changed'))).toBe(MOST_ENTRIES);
    const [newest, ...others] = await store.history.ofSession({ sessionId: 'a', limit: 10 });
    expect([newest?.to, others]).toEqual(['ERROR', []]);
    expect((await store.history.since({ after: '0-0', limit: 1 })).missed).toBe(true);
    expect((await store.history.since({ after: oldest!.id, limit: 1 })).missed).toBe(false);
  });

  it('reports to a reader that the server lost its last entries, and then goes on', async () => {
    const [held] = await holdSessions(store, owner, ['a']);
    const { next } = await store.history.since({ after: null, limit: 1 });
    // A promoted replica that had not heard of it yet.
    await raw.del(key('feed'), key('changed'));
    const lost = await store.history.since({ after: next, limit: 10 });
    expect(lost).toEqual({ transitions: [], next: '0-0', missed: true });
    await store.sessions.write({ owner, writes: [writeOf(held!, change({ status: 'ERROR' }))] });
    const { transitions, missed } = await store.history.since({ after: lost.next, limit: 10 });
    expect([transitions.map(({ to }) => to), missed]).toEqual([['ERROR'], false]);
  });

  it('leaves nothing of a session that is removed, nor do requests about it', async () => {
    const ids = Array.from({ length: 20 }, (_, index) => `s${index}`);
    await holdSessions(store, owner, ids);
    await changeOften('s3', 50);
    const requests = ids.map((sessionId) => ({ id: randomUUID(), sessionId, kind: 'sync' as const }));
    await store.inbox.ask({ asker: owner, requests, ttlMs: 10_000 });
    const taken = await store.inbox.take({ owner, limit: 7 });
    await store.inbox.answer({ owner, answers: taken.slice(0, 3).map(({ id }) => ({ id, body: '{}' })) });
    for (const id of ids) await store.sessions.remove({ id });
    expect(await raw.xlen(key('feed'))).toBe(0);
    const left = (await keysOf(raw, prefix)).filter((name) => !name.includes(':answer:'));
    expect(left.sort()).toEqual([key('feed'), key('meta'), key('replica')]);
  });
});
