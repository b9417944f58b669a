import type { Redis } from 'ioredis';

/**
 * Store time moves by `ms` for everything that is kept: all instants go back by as much. Written against the raw keys, so that it
 * also holds their form to what `docs/REDIS.md` says.
 */
export async function shiftStoreTime(client: Redis, prefix: string, ms: number): Promise<void> {
  const key = (name: string) => `{${prefix}}:${name}`;
  const shift = async (name: string, instants: readonly number[]) => {
    for (const [field, text] of Object.entries(await client.hgetall(key(name)))) {
      const row = JSON.parse(text) as unknown[];
      for (const at of instants) if (typeof row[at] === 'number') row[at] = row[at] - ms;
      await client.hset(key(name), field, JSON.stringify(row).replaceAll('/', '\\/'));
    }
  };
  await shift('session', [11, 12, 13, 14]);
  await shift('replica', [2]);
}

/** Deletes everything of a prefix. */
export async function dropKeys(client: Redis, prefix: string): Promise<void> {
  const match = `{${prefix}}:*`;
  for (let cursor = '0', more = true; more; more = cursor !== '0') {
    const [next, found] = await client.scan(cursor, 'MATCH', match, 'COUNT', 1_000);
    if (found.length > 0) await client.unlink(...found);
    cursor = next;
  }
}
