import { silentLogger, type WaSyncStore } from '@wa-sync/core';
import type { Redis } from 'ioredis';
import { createRedisStore, type RedisClient } from '../src/index.js';
import { freshPrefix } from './start-redis.js';

/** What the conformance suites take. */
export interface RedisHarness {
  readonly store: WaSyncStore;
  advance(ms: number): Promise<void>;
  deleteHeartbeat(incarnation: string): Promise<void>;
  another(): Promise<WaSyncStore>;
  close(): Promise<void>;
}

/** The clients that two store objects of one state are made with, and one that no store has. */
export interface HarnessClients {
  readonly client: RedisClient;
  readonly second: RedisClient;
  readonly raw: Redis;
}

/** A store under a prefix of its own, on clients that stay open. `raw` is for what no port does. */
export async function redisHarness(params: HarnessClients & { lastSeen?: boolean }): Promise<RedisHarness> {
  const { client, second, raw } = params;
  const prefix = freshPrefix();
  const store = createRedisStore({ client, prefix });
  // That the server of the tests keeps nothing would be warned of by each.
  store.useLogger({ logger: silentLogger });
  await store.init();
  const stores = [store];
  return {
    store,
    advance: (ms) => shiftStoreTime(raw, prefix, ms, params.lastSeen),
    async deleteHeartbeat(incarnation) {
      await raw.hdel(`{${prefix}}:replica`, incarnation);
    },
    async another() {
      const other = createRedisStore({ client: second, prefix });
      other.useLogger({ logger: silentLogger });
      await other.init();
      stores.push(other);
      return other;
    },
    async close() {
      for (const one of stores) await one.close();
      await dropKeys(raw, prefix);
    },
  };
}

/**
 * Store time moves by `ms` for everything that is kept: all instants go back by as much. Written against the raw keys,
 * so that it also holds their form to what `docs/REDIS.md` says. What an earlier system said of a last sign of life is
 * a date of its own: `lastSeen: false` leaves it.
 */
export async function shiftStoreTime(client: Redis, prefix: string, ms: number, lastSeen = true): Promise<void> {
  const key = (name: string) => `{${prefix}}:${name}`;
  const shift = async (name: string, instants: readonly number[]) => {
    const shifted: string[] = [];
    for (const [field, text] of Object.entries(await client.hgetall(key(name)))) {
      const row = JSON.parse(text) as unknown[];
      for (const at of instants) if (typeof row[at] === 'number') row[at] = Math.round(row[at] - ms);
      shifted.push(field, JSON.stringify(row));
    }
    if (shifted.length > 0) await client.hset(key(name), ...shifted);
  };
  await shift('session', lastSeen ? [11, 12, 13, 14] : [11, 13, 14]);
  await shift('replica', [3]);
  await shift('conversation', [3, 4, 6]);
  await shift('request', [4, 7]);
  for (const name of ['open', 'unheld', 'expiring', 'answered']) {
    for (const id of await client.zrange(key(name), '0', '-1'))
      await client.call('ZINCRBY', key(name), String(-Math.round(ms)), id);
  }
  await shiftFeed(client, key('feed'), ms);
}

/** The same entries under the same ids, and the same last one. */
async function shiftFeed(client: Redis, key: string, ms: number): Promise<void> {
  const entries = await client.xrange(key, '-', '+');
  if (entries.length === 0) return;
  const about = (await client.xinfo('STREAM', key)) as unknown[];
  const last = String(about[about.indexOf('last-generated-id') + 1]);
  await client.del(key);
  for (const [id, [sessionId = '', text = '']] of entries) {
    const change = JSON.parse(text) as [number, ...unknown[]];
    change[0] -= Math.round(ms);
    await client.xadd(key, id, sessionId, JSON.stringify(change));
  }
  await client.call('XSETID', key, last);
}

/** Every key of a prefix. */
export async function keysOf(client: Redis, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for (let cursor = '0', more = true; more; more = cursor !== '0') {
    const [next, found] = await client.scan(cursor, 'MATCH', `{${prefix}}:*`, 'COUNT', 1_000);
    keys.push(...found);
    cursor = next;
  }
  return keys;
}

/** Deletes everything of a prefix. */
export async function dropKeys(client: Redis, prefix: string): Promise<void> {
  const keys = await keysOf(client, prefix);
  if (keys.length > 0) await client.unlink(...keys);
}
