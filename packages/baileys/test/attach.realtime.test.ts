import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createMemoryStore, createWaSync, isWaSyncError, type WaSync, type WaSyncStore } from '@wa-sync/core';
import { createMemoryAuthState, type FakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { makeWASocket } from '@whiskeysockets/baileys';
import { describe, expect, it, vi } from 'vitest';
import { baileysProvider, observeBaileysSocket } from '../src/index.js';
import { endLater } from './end-later.js';
import { fastClock, hangingAuth, openSocket, quietLogger, startServer, until } from './kit.js';
import { rowBecomes } from './world.js';

const PHONE = '5511911110001';
const short = { probe: { timeoutMs: 300, silenceMs: 600 }, lease: { ttlMs: 60_000, tickMs: 100 } };

async function startReplica(store: WaSyncStore, options: Partial<Parameters<typeof createWaSync>[0]> = {}) {
  const wa = createWaSync({ store, jobs: { sync: false, cleanup: false, inactivity: false }, ...short, ...options });
  await wa.start();
  endLater(() => wa.stop());
  return wa;
}

/** One store for all replicas of a test, read by the test itself. */
function sharedStore() {
  const store = createMemoryStore();
  return {
    store,
    row: async (id: string) => {
      const [row] = await store.sessions.get({ ids: [id] });
      return row;
    },
  };
}

const attach = (wa: WaSync, socket: ReturnType<typeof openSocket>, onDead: 'end' | 'report' = 'end') =>
  wa.attach(observeBaileysSocket({ sessionId: 'a', socket, onDead }));

/** Sockets that are all of one login. */
function oneLogin(server: FakeWhatsApp) {
  const auth = createMemoryAuthState(server.createCredentials({ phone: PHONE }));
  return () => {
    const socket = makeWASocket({ ...server.socketConfig(), auth, logger: quietLogger });
    endLater(() => void socket.end(undefined));
    return socket;
  };
}

const listeners = (socket: ReturnType<typeof openSocket>) =>
  Object.fromEntries(socket.ws.eventNames().map((name) => [String(name), socket.ws.listenerCount(name)]));

/** Waits for what must come; other tests run beside. */
const soon = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000 });

describe.concurrent('an attached socket', () => {
  it('has no second healer: nobody opens another one, and a session of the provider takes no socket', async () => {
    const server = await startServer();
    const { store, row } = sharedStore();
    const auth = createMemoryAuthState(server.createCredentials({ phone: PHONE }));
    const provider = baileysProvider({
      auth: async () => ({ state: auth, saveCreds: async () => {} }),
      socketConfig: server.socketConfig(),
      loginJitterMs: 0,
      backoff: { baseMs: 10, maxMs: 20 },
    });
    const wa = await startReplica(store, { provider });
    const socket = openSocket(server);
    const onDeadReport = vi.fn();
    await wa.attach(observeBaileysSocket({ sessionId: 'a', socket, onDead: 'report', onDeadReport })).ready;
    await rowBecomes(wa, 'CONNECTED');
    await wa.sessions.start('a');
    server.session(PHONE).goSilent();
    await rowBecomes(wa, 'RECONNECTING');
    await soon(() => expect(onDeadReport).toHaveBeenCalled());
    // Several ticks, in each of which a provider opens what should run and stands free.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(server.accepted).toBe(1);
    expect(socket.ws.isOpen).toBe(true);
    expect((await row('a'))?.reason?.code).toBe('silent');

    await wa.sessions.create({ id: 'b' });
    const second = observeBaileysSocket({ sessionId: 'b', socket: openSocket(server), onDead: 'end' });
    expect(() => wa.attach(second)).toThrow(expect.objectContaining({ code: 'session_provided' }));
  });

  it('gives way to the next one: the row goes on, and the old socket is as it was and says nothing any more', async () => {
    const server = await startServer();
    const { store, row } = sharedStore();
    const wa = await startReplica(store);
    const first = openSocket(server);
    const before = listeners(first);
    await attach(wa, first).ready;
    await rowBecomes(wa, 'CONNECTED');
    const { tenure } = (await row('a')) ?? {};
    const second = openSocket(server, { phone: '5511911110002' });
    await attach(wa, second).ready;
    await server.session('5511911110002').waitForLogin();
    await soon(async () => expect(await row('a')).toMatchObject({ status: 'CONNECTED', tenure }));
    await soon(() => expect(listeners(first)).toMatchObject(before));
    const changes: string[] = [];
    wa.on('session:changed', ({ to }) => void changes.push(to));
    server.session(PHONE).streamError(503);
    await soon(() => expect(first.ws.isClosed).toBe(true));
    await wa.syncNow('a');
    expect(changes.filter((to) => to !== 'CONNECTED')).toEqual([]);
    expect(await row('a')).toMatchObject({ status: 'CONNECTED', phone: '5511911110002' });
  });

  it('attached twice at the same moment, or two sockets of one session, is one row and one that counts', async () => {
    const server = await startServer();
    const { store, row } = sharedStore();
    const wa = await startReplica(store);
    const open = oneLogin(server);
    const socket = open();
    const observation = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' });
    const handles = [wa.attach(observation), wa.attach(observation), attach(wa, socket)];
    await Promise.all(handles.map(({ ready }) => ready));
    await rowBecomes(wa, 'CONNECTED');
    // WhatsApp lets one login live: the second one ends the first.
    const other = open();
    await attach(wa, other).ready;
    await server.session(PHONE).waitForEvent('replaced');
    await soon(() => expect(socket.ws.isClosed).toBe(true));
    await soon(async () => expect(await row('a')).toMatchObject({ status: 'CONNECTED', reason: null }));
    await handles[0]?.detach();
    await handles[1]?.detach();
    expect(await row('a')).toMatchObject({ status: 'CONNECTED' });
    expect(server.connected()).toHaveLength(1);
  });

  it('that has ended already is written as what it is', async () => {
    const server = await startServer();
    const { store, row } = sharedStore();
    const wa = await startReplica(store);
    const socket = openSocket(server);
    await socket.end(undefined);
    const ended = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end', reattachWithinMs: 100 });
    await wa.attach(ended).ready;
    await soon(async () => expect((await row('a'))?.reason?.code).toBe('not_reattached'));
    expect(await row('a')).toMatchObject({ status: 'DISCONNECTED' });
    expect(await ended.sendText?.({ chat: 'x@s.whatsapp.net', text: 'x', messageId: 'x', timeoutMs: 100 })).toBe(
      'failed',
    );
  });

  it('notifies its host through `lost` that another replica has the session, and writes nothing afterwards', async () => {
    const server = await startServer();
    const { store, row } = sharedStore();
    const one = await startReplica(store, { replicaId: 'one' });
    const two = await startReplica(store, { replicaId: 'two' });
    const open = oneLogin(server);
    const first = attach(one, open());
    await first.ready;
    await rowBecomes(one, 'CONNECTED');
    const written: string[] = [];
    one.on('session:changed', ({ to }) => void written.push(to));
    const second = attach(two, open());
    await second.ready;
    await server.session(PHONE).waitForEvent('replaced');
    await vi.waitFor(() => expect(first.lost.aborted).toBe(true), { timeout: 5_000 });
    written.length = 0;
    await one.syncNow();
    expect(written).toEqual([]);
    expect(second.lost.aborted).toBe(false);
    expect(await row('a')).toMatchObject({ status: 'CONNECTED' });
  });

  it('that nobody detaches is not kept in memory once the next one has its place', { timeout: 60_000 }, async () => {
    const server = await startServer();
    const { store } = sharedStore();
    const wa = await startReplica(store);
    const gone: WeakRef<object>[] = [];
    const auth = createMemoryAuthState(server.createCredentials({ phone: PHONE }));
    async function openAndForget(): Promise<void> {
      const socket = makeWASocket({ ...server.socketConfig(), auth, logger: quietLogger, defaultQueryTimeoutMs: 500 });
      const observation = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end', conversationOf: () => 'one' });
      gone.push(new WeakRef(socket), new WeakRef(observation), new WeakRef(socket.ws));
      await wa.attach(observation).ready;
      await until(observation, (seen) => seen.kind === 'known' && seen.status === 'CONNECTED', 'CONNECTED');
      server.session(PHONE).fin();
      await until(observation, (seen) => seen.kind === 'known' && seen.status !== 'CONNECTED', 'the close');
    }
    for (let socket = 0; socket < 8; socket++) await openAndForget();
    const last = openSocket(server);
    await attach(wa, last).ready;
    await rowBecomes(wa, 'CONNECTED');
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    // A socket whose upload of keys, or first sync, was cut off is held by Baileys' own timers: 30 s at most (rc13).
    await vi.waitFor(
      () => {
        gc();
        expect(gone.filter((ref) => ref.deref() !== undefined)).toEqual([]);
      },
      { timeout: 40_000, interval: 200 },
    );
  });

  it('F02: at the defaults stalled handlers are reported in 30 s and end the connection in 60 s; its successor asks for a restart until they work again', {
    timeout: 60_000,
  }, async () => {
    const server = await startServer();
    const { store } = sharedStore();
    // Probes are not what this is about, and a busy machine answers short ones late.
    const wa = await startReplica(store, { probe: { timeoutMs: 5_000, silenceMs: 60_000 } });
    const clock = fastClock(15);
    const restarts: string[] = [];
    wa.on('session:restart-requested', ({ reason }) => void restarts.push(reason.code));
    const keys = hangingAuth(server.createCredentials({ phone: PHONE }));
    const ana = server.contact('5511988887777', 'Ana');
    const deadAfterMs: number[] = [];
    for (let round = 0; round < 2; round++) {
      const socket = makeWASocket({ ...server.socketConfig(), auth: keys.auth, logger: quietLogger });
      const observation = observeBaileysSocket({ sessionId: 'stalled', socket, onDead: 'end', clock });
      await wa.attach(observation).ready;
      await until(observation, (seen) => seen.kind === 'known' && seen.status === 'CONNECTED', 'CONNECTED');
      keys.hang();
      const startedMs = clock.monotonicMs();
      await ana.sendText(PHONE, 'oi');
      await until(observation, (seen) => seen.kind === 'known' && seen.health === 'degraded', 'degraded');
      expect(clock.monotonicMs() - startedMs).toBeLessThan(60_000);
      expect(restarts).toHaveLength(round);
      await until(
        observation,
        (seen) => seen.kind === 'known' && seen.reason?.code === 'handlers_stalled' && seen.status !== 'CONNECTED',
        'its end',
      );
      deadAfterMs.push(clock.monotonicMs() - startedMs);
    }
    expect(Math.min(...deadAfterMs)).toBeGreaterThanOrEqual(60_000);
    keys.release();
    const socket = makeWASocket({ ...server.socketConfig(), auth: keys.auth, logger: quietLogger });
    endLater(() => void socket.end(undefined));
    const observation = observeBaileysSocket({ sessionId: 'stalled', socket, onDead: 'end', clock });
    await wa.attach(observation).ready;
    await until(observation, (seen) => seen.kind === 'known' && seen.status === 'CONNECTED', 'CONNECTED');
    expect(observation.snapshot()).toMatchObject({ restartRequested: { code: 'handlers_stalled' } });
    await ana.sendText(PHONE, 'oi?');
    await until(
      observation,
      (seen) => seen.kind === 'known' && seen.restartRequested === null,
      'no more need of a restart',
    );
    expect(restarts).toEqual(['handlers_stalled']);
  });

  it('names what is wrong', () => {
    try {
      observeBaileysSocket({ sessionId: '', socket: {} as never, onDead: 'end' });
      expect.unreachable();
    } catch (error) {
      expect(isWaSyncError(error)).toBe(true);
    }
  });
});
