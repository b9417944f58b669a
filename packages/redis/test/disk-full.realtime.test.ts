import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isWaSyncError, type StoredSession } from '@wa-sync/core';
import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import type { Redis } from 'ioredis';
import { afterEach, describe, expect, it, type TestContext, vi } from 'vitest';
import { createRedisStore, type RedisStore } from '../src/index.js';
import { CLIENT_KINDS, type TestClient } from './client-kinds.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';

const CONNECTED = { status: 'CONNECTED', health: 'healthy', reason: null } as const;
const until = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000, interval: 20 });

let undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.reverse()) await step();
  undo = [];
});

interface Scene {
  readonly server: TestServer;
  readonly raw: Redis;
  readonly client: TestClient;
  readonly prefix: string;
  readonly store: RedisStore;
  readonly owner: string;
  readonly held: StoredSession;
}

async function open(connect: (port: number) => Promise<TestClient>, flags: readonly string[]): Promise<Scene> {
  const server = await startRedis(flags);
  undo.push(() => server.stop());
  const client = await connect(server.port);
  undo.push(() => client.end());
  const prefix = freshPrefix();
  const store = createRedisStore({ client: client.client, prefix });
  undo.push(() => store.close());
  const owner = await joinReplica(store);
  const [held] = await holdSessions(store, owner, ['a', 'b']);
  await store.sessions.create({ sessions: [{ id: 'free', desired: 'running' }] });
  await store.auth.write(creds('kept', held!.tenure));
  return { server, raw: server.connect(), client, prefix, store, owner, held: held! };
}

const creds = (text: string, tenure: string | null) => ({
  sessionId: 'a',
  tenure,
  entries: [{ type: 'creds', id: 'creds', value: new Uint8Array(Buffer.from(text)) }],
});

async function failureOf(call: Promise<unknown>) {
  try {
    await call;
  } catch (error) {
    if (!isWaSyncError(error)) throw error;
    return { code: error.code, retryable: error.retryable, message: error.message };
  }
  throw new Error('it did not fail');
}

const creatingOf = ({ store }: Scene) => store.sessions.create({ sessions: [{ id: 'new', desired: 'running' }] });

/**
 * Every kind of write is refused with the server's own word, a replica that starts now too; what is there is read,
 * unchanged.
 */
async function refusesWritesAndReads(scene: Scene): Promise<void> {
  const { store, owner, held, client, prefix } = scene;
  const late = createRedisStore({ client: client.client, prefix });
  undo.push(() => late.close());
  const calls = {
    write: store.sessions.write({ owner, writes: [writeOf(held, change({ status: 'ERROR' }))] }),
    claim: store.sessions.claim({ owner, claims: [{ id: 'free', tenure: 'new', mode: 'free' }] }),
    create: creatingOf(scene),
    wish: store.sessions.setDesired({ id: 'a', desired: 'stopped' }),
    release: store.sessions.release({ owner, unobservedIds: [], reason: { code: 'x' } }),
    beat: store.leases.beat(beatOf(owner)),
    auth: store.auth.write(creds('new', held.tenure)),
    quarantine: store.auth.quarantine({ sessionId: 'a', reason: 'x' }),
    start: late.init(),
  };
  const answers = await Promise.all(Object.values(calls).map(failureOf));
  const failure = { code: 'store_failed', retryable: true, message: expect.stringMatching(/MISCONF.*its disk/s) };
  expect(answers).toEqual(answers.map(() => failure));
  expect(await store.sessions.get({ ids: ['a'] })).toEqual([held]);
  expect(await store.sessions.get({ ids: ['free', 'new'] })).toMatchObject([{ id: 'free', owner: null, version: 1 }]);
  expect(await store.sessions.sweep({ owner, expected: CONNECTED, otherIds: [] })).toMatchObject({ count: 2 });
  expect(await storedCreds(scene)).toBe('kept');
}

async function storedCreds({ store }: Scene): Promise<string> {
  return Buffer.from(
    (await store.auth.read({ sessionId: 'a', type: 'creds', ids: ['creds'] })).get('creds')!,
  ).toString();
}

/** The same store, on the same connection, does all that was refused, and only once. */
async function worksAgain(scene: Scene): Promise<void> {
  const { store, owner, held } = scene;
  expect(await store.leases.beat(beatOf(owner))).toMatchObject({ alive: true });
  const writes = [writeOf(held, change({ status: 'ERROR' }))];
  expect(await store.sessions.write({ owner, writes })).toMatchObject([
    { applied: true, session: { status: 'ERROR', version: held.version + 1 } },
  ]);
  expect(await store.sessions.claim({ owner, claims: [{ id: 'free', tenure: 't', mode: 'free' }] })).toMatchObject([
    { claimed: true },
  ]);
  expect(await creatingOf(scene)).toEqual(['new']);
  await store.auth.write(creds('new', held.tenure));
  expect(await storedCreds(scene)).toBe('new');
}

describe.each(CLIENT_KINDS)('a server that cannot write to its disk, on %s', (_, connect) => {
  it('whose snapshot failed refuses writes as something that passes, loses nothing, and goes on once it has a folder', async () => {
    // Somebody who can write anywhere as root still needs the folder to be there.
    const gone = await folder();
    const fixed = await folder();
    const flags = ['--dir', gone, '--save', '3600 1', '--enable-protected-configs', 'yes', '--appendonly', 'no'];
    const scene = await open(connect, flags);
    const { raw } = scene;
    await rm(gone, { recursive: true });
    await raw.bgsave();
    await until(async () => expect(await raw.info('persistence')).toContain('rdb_last_bgsave_status:err'));
    await refusesWritesAndReads(scene);

    await raw.config('SET', 'dir', fixed);
    await raw.bgsave();
    await until(async () => expect(await raw.info('persistence')).toContain('rdb_last_bgsave_status:ok'));
    await worksAgain(scene);
  });

  it('whose append-only file has no space refuses writes until it has, and what it answered is there after a kill', async (context) => {
    const disk = await mountSmallDisk();
    if (disk === null) return leaveOut(context, 'a small disk can be mounted by root on Linux only');
    const scene = await open(connect, ['--dir', disk, '--appendonly', 'yes', '--appendfsync', 'everysec']);
    const { raw, server, client, store } = scene;
    const ballast = Buffer.alloc(64_000);
    await raw.config('SET', 'auto-aof-rewrite-percentage', '0');
    await until(async () => {
      for (let index = 0; index < 20; index += 1) await raw.set('ballast', ballast).catch(() => {});
      expect(await raw.info('persistence')).toContain('aof_last_write_status:err');
    });
    await refusesWritesAndReads(scene);

    resize(disk, '64m');
    await until(async () => expect(await raw.info('persistence')).toContain('aof_last_write_status:ok'));
    await worksAgain(scene);
    await until(async () => expect(await raw.info('persistence')).toContain('aof_pending_bio_fsync:0'));
    await server.kill();
    await server.restart();
    await client.ready();
    expect(await store.sessions.get({ ids: ['a'] })).toMatchObject([{ status: 'ERROR' }]);
    expect(await storedCreds(scene)).toBe('new');
  });
});

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'wa-sync-redis-disk-'));
  undo.push(() => rm(made, { recursive: true, force: true }));
  return made;
}

/** A disk of 2 MB; `null` where it cannot be had. */
async function mountSmallDisk(): Promise<string | null> {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return null;
  const made = await folder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', made], { stdio: 'ignore' });
  } catch {
    return null;
  }
  undo.push(() => void execFileSync('umount', ['-l', made], { stdio: 'ignore' }));
  return made;
}

function resize(disk: string, size: string): void {
  execFileSync('mount', ['-o', `remount,size=${size}`, disk], { stdio: 'ignore' });
}

/** Ends a test as left out, and has the run say so at its end. */
function leaveOut({ task, skip }: TestContext, why: string): never {
  task.meta.leftOut = why;
  return skip(why);
}
