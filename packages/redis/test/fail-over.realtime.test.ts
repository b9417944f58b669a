import type { WaSyncErrorCode } from '@wa-sync/core';
import { type FaultProxy, startFaultProxy } from '@wa-sync/dev/faults';
import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRedisStore, type RedisClient, type RedisStore } from '../src/index.js';
import { CLIENT_KINDS } from './client-kinds.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000, interval: 10 });
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'no error',
    (error: { code: WaSyncErrorCode }) => error.code,
  );

/** Where clients go, as behind a name or a sentinel; and the copying between the two servers. */
let [door, copying]: FaultProxy[] = [];
let [master, replica]: TestServer[] = [];
let prefix: string;
let lines: string[];

beforeEach(async () => {
  const flags = ['--appendonly', 'no', '--repl-diskless-sync-delay', '0'];
  master = await startRedis(flags);
  copying = await startFaultProxy({ port: master.port });
  replica = await startRedis([...flags, '--replicaof', `127.0.0.1 ${copying.port}`]);
  door = await startFaultProxy({ port: master.port });
  const state = replica.connect();
  await until(async () => expect(await state.info('replication')).toContain('master_link_status:up'));
  prefix = freshPrefix();
  lines = [];
});
afterEach(async () => {
  await door?.close();
  await copying?.close();
  await master?.stop();
  await replica?.stop();
});

function open(client: RedisClient, commandMs = 2_000): RedisStore {
  const hear = (fields: Readonly<Record<string, unknown>>) => void lines.push(String(fields.code));
  const logger = { debug: hear, info: hear, warn: hear, error: hear };
  const store = createRedisStore({ client, prefix, timeouts: { commandMs } });
  store.useLogger({ logger });
  return store;
}

/** All that the master knows is on the replica too. */
async function copied(): Promise<void> {
  const [from, to] = [master!.connect(), replica!.connect()];
  const offset = (info: string, name: string) => new RegExp(`${name}:(\\d+)`).exec(info)?.[1];
  await until(async () => {
    const told = offset(await from.info('replication'), 'master_repl_offset');
    expect(offset(await to.info('replication'), 'slave_repl_offset')).toBe(told);
  });
}

/** The master dies with what it had not copied yet, and the replica takes its place. */
async function failOver(): Promise<void> {
  await master!.kill();
  await replica!.connect().call('REPLICAOF', 'NO', 'ONE');
  door!.retarget({ port: replica!.port });
}

describe.each(CLIENT_KINDS)('a replica that is promoted, on %s', (_, connect) => {
  it('lost the last second: tenures keep it true, and nothing is destroyed for one lease', async () => {
    const { client, end } = await connect(door!.port);
    const store = open(client);
    const owner = await joinReplica(store);
    const [held] = await holdSessions(store, owner, ['a']);
    await store.sessions.create({
      sessions: ['b', 'old'].map((id) => ({ id, desired: 'running' as const })),
    });
    await store.cleanup.deactivate({ ids: ['old'], inactiveForMs: -1, restedForMs: 0 });
    const { next } = await store.history.since({ after: null, limit: 1 });
    await copied();

    // From here on nothing is copied, and everything is answered.
    copying!.apply({ kind: 'black-hole' });
    const [written] = await store.sessions.write({ owner, writes: [writeOf(held!, change({ status: 'ERROR' }))] });
    expect(written).toMatchObject({ applied: true });
    const claim = async (by: string, tenure: string) =>
      (await store.sessions.claim({ owner: by, claims: [{ id: 'b', tenure, mode: 'free' }] }))[0];
    const lost = await claim(owner, 'lost');
    expect(lost).toMatchObject({ claimed: true });
    const { transitions } = await store.history.since({ after: next, limit: 10 });
    expect(transitions).toHaveLength(1);
    await failOver();

    await until(async () => expect(await codeOf(store.sessions.list({ limit: 1 }))).toBe('no error'));
    // The status went back, and is put right by its owner.
    const [again] = await store.sessions.get({ ids: ['a'] });
    expect(again).toMatchObject({ status: 'CONNECTED', version: held!.version });
    const [fixed] = await store.sessions.write({ owner, writes: [writeOf(again!, change({ status: 'ERROR' }))] });
    expect(fixed).toMatchObject({ applied: true, session: { status: 'ERROR' } });
    // The claim is undone: another may have the session, and then only that one can write.
    const taker = await joinReplica(store);
    expect(await claim(taker, 'taken')).toMatchObject({ claimed: true });
    if (!lost?.claimed) throw new Error('it was claimed');
    const [refused] = await store.sessions.write({ owner, writes: [writeOf(lost.session, change())] });
    expect(refused).toEqual({ id: 'b', applied: false });
    expect(await store.sessions.get({ ids: ['b'] })).toMatchObject([{ owner: taker, tenure: 'taken' }]);
    // Its reader saw an entry that is no more, and goes on with what came instead.
    const feed = await store.history.since({ after: transitions[0]!.id, limit: 10 });
    expect(feed.missed || feed.transitions.length === 1).toBe(true);

    await expect(store.cleanup.markForPurge({ ids: ['old'], inactiveForMs: -1, restedForMs: 0 })).rejects.toMatchObject(
      {
        code: 'store_failed',
        retryable: true,
      },
    );
    const begun = await store.jobs.begin({ runId: 'r', job: 'cleanup', slot: null, owner });
    expect(begun).toEqual({ begun: false, why: 'running', run: null });
    expect(await store.leases.beat(beatOf(owner))).toMatchObject({ alive: true });
    expect(lines.filter((code) => code === 'redis_changed')).toHaveLength(1);
    await store.close();
    end();
  });

  it('says that it is a replica until then, and reads still answer', async () => {
    const { client, end } = await connect(door!.port);
    const store = open(client);
    const owner = await joinReplica(store);
    await holdSessions(store, owner, ['a']);
    await copied();
    door!.retarget({ port: replica!.port });
    door!.apply({ kind: 'cut' });
    await until(async () =>
      expect(await codeOf(store.sessions.setDesired({ id: 'a', desired: 'stopped' }))).toBe('store_failed'),
    );
    await expect(store.leases.beat(beatOf(owner))).rejects.toThrow(/READONLY.*replica/);
    expect(await store.sessions.get({ ids: ['a'] })).toMatchObject([{ desired: 'running' }]);
    await replica!.connect().call('REPLICAOF', 'NO', 'ONE');
    expect(await store.sessions.setDesired({ id: 'a', desired: 'stopped' })).toMatchObject({ desired: 'stopped' });
    await store.close();
    end();
  });
});

describe.each(CLIENT_KINDS)('a server that is still loading, on %s', (name, connect) => {
  it('is away until it has, and then has everything', async () => {
    const slow = ['--key-load-delay', '500', '--loading-process-events-interval-bytes', '1024'];
    const server = await startRedis(['--appendonly', 'yes', '--appendfsync', 'everysec', ...slow]);
    door!.retarget({ port: server.port });
    const { client, end } = await connect(door!.port);
    const store = open(client, 250);
    const owner = await joinReplica(store);
    await holdSessions(store, owner, ['a']);
    const filler = server.connect();
    await filler.eval(`for n = 1, 3000 do redis.call('SET', 'filler' .. n, n) end`, 0);
    await filler.bgrewriteaof();
    await until(async () => expect(await filler.info('persistence')).toContain('aof_rewrite_in_progress:0'));
    await until(async () => expect(await filler.info('persistence')).toContain('aof_last_bgrewrite_status:ok'));
    await server.kill();
    const back = server.restart();
    const said = new Set<string>();
    let over = false;
    void back.then(() => {
      over = true;
    });
    while (!over) {
      const words = await store.sessions.list({ limit: 1 }).then(
        () => 'no error',
        (error: Error & { code: string }) => `${error.code}: ${error.message}`,
      );
      said.add(words);
    }
    said.delete('no error');
    // While it loads it serves connections only now and then.
    for (const words of said) expect(words).toMatch(/^store_(unreachable|timeout): /);
    // ioredis asks the server by itself, and keeps what it is given until it has loaded.
    expect([...said].join()).toMatch(name === 'ioredis' ? /no connection within|ECONN/ : /is away: LOADING/);
    await until(async () => expect(await codeOf(store.sessions.list({ limit: 1 }))).toBe('no error'));
    expect(await store.sessions.get({ ids: ['a'] })).toMatchObject([{ owner, status: 'CONNECTED' }]);
    await store.close();
    end();
    await server.stop();
  });
});
