import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { AuthEntry } from '@wa-sync/core';
import { holdSessions, joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fromIoredis } from '../src/driver/redis-like.js';
import { createRedisStore, type RedisStore, type RedisStoreOptions } from '../src/index.js';
import { holdBackCommands } from './hold-back-commands.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';
import { dropKeys } from './store-harness.js';

let server: TestServer;
let raw: Redis;
let prefix: string;
let sent: string[];
let store: RedisStore;
let opened: RedisStore[] = [];

beforeAll(async () => {
  server = await startRedis();
  raw = server.connect();
});
afterAll(() => server.stop());
beforeEach(async () => {
  prefix = freshPrefix();
  sent = [];
  store = await open();
  sent.length = 0;
});
afterEach(async () => {
  for (const one of opened) await one.close();
  opened = [];
  await dropKeys(raw, prefix);
});

async function open(options: Partial<RedisStoreOptions> = {}): Promise<RedisStore> {
  const redis = fromIoredis(raw);
  const client = {
    ...redis,
    send: (command: Parameters<typeof redis.send>[0]) => {
      sent.push(String(command.args[0]));
      return redis.send(command);
    },
  };
  const one = createRedisStore({ client, prefix, ...options });
  opened.push(one);
  await one.init();
  return one;
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const entry = (id: string, value: string | null): AuthEntry => ({
  type: 'creds',
  id,
  value: value === null ? null : bytes(value),
});

async function create(...ids: string[]): Promise<void> {
  await store.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
}
async function readOne(sessionId: string, id: string, from = store): Promise<string | undefined> {
  const value = (await from.auth.read({ sessionId, type: 'creds', ids: [id] })).get(id);
  return value === undefined ? undefined : Buffer.from(value).toString();
}

describe('credentials', () => {
  it('of a first login, 812 keys, are one call', async () => {
    await create('a');
    // The first call of a script sends its text as well.
    await store.auth.write({ sessionId: 'a', tenure: null, entries: [entry('creds', 'x')] });
    const entries = Array.from({ length: 812 }, (_, index) => ({
      type: 'pre-key',
      id: String(index),
      value: randomBytes(170),
    }));
    sent.length = 0;
    await store.auth.write({ sessionId: 'a', tenure: null, entries });
    expect(sent).toEqual(['EVALSHA']);
    const found = await store.auth.read({ sessionId: 'a', type: 'pre-key', ids: entries.map(({ id }) => id) });
    expect(found.size).toBe(812);
    expect(entries.every(({ id, value }) => value.equals(found.get(id) ?? new Uint8Array()))).toBe(true);
  });

  it('of many sessions at once share calls, and each session keeps the order of its writes', async () => {
    const ids = Array.from({ length: 100 }, (_, index) => `s${index}`);
    await create(...ids);
    await store.auth.write({ sessionId: 's0', tenure: null, entries: [entry('creds', 'x')] });
    sent.length = 0;
    const rounds = Array.from({ length: 20 }, (_, round) => round);
    await Promise.all(
      rounds.flatMap((round) =>
        ids.map((sessionId) =>
          store.auth.write({
            sessionId,
            tenure: null,
            entries: [entry('creds', `round ${round}`), entry(`only-${round}`, 'x')],
          }),
        ),
      ),
    );
    expect(sent.length).toBeLessThanOrEqual(3);
    for (const sessionId of ids) expect(await readOne(sessionId, 'creds')).toBe('round 19');
  });

  it('refused for one session leave the others of the same call alone', async () => {
    const owner = await joinReplica(store);
    await holdSessions(store, owner, ['a', 'b']);
    const write = (sessionId: string, tenure: string | null) =>
      store.auth.write({ sessionId, tenure, entries: [entry('creds', sessionId)] });
    const results = await Promise.allSettled([write('a', 'of another'), write('b', null), write('nobody', null)]);
    expect(results.map((result) => (result.status === 'rejected' ? result.reason.code : 'written'))).toEqual([
      'tenure_lost',
      'written',
      'session_not_found',
    ]);
    expect(await readOne('a', 'creds')).toBeUndefined();
    expect(await readOne('b', 'creds')).toBe('b');
  });

  const acts: [string, (from: RedisStore) => Promise<unknown>][] = [
    ['a write', (from) => from.auth.write({ sessionId: 'a', tenure: null, entries: [entry('creds', 'old')] })],
    ['a quarantine', (from) => from.auth.quarantine({ sessionId: 'a', reason: 'x' })],
    ['a purge', (from) => from.auth.purge({ sessionId: 'a' })],
  ];
  for (const [what, act] of acts) {
    it(`keep what is newer where ${what} was given up with its connection and arrives late`, async () => {
      await create('a');
      const { client, late, state, arrive } = holdBackCommands(fromIoredis(raw));
      const one = createRedisStore({ client, prefix });
      const write = (value: string) =>
        one.auth.write({ sessionId: 'a', tenure: null, entries: [entry('creds', value)] });
      await write('first');
      await Promise.all([one.auth.quarantine({ sessionId: 'b', reason: 'x' }), one.auth.purge({ sessionId: 'b' })]);
      state.holding = true;
      await expect(act(one)).rejects.toMatchObject({ code: 'store_unreachable' });
      state.holding = false;
      await write('newer');
      expect(late).toHaveLength(1);
      await arrive(0);
      expect(await readOne('a', 'creds')).toBe('newer');
      // Another process is not held up by it.
      await store.auth.write({ sessionId: 'a', tenure: null, entries: [entry('creds', 'of another')] });
      expect(await readOne('a', 'creds')).toBe('of another');
    });
  }

  it('that the server refuses fail alone', async () => {
    await create('a', 'b');
    await raw.set(`{${prefix}}:auth:a`, 'no hash');
    const write = (sessionId: string) => store.auth.write({ sessionId, tenure: null, entries: [entry('creds', 'x')] });
    const results = await Promise.allSettled([write('a'), write('b')]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(await readOne('b', 'creds')).toBe('x');
  });

  it('quarantined can be restored by a person, as the docs say', async () => {
    await create('a');
    const write = (value: string) =>
      store.auth.write({ sessionId: 'a', tenure: null, entries: [entry('creds', value)] });
    await write('first');
    await store.auth.quarantine({ sessionId: 'a', reason: 'logged out' });
    await write('second');
    await store.auth.quarantine({ sessionId: 'a', reason: 'logged out again' });
    const aside = `{${prefix}}:aside:a`;
    expect(JSON.parse(String(await raw.hget(aside, '#1')))).toEqual(['logged out', expect.any(Number)]);
    const docs = await readFile(new URL('../../../docs/REDIS.md', import.meta.url), 'utf8');
    const snippet = /```lua\n(.*?)```/s.exec(docs)?.[1] ?? '';
    await raw.eval(snippet, 2, aside, `{${prefix}}:auth:a`, '1');
    expect(await readOne('a', 'creds')).toBe('first');
    expect(await store.auth.purge({ sessionId: 'a' })).toBe(2);
    expect(await raw.exists(aside)).toBe(0);
  });
});

describe('encryption at rest', () => {
  const [one, two] = [randomBytes(32), randomBytes(32)];
  const ring = (current: string, keys: Record<string, Uint8Array>) => ({ auth: { keyRing: { current, keys } } });
  const write = (to: RedisStore, value: string, id = 'creds', sessionId = 'a') =>
    to.auth.write({ sessionId, tenure: null, entries: [entry(id, value)] });
  const stored = async (id = 'creds', sessionId = 'a') =>
    (await raw.hgetBuffer(`{${prefix}}:auth:${sessionId}`, `5:creds:${id}`)) ?? Buffer.alloc(0);
  const codeOf = (call: Promise<unknown>) =>
    call.then(
      () => 'no error',
      (error: { code: string }) => error.code,
    );

  it('hides the record, opens with old keys, and takes the newest one at the next write', async () => {
    await create('a');
    await write(store, 'plain secret');
    const first = await open(ring('one', { one }));
    expect(await readOne('a', 'creds', first)).toBe('plain secret');
    expect((await stored()).toString()).toContain('plain secret');
    await write(first, 'sealed secret');
    expect((await stored()).toString('latin1')).not.toContain('secret');
    expect((await stored()).toString('latin1')).toContain('one');
    const second = await open(ring('two', { one, two }));
    expect(await readOne('a', 'creds', second)).toBe('sealed secret');
    await write(second, 'newest');
    expect((await stored()).toString('latin1')).toContain('two');
    expect(await codeOf(readOne('a', 'creds', first))).toBe('auth_key_missing');
    expect(await codeOf(readOne('a', 'creds'))).toBe('auth_key_missing');
  });

  it('does not open a record that was moved, changed or cut', async () => {
    await create('a', 'b');
    const sealing = await open(ring('one', { one }));
    await write(sealing, 'mine');
    const record = await stored();
    const put = (key: string, name: string, value: Buffer) => raw.hset(`{${prefix}}:auth:${key}`, name, value);
    await put('b', '5:creds:creds', record);
    await put('a', '5:creds:other', record);
    const changed = Buffer.from(record);
    changed[changed.length - 1]! ^= 1;
    await put('a', '5:creds:changed', changed);
    await put('a', '5:creds:cut', record.subarray(0, 10));
    await put('a', '5:creds:empty', Buffer.alloc(0));
    expect(await codeOf(readOne('b', 'creds', sealing))).toBe('auth_corrupt');
    for (const id of ['other', 'changed', 'cut', 'empty']) {
      expect(await codeOf(readOne('a', id, sealing))).toBe('auth_corrupt');
    }
    expect(await readOne('a', 'creds', sealing)).toBe('mine');
  });

  it('that is not asked for is logged once, at the first write', async () => {
    const told: string[] = [];
    const hear = (_: unknown, line: string) => void told.push(line);
    const logger = { debug: hear, info: hear, warn: hear, error: hear };
    const [open1, sealed] = [await open(), await open(ring('one', { one }))];
    for (const store of [open1, sealed]) store.useLogger({ logger });
    const about = () => told.filter((line) => line.includes('unencrypted')).length;
    await create('a');
    expect(about()).toBe(0);
    await write(sealed, 'x');
    expect(about()).toBe(0);
    await write(open1, 'x');
    await write(open1, 'y');
    expect(about()).toBe(1);
  });
});

describe('credentials of a row that was deleted by hand', () => {
  it('are not those of the next session with its id', async () => {
    await create('a', 'b');
    for (const sessionId of ['a', 'b']) {
      await store.auth.write({ sessionId, tenure: null, entries: [entry('old', 'aside')] });
      await store.auth.quarantine({ sessionId, reason: 'logged_out' });
      await store.auth.write({ sessionId, tenure: null, entries: [entry('me', 'live')] });
    }
    await raw.hdel(`{${prefix}}:session`, 'a');
    await create('a', 'b');
    expect((await store.auth.read({ sessionId: 'a', type: 'creds', ids: ['me'] })).size).toBe(0);
    expect(await store.auth.purge({ sessionId: 'a' })).toBe(0);
    expect((await store.auth.read({ sessionId: 'b', type: 'creds', ids: ['me'] })).size).toBe(1);
  });
});
