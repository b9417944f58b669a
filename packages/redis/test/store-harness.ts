import type { WaSyncStore } from '@wa-sync/core';
import type { Redis } from 'ioredis';
import { createRedisStore, type RedisClient } from '../src/index.js';
import { freshPrefix } from './start-redis.js';

/** What the conformance suites take. */
export interface RedisHarness {
  readonly store: WaSyncStore;
  advance(ms: number): Promise<void>;
  another(): Promise<WaSyncStore>;
  close(): Promise<void>;
}

/** A store under a prefix of its own, on clients that stay open. `raw` is for what no port does. */
export async function redisHarness(params: {
  client: RedisClient;
  second: RedisClient;
  raw: Redis;
}): Promise<RedisHarness> {
  const { client, second, raw } = params;
  const prefix = freshPrefix();
  const store = createRedisStore({ client, prefix });
  await store.init();
  const stores = [store];
  return {
    store,
    advance: (ms) => shiftStoreTime(raw, prefix, ms),
    async another() {
      const other = createRedisStore({ client: second, prefix });
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
 * Store time moves by `ms` for everything that is kept: all instants go back by as much. Written against the raw keys, so that it
 * also holds their form to what `docs/REDIS.md` says.
 */
export async function shiftStoreTime(client: Redis, prefix: string, ms: number): Promise<void> {
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
  await shift('session', [11, 12, 13, 14]);
  await shift('replica', [2]);
  await shift('conversation', [3, 4, 6]);
  for (const id of await client.zrange(key('quiet'), '0', '-1'))
    await client.call('ZINCRBY', key('quiet'), String(-Math.round(ms)), id);
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
