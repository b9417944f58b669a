import { once } from 'node:events';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { isWaSyncError, type WaSyncError } from '@wa-sync/core';
import { whenEnded } from '@wa-sync/core/adapter';
import { holdSessions, joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fromIoredis } from '../src/driver/redis-like.js';
import { createRedisStore, type RedisStore, type RedisStoreOptions } from '../src/index.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';
import { dropKeys } from './store-harness.js';

const PASSWORD = 'right-secret';
const SECRET = 'hunter2-secret';
/** Where nothing ever answers. Elsewhere an answer of a slow machine must not be missed. */
const timeouts = { commandMs: 300 };

let server: TestServer;
let raw: Redis;
let prefix: string;
let opened: RedisStore[] = [];
let started: TestServer[] = [];

beforeAll(async () => {
  server = await startRedis(['--requirepass', PASSWORD]);
  raw = server.connect({ password: PASSWORD });
});
afterAll(() => server.stop());
beforeEach(() => {
  prefix = freshPrefix();
});
afterEach(async () => {
  for (const store of opened) await store.close();
  opened = [];
  // Those that a test that failed has left, too.
  for (const own of started) await own.stop();
  started = [];
  await dropKeys(raw, prefix);
});

async function failureOf(run: () => unknown): Promise<WaSyncError> {
  try {
    await run();
  } catch (error) {
    if (!isWaSyncError(error)) throw error;
    // Everything that a log line of this error could show.
    const shown = `${inspect(error, { depth: 10, showHidden: true })} ${JSON.stringify(error)}`;
    expect(shown).not.toContain(SECRET);
    expect(shown).not.toContain(PASSWORD);
    return error;
  }
  throw new Error('it did not fail');
}

function open(options: Partial<RedisStoreOptions> = {}): RedisStore {
  const store = createRedisStore({ client: raw, prefix, ...options });
  opened.push(store);
  return store;
}

async function startOwn(flags: readonly string[]): Promise<TestServer> {
  const own = await startRedis(flags);
  started.push(own);
  return own;
}

async function unusedPort(): Promise<number> {
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('a server that cannot be had', () => {
  it('is named, by host and port, where nobody listens', async () => {
    const port = await unusedPort();
    const client = new Redis({ host: '127.0.0.1', port, password: SECRET });
    const error = await failureOf(() => open({ client, timeouts }).init());
    client.disconnect();
    expect(error).toMatchObject({ code: 'store_unreachable', retryable: true });
    expect(error.message).toContain(`127.0.0.1:${port}`);
    expect(error.message).toContain('ECONNREFUSED');
  });

  it('is named where it never answers', async () => {
    const listener = createServer((socket) => void socket.on('error', () => {}));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address() as { port: number };
    const client = new Redis({ host: '127.0.0.1', port: address.port });
    const error = await failureOf(() => open({ client, timeouts }).init());
    // What bounds calls counts this one until the client has given it up too.
    const ended = whenEnded(error);
    expect(ended).toBeInstanceOf(Promise);
    client.disconnect();
    listener.close();
    await ended;
    expect(error).toMatchObject({ code: 'store_unreachable', retryable: true });
    expect(error.message).toContain(`127.0.0.1:${address.port}`);
  });

  it('refuses a wrong password, which nothing shows, on ioredis', async () => {
    const client = server.connect({ password: SECRET });
    const error = await failureOf(() => open({ client }).init());
    expect(error).toMatchObject({ code: 'store_unreachable', retryable: false });
    expect(error.message).toContain(`127.0.0.1:${server.port}`);
    expect(error.message).toMatch(/WRONGPASS|NOAUTH/);
  });

  it('refuses a wrong password, which nothing shows, on node-redis', async () => {
    const client = createClient({ url: `redis://:${SECRET}@127.0.0.1:${server.port}` });
    client.on('error', () => {});
    const store = open({ client, timeouts });
    // It tries for ever.
    const connecting = client.connect().catch(() => {});
    const error = await failureOf(() => store.init());
    client.destroy();
    await connecting;
    expect(error.code).toBe('store_unreachable');
    expect(error.message).toContain(`127.0.0.1:${server.port}`);
  });

  it('refuses whoever gives no password', async () => {
    const error = await failureOf(() => open({ client: server.connect() }).init());
    expect(error).toMatchObject({ code: 'store_unreachable', retryable: false });
    expect(error.message).toContain('NOAUTH');
  });

  it('is found again by the next call', async () => {
    const port = await unusedPort();
    const client = new Redis({ host: '127.0.0.1', port });
    const store = open({ client, timeouts: { commandMs: 1_000 } });
    expect((await failureOf(() => store.init())).code).toBe('store_unreachable');
    await startOwn(['--port', String(port)]);
    await once(client, 'ready');
    expect(await store.sessions.list({ limit: 1 })).toEqual([]);
    client.disconnect();
  });

  it('whose client was ended, and a store that was closed', async () => {
    const client = server.connect({ password: PASSWORD });
    const store = open({ client });
    await store.init();
    await client.quit();
    expect((await failureOf(() => store.sessions.list({ limit: 1 }))).code).toBe('store_unreachable');
    const closed = open();
    await closed.init();
    await closed.close();
    expect((await failureOf(() => closed.sessions.list({ limit: 1 }))).code).toBe('not_running');
    expect(raw.status).toBe('ready');
  });
});

describe('a server that refuses', () => {
  it('commands or keys that the user has no right to', async () => {
    await raw.call('ACL', 'SETUSER', 'no-scripts', 'on', `>${SECRET}`, '~*', '+@all', '-eval', '-evalsha');
    await raw.call('ACL', 'SETUSER', 'no-keys', 'on', `>${SECRET}`, '~other:*', '+@all');
    await raw.call('ACL', 'SETUSER', 'no-writing', 'on', `>${SECRET}`, '~*', '+@all', '-hset');
    for (const username of ['no-scripts', 'no-keys']) {
      const error = await failureOf(() => open({ client: server.connect({ username, password: SECRET }) }).init());
      expect(error.code).toBe('store_rights');
    }
    await open().init();
    const store = open({ client: server.connect({ username: 'no-writing', password: SECRET }) });
    await store.init();
    const sessions = [{ id: 'a', desired: 'running' as const }];
    expect((await failureOf(() => store.sessions.create({ sessions }))).code).toBe('store_rights');
    expect(await store.sessions.list({ limit: 10 })).toEqual([]);
  });

  it.each(['ioredis', 'node-redis'])('a write for want of memory, on %s', async (kind) => {
    const other = createClient({ url: `redis://:${PASSWORD}@127.0.0.1:${server.port}` });
    other.on('error', () => {});
    if (kind === 'node-redis') await other.connect();
    const store = open({ client: kind === 'node-redis' ? other : raw });
    await store.init();
    await raw.config('SET', 'maxmemory', '1');
    const sessions = [{ id: 'a', desired: 'running' as const }];
    const error = await failureOf(() => store.sessions.create({ sessions }));
    // What is there is still read, and a beat reports what is wrong.
    expect(await store.sessions.list({ limit: 10 })).toEqual([]);
    await raw.config('SET', 'maxmemory', '0');
    expect(error).toMatchObject({ code: 'store_failed', retryable: true });
    expect(error.message).toContain('OOM');
    expect(await store.sessions.create({ sessions })).toEqual(['a']);
    if (other.isOpen) other.destroy();
  });

  it('a write because it is a replica', async () => {
    const own = await startOwn(['--appendonly', 'no']);
    const client = own.connect();
    const store = open({ client });
    await store.init();
    await client.call('REPLICAOF', '127.0.0.1', '1');
    const sessions = [{ id: 'a', desired: 'running' as const }];
    const error = await failureOf(() => store.sessions.create({ sessions }));
    expect(error).toMatchObject({ code: 'store_failed', retryable: true });
    expect(error.message).toContain('READONLY');
    const start = await failureOf(() => open({ client }).init());
    expect(start).toMatchObject({ code: 'store_failed', retryable: true });
    expect(start.message).toContain('replica');
  });

  it.each(['ioredis', 'node-redis'])('everything while somebody’s script runs on, on %s', async (kind) => {
    const own = await startOwn(['--busy-reply-threshold', '10']);
    const other = createClient({ url: own.url });
    other.on('error', () => {});
    if (kind === 'node-redis') await other.connect();
    const store = open({ client: kind === 'node-redis' ? other : own.connect() });
    await store.init();
    const script = own.connect();
    const killer = own.connect();
    // A client that connects while a script runs receives BUSY, and starts over: both are there before.
    await Promise.all([script.ping(), killer.ping()]);
    const endless = script.eval('while true do end', 0).catch(() => {});
    for (let busy = false; !busy; )
      busy = await killer.ping().then(
        () => false,
        () => true,
      );
    expect(await failureOf(() => store.sessions.list({ limit: 1 }))).toMatchObject({
      code: 'store_timeout',
      retryable: true,
    });
    await killer.script('KILL');
    await endless;
    expect(await store.sessions.list({ limit: 1 })).toEqual([]);
    if (other.isOpen) other.destroy();
  });
});

describe('a server that is not fit', () => {
  it('throws keys away: refused, with the fix', async () => {
    await raw.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const error = await failureOf(() => open().init());
    await raw.config('SET', 'maxmemory-policy', 'noeviction');
    expect(error.code).toBe('config_invalid');
    expect(error.message).toContain('CONFIG SET maxmemory-policy noeviction');
  });

  it('throws keys with an expiry away, of which there are none here: a warning', async () => {
    await raw.config('SET', 'maxmemory-policy', 'volatile-lru');
    const told: unknown[] = [];
    const hear = (fields: unknown) => void told.push(fields);
    const store = open();
    store.useLogger({ logger: { debug: hear, info: hear, warn: hear, error: hear } });
    await store.init();
    await raw.config('SET', 'maxmemory-policy', 'noeviction');
    expect(told).toContainEqual({ code: 'redis_eviction', policy: 'volatile-lru' });
  });

  it('has keys of a newer layout', async () => {
    await raw.hset(`{${prefix}}:meta`, 'layout', '2');
    expect(await failureOf(() => open().init())).toMatchObject({ code: 'schema_newer' });
    expect(await raw.hgetall(`{${prefix}}:meta`)).toEqual({ layout: '2' });
  });

  it('is too old', async () => {
    const real = fromIoredis(raw);
    const older = (answer: unknown): unknown => {
      if (Array.isArray(answer)) return answer.map(older);
      return typeof answer === 'string' ? answer.replace(/redis_version:\d+/, 'redis_version:6') : answer;
    };
    const client = {
      ...real,
      send: async (command: Parameters<typeof real.send>[0]) => older(await real.send(command)),
    };
    expect(await failureOf(() => open({ client }).init())).toMatchObject({ code: 'not_supported' });
  });
});

describe('a row that somebody damaged', () => {
  it('is reported by its name, and stops no other', async () => {
    const told: string[] = [];
    const hear = (fields: Readonly<Record<string, unknown>>) => void told.push(String(fields.err ?? ''));
    const store = open();
    store.useLogger({ logger: { debug: hear, info: hear, warn: hear, error: hear } });
    const owner = await joinReplica(store);
    await holdSessions(store, owner, ['a', 'b', 'c', 'd']);
    await raw.hset(`{${prefix}}:session`, 'b', SECRET);
    await raw.hset(`{${prefix}}:session`, 'c', '["CONNECTED"]');
    const ids = ['a', 'b', 'c', 'd'];
    expect((await store.sessions.get({ ids })).map(({ id }) => id)).toEqual(['a', 'd']);
    expect((await store.sessions.list({ limit: 2 })).map(({ id }) => id)).toEqual(['a', 'd']);
    expect(told.join()).toMatch(/session b .*session c /s);
    expect(told.join()).not.toContain(SECRET);
    const expected = { status: 'CONNECTED', health: 'healthy', reason: null } as const;
    expect(await store.sessions.sweep({ owner, expected, otherIds: ids })).toMatchObject({ count: 2 });
    // Whole, but with another owner than the sorted set says.
    const text = String(await raw.hget(`{${prefix}}:session`, 'd'));
    await raw.hset(`{${prefix}}:session`, 'd', text.replace(owner, 'somebody'));
    expect(await store.sessions.sweep({ owner, expected, otherIds: ids })).toMatchObject({ count: 1 });
    await raw.hset(`{${prefix}}:session`, 'd', text);
    const claims = ids.map((id) => ({ id, tenure: 't', mode: 'takeover' as const }));
    const outcomes = await store.sessions.claim({ owner, claims });
    expect(outcomes.map(({ claimed }) => claimed)).toEqual([true, false, false, true]);
    expect(await store.cleanup.census()).toEqual({ total: 2, active: 2 });
    expect(await store.sessions.release({ owner, unobservedIds: [], reason: { code: 'x' } })).toEqual(['a', 'd']);
    expect(await store.sessions.remove({ id: 'b' })).toBe(true);
    expect(await store.sessions.create({ sessions: [{ id: 'b', desired: 'running' }] })).toEqual(['b']);
  });

  it('is never made of a text that was cut in the middle of a character', async () => {
    const store = open();
    const owner = await joinReplica(store);
    const reason = { code: 'x', detail: `half \ud83d` };
    const [held] = await holdSessions(store, owner, ['a', 'b'], { reason });
    expect(held?.reason).toEqual({ code: 'x', detail: 'half \ufffd' });
  });
});

describe('an option', () => {
  const wrong: [string, unknown, string][] = [
    ['that does not exist', { client: null, pool: 1 }, 'Unknown option pool'],
    ['inside another that does not exist', { auth: { keys: {} } }, 'Unknown option auth.keys'],
    ['client that is none', { client: {} }, 'Option client takes an ioredis client or a node-redis client'],
    ['prefix with a brace', { prefix: 'a}b' }, 'Option prefix takes'],
    ['prefix that is empty', { prefix: '' }, 'Option prefix takes'],
    ['key that is too short', { auth: { keyRing: { current: 'a', keys: { a: new Uint8Array(16) } } } }, '32 bytes'],
    [
      'current that no key has',
      { auth: { keyRing: { current: 'b', keys: { a: new Uint8Array(32) } } } },
      'one of keys',
    ],
    [
      'limit in seconds',
      { timeouts: { commandMs: 5 } },
      'Option timeouts.commandMs takes milliseconds, a whole number',
    ],
  ];
  for (const [what, options, says] of wrong) {
    it(`${what} is refused by name`, async () => {
      const error = await failureOf(() =>
        createRedisStore({ client: raw, ...(options as object) } as RedisStoreOptions),
      );
      expect(error.code).toBe('config_invalid');
      expect(error.message).toContain(says);
    });
  }
});
