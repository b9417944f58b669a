import type { RawRow, RawView } from '@wa-sync/dev/faults';
import type { Redis } from 'ioredis';

type Tuple = [
  status: string,
  health: string,
  evidence: string,
  desired: string,
  reason: string | null,
  owner: string | null,
];

const rowOf = (text: string): RawRow => {
  const row = JSON.parse(text) as unknown[];
  const [status, owner, version, tenure, writeId] = [row[0], row[5], row[7], row[8], row[10]];
  return { status, owner, version, tenure, writeId } as RawRow;
};

/** Plain commands past the store. */
export function rawView(client: Redis, prefix: string): RawView {
  const key = (name: string) => `{${prefix}}:${name}`;
  return {
    async row(id) {
      const text = await client.hget(key('session'), id);
      return text === null ? null : rowOf(text);
    },
    credentials: async (id) => (await client.hvalsBuffer(key(`auth:${id}`))).map((value) => value.subarray(1)),
    addConversation: async () => {},
    async conversation(id) {
      const [state, , sequence] = JSON.parse(String(await client.hget(key('conversation'), id))) as [
        string,
        string,
        number,
      ];
      return { closed: state === 'CLOSED', sequence };
    },
    async addOld(id) {
      const [now, then] = [Date.now(), Date.now() - 90 * 86_400_000];
      const about = ['DISCONNECTED', 'healthy', 'unobserved', 'running', null, null, 0, 1, null, false];
      const row = [...about, null, now, then, then, now, 0, null, null, null];
      await client.hset(key('session'), id, JSON.stringify(row));
      await client.zadd(key('ids'), 0, id);
      await client.hset(key(`auth:${id}`), '5:creds:creds', Buffer.from([0, 120]));
    },
    async remove(id) {
      await client.hdel(key('session'), id);
      for (const set of ['ids', 'claimable', 'marked']) await client.zrem(key(set), id);
      await client.unlink(key(`auth:${id}`), key(`aside:${id}`));
    },
  };
}

/** What of the promises does not hold, as plain commands read it. */
export async function brokenPromises(client: Redis, prefix: string, ids: readonly string[]): Promise<string[]> {
  const key = (name: string) => `{${prefix}}:${name}`;
  const wrong: string[] = [];
  const rows = await client.hgetall(key('session'));
  const strangers = Object.keys(rows).filter((id) => !ids.includes(id));
  if (strangers.length > 0) wrong.push(`S14 rows that nobody created: ${strangers}`);
  const missing = ids.filter((id) => rows[id] === undefined);
  if (missing.length > 0) wrong.push(`rows that are gone: ${missing}`);

  for (const [id, text] of Object.entries(rows)) {
    const range = `${Buffer.byteLength(id)}:${id}:`;
    const members = await client.zrangebylex(key('changed'), `(${range}`, `(${range}\u00ff`);
    let before: string | null = null;
    for (const member of members) {
      const [ms = '', no = ''] = member.slice(range.length).split('-');
      const entry = `${Number(ms)}-${Number(no)}`;
      const [kept] = await client.xrange(key('feed'), entry, entry);
      const [, from, to] = JSON.parse(kept?.[1][1] ?? '[]') as [number, string, string];
      if (before !== null && before !== from) wrong.push(`a change of ${id} without an entry: ${before} to ${from}`);
      before = to;
    }
    if (before !== null && before !== rowOf(text).status) wrong.push(`the last entry of ${id} says ${before}`);
    const values = await client.hvalsBuffer(key(`auth:${id}`));
    const isWhole = values.length === 3 && values.every((value) => value.equals(values[0]!));
    if (values.length > 0 && !isWhole) wrong.push(`credentials of ${id} are not whole`);
  }

  const slots = Object.values(await client.hgetall(key('run'))).map((text) => {
    const [job, slot] = JSON.parse(text) as [string, number | null];
    return `${job} ${slot}`;
  });
  if (new Set(slots).size < slots.length) wrong.push('S10 slots that were begun twice');
  return wrong;
}

/** Which sorted set does not say what the rows say. */
export async function brokenIndexes(client: Redis, prefix: string): Promise<string[]> {
  const key = (name: string) => `{${prefix}}:${name}`;
  const rows = Object.entries(await client.hgetall(key('session')));
  const has = async (set: string) => new Set(await client.zrange(key(set), '0', '-1'));
  const differs = (one: ReadonlySet<string>, other: ReadonlySet<string>) =>
    one.size !== other.size || [...one].some((member) => !other.has(member));
  const owned = rows.flatMap(([id, text]) => {
    const owner = (JSON.parse(text) as Tuple)[5];
    return owner === null ? [] : [`${Buffer.byteLength(owner)}:${owner}:${id}`];
  });
  const claimable = rows.flatMap(([id, text]) => {
    const row = JSON.parse(text) as [...Tuple, number, number, string | null, boolean];
    return row[5] === null && row[9] && row[3] === 'running' && row[0] !== 'LOGGED_OUT' ? [id] : [];
  });
  const wrong: string[] = [];
  if (differs(await has('ids'), new Set(rows.map(([id]) => id)))) wrong.push('ids');
  if (differs(await has('owned'), new Set(owned))) wrong.push('owned');
  if (differs(await has('claimable'), new Set(claimable))) wrong.push('claimable');
  if ((await client.zcard(key('changed'))) !== (await client.xlen(key('feed')))) wrong.push('changed');
  return wrong;
}
