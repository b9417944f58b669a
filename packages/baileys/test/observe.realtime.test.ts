import { createMemoryAuthState } from '@wa-sync/fake-whatsapp';
import { initAuthCreds, makeWASocket } from '@whiskeysockets/baileys';
import { describe, expect, it, vi } from 'vitest';
import { type BaileysSocketLike, observeBaileysSocket } from '../src/index.js';
import {
  countingClock,
  fastClock,
  openSocket,
  quietLogger,
  recordStatuses,
  startServer,
  until,
  untilStatus,
} from './kit.js';

describe.concurrent('observeBaileysSocket', () => {
  it('sees a socket connect, and knows its number', async () => {
    const server = await startServer();
    const connection = observeBaileysSocket({ sessionId: 'a', socket: openSocket(server), onDead: 'end' });
    const statuses = recordStatuses(connection);
    const open = await untilStatus(connection, 'CONNECTED');
    expect(statuses).toEqual(['CONNECTING', 'CONNECTED']);
    expect(open).toMatchObject({ health: 'healthy', reason: null, phone: '5511911110001', qr: null });
    expect(open.silentForMs).toBeLessThan(1_000);
    await expect(connection.probe({ timeoutMs: 2_000 })).resolves.toBe('answered');
  });

  it('F01: a healed silent socket closes within a second, and the host hears of it', async () => {
    const server = await startServer();
    const socket = openSocket(server);
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' });
    await untilStatus(connection, 'CONNECTED');
    server.sessions()[0]!.goSilent();
    await expect(connection.probe({ timeoutMs: 300 })).resolves.toBe('timeout');
    const closedAs = new Promise<unknown>((resolve) => {
      socket.ev.on('connection.update', ({ connection: state, lastDisconnect }) => {
        const error = lastDisconnect?.error as { output?: { statusCode?: number } } | undefined;
        if (state === 'close') resolve(error?.output?.statusCode);
      });
    });
    const startedAt = performance.now();
    await connection.heal({ reason: 'silent' });
    expect(await closedAs).toBe(408);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(connection.snapshot()).toMatchObject({ status: 'RECONNECTING', reason: { code: 'silent' } });
    await expect(connection.probe({ timeoutMs: 300 })).resolves.toBe('unavailable');
  });

  it("F01: a close that Baileys' own keep-alive begins does not wait half a minute for a peer that is gone", async () => {
    const server = await startServer();
    const socket = openSocket(server, { config: { keepAliveIntervalMs: 300 } });
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'report' });
    await untilStatus(connection, 'CONNECTED');
    server.sessions()[0]!.goSilent();
    const startedAt = performance.now();
    // Baileys gives up five seconds after an interval without a frame.
    await untilStatus(connection, 'RECONNECTING', { reason: 'connection_lost' });
    expect(performance.now() - startedAt).toBeLessThan(9_000);
    expect(socket.ws.isClosed).toBe(true);
  });

  it("onDead 'report' reports it and leaves the socket alone; frames that come again take the verdict back", async () => {
    const server = await startServer();
    const socket = openSocket(server);
    const onDeadReport = vi.fn();
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'report', onDeadReport });
    await untilStatus(connection, 'CONNECTED');
    const session = server.sessions()[0]!;
    session.goSilent();
    await connection.heal({ reason: 'silent' });
    expect(onDeadReport).toHaveBeenCalledExactlyOnceWith({ sessionId: 'a', reason: 'silent' });
    expect(connection.snapshot()).toMatchObject({ status: 'RECONNECTING', reason: { code: 'silent' } });
    expect(socket.ws.isOpen).toBe(true);
    session.resume();
    void socket.query({ tag: 'iq', attrs: { to: 's.whatsapp.net', type: 'get', xmlns: 'w:p' } }, 2_000).catch(() => {});
    await untilStatus(connection, 'CONNECTED');
  });

  it.each([
    ['FIN', 'connection_closed', 'RECONNECTING', (s: ReturnType<typeof sessionOf>) => s.fin()],
    ['RST', 'connection_closed', 'RECONNECTING', (s: ReturnType<typeof sessionOf>) => s.rst()],
    [
      'RST in the middle of a frame',
      'connection_closed',
      'RECONNECTING',
      (s: ReturnType<typeof sessionOf>) => s.rstMidFrame(),
    ],
    ['WebSocket close', 'connection_closed', 'RECONNECTING', (s: ReturnType<typeof sessionOf>) => s.closeWebSocket()],
    ['xmlstreamend', 'connection_closed', 'RECONNECTING', (s: ReturnType<typeof sessionOf>) => s.xmlStreamEnd()],
    [
      'stream error 503',
      'service_unavailable',
      'RECONNECTING',
      (s: ReturnType<typeof sessionOf>) => s.streamError(503),
    ],
    ['stream error 515', 'restart_required', 'RECONNECTING', (s: ReturnType<typeof sessionOf>) => s.streamError(515)],
    [
      'stream error 401 without a cause',
      'unauthorized',
      'RECONNECTING',
      (s: ReturnType<typeof sessionOf>) => s.streamError(401),
    ],
    [
      'conflict replaced',
      'replaced',
      'REPLACED',
      (s: ReturnType<typeof sessionOf>) => s.streamError({ conflict: 'replaced' }),
    ],
    [
      'another child',
      'stream_error',
      'RECONNECTING',
      (s: ReturnType<typeof sessionOf>) => s.streamError({ child: 'xml-not-well-formed' }),
    ],
    ['F15: device removed', 'logged_out', 'LOGGED_OUT', (s: ReturnType<typeof sessionOf>) => s.logOut()],
  ] as const)('shows %s within a second', async (_what, reason, status, act) => {
    const server = await startServer();
    const connection = observeBaileysSocket({ sessionId: 'a', socket: openSocket(server), onDead: 'end' });
    await untilStatus(connection, 'CONNECTED');
    act(sessionOf(server));
    await untilStatus(connection, status, { reason, timeoutMs: 1_000 });
  });

  it.each([
    [401, 'logged_out', 'LOGGED_OUT'],
    [402, 'temporary_ban', 'ERROR'],
    [403, 'account_locked', 'LOGGED_OUT'],
    [405, 'client_refused', 'ERROR'],
    [406, 'account_banned', 'LOGGED_OUT'],
    [409, 'bad_user_agent', 'ERROR'],
    [500, 'server_error', 'RECONNECTING'],
    [503, 'service_unavailable', 'RECONNECTING'],
  ] as const)('shows a login refused with %i', async (code, reason, status) => {
    const server = await startServer();
    server.planNextConnection({ failure: { reason: code } });
    const connection = observeBaileysSocket({ sessionId: 'a', socket: openSocket(server), onDead: 'end' });
    await untilStatus(connection, status, { reason });
  });

  it('becomes DISCONNECTED when nobody attaches another socket', async () => {
    const server = await startServer();
    const connection = observeBaileysSocket({
      sessionId: 'a',
      socket: openSocket(server),
      onDead: 'end',
      reattachWithinMs: 100,
    });
    await untilStatus(connection, 'CONNECTED');
    sessionOf(server).fin();
    await untilStatus(connection, 'RECONNECTING');
    await untilStatus(connection, 'DISCONNECTED', { reason: 'not_reattached' });
  });

  it('finds out about a socket that was open before it was attached', async () => {
    const server = await startServer();
    const socket = openSocket(server);
    await socket.waitForConnectionUpdate(async ({ connection }) => connection === 'open');
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' });
    expect(connection.snapshot()).toEqual({ kind: 'unknown', why: 'not_yet_seen' });
    await untilStatus(connection, 'CONNECTED');
  });

  it('finds a socket dead that fell silent before it was attached', async () => {
    const server = await startServer();
    const socket = openSocket(server);
    await socket.waitForConnectionUpdate(async ({ connection }) => connection === 'open');
    sessionOf(server).goSilent();
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end', clock: fastClock(10) });
    const statuses = recordStatuses(connection);
    await untilStatus(connection, 'RECONNECTING', { reason: 'silent' });
    expect(statuses).toEqual(['unknown', 'RECONNECTING']);
  });

  it('takes an ended socket for what it is', async () => {
    const server = await startServer();
    const socket = openSocket(server);
    await socket.end(undefined);
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end', reattachWithinMs: 50 });
    expect(connection.snapshot()).toMatchObject({ status: 'RECONNECTING' });
    await untilStatus(connection, 'DISCONNECTED', { reason: 'not_reattached' });
  });

  it.each(['upgrade', 'handshake', 'success'] as const)(
    'F04: never calls a login CONNECTED that falls silent after %s',
    async (stage) => {
      const server = await startServer();
      server.planNextConnection({ silentAfter: stage });
      const socket = openSocket(server);
      const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end', attemptTimeoutMs: 400 });
      const statuses = recordStatuses(connection);
      await untilStatus(connection, 'RECONNECTING', { reason: 'login_timeout' });
      expect(statuses).toEqual(['CONNECTING', 'RECONNECTING']);
    },
  );

  it.each([403, 503])('F04: sees HTTP %i on the upgrade at once', async (status) => {
    const server = await startServer();
    server.planNextConnection({ refuseUpgrade: status });
    const socket = openSocket(server);
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' });
    const closed = new Promise<void>((resolve) => {
      socket.ev.on('connection.update', ({ connection: state }) => {
        if (state === 'close') resolve();
      });
    });
    await untilStatus(connection, 'RECONNECTING', { reason: `http_${status}`, timeoutMs: 2_000 });
    await closed;
  });

  it('F04: does not believe an open that comes after a long silence', async () => {
    const server = await startServer();
    server.planNextConnection({ silentAfter: 'success' });
    const socket = openSocket(server, { config: { defaultQueryTimeoutMs: 400 } });
    const connection = observeBaileysSocket({
      sessionId: 'a',
      socket,
      onDead: 'end',
      attemptTimeoutMs: 600_000,
      clock: fastClock(10),
    });
    const statuses = recordStatuses(connection);
    await socket.waitForConnectionUpdate(async ({ connection: state }) => state === 'open');
    await untilStatus(connection, 'RECONNECTING', { reason: 'open_unproven' });
    expect(statuses).not.toContain('CONNECTED');
  });

  it('believes a late open once the server answers a ping', async () => {
    const server = await startServer();
    server.planNextConnection({ unansweredIqs: 'all-but-pings' });
    const socket = openSocket(server, { config: { defaultQueryTimeoutMs: 400 } });
    const connection = observeBaileysSocket({
      sessionId: 'a',
      socket,
      onDead: 'end',
      attemptTimeoutMs: 600_000,
      clock: fastClock(10),
    });
    await untilStatus(connection, 'CONNECTED');
  });

  it('shows QR codes, and one that nobody scanned', async () => {
    const server = await startServer({ qrRefs: 2 });
    const fresh = makeWASocket({
      ...server.socketConfig(),
      auth: createMemoryAuthState(initAuthCreds()),
      logger: quietLogger,
      qrTimeout: 150,
    });
    const connection = observeBaileysSocket({ sessionId: 'a', socket: fresh, onDead: 'end' });
    const first = await untilStatus(connection, 'QR_CODE');
    expect(first.qr).toMatch(/^.{20,}/);
    await until(
      connection,
      (seen) => seen.kind === 'known' && seen.qr !== null && seen.qr !== first.qr,
      'another code',
    );
    const expired = await untilStatus(connection, 'DISCONNECTED', { reason: 'qr_expired' });
    expect(expired.qr).toBeNull();
  });

  it('contains a frame that cannot be decrypted, and ends the socket', async () => {
    const server = await startServer();
    const connection = observeBaileysSocket({ sessionId: 'a', socket: openSocket(server), onDead: 'end' });
    await untilStatus(connection, 'CONNECTED');
    sessionOf(server).sendGarbage();
    await untilStatus(connection, 'RECONNECTING', { reason: 'stream_broken', timeoutMs: 1_000 });
  });

  it('F39: hands out what Baileys holds back before it ends a socket', async () => {
    const server = await startServer();
    const socket = openSocket(server);
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' });
    await untilStatus(connection, 'CONNECTED');
    const received: unknown[] = [];
    socket.ev.on('messages.upsert', ({ messages }) => void received.push(...messages.map(({ key }) => key.id)));
    socket.ev.buffer();
    const key = { remoteJid: '5511988887777@s.whatsapp.net', fromMe: false, id: 'held-back' };
    socket.ev.emit('messages.upsert', { type: 'notify', messages: [{ key, message: { conversation: 'oi' } }] });
    expect(received).toEqual([]);
    await connection.heal({ reason: 'silent' });
    expect(received).toEqual(['held-back']);
  });

  it('F39: hands it out as well where WhatsApp ends the socket', async () => {
    const server = await startServer();
    const socket = openSocket(server);
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'report' });
    await untilStatus(connection, 'CONNECTED');
    const received: unknown[] = [];
    socket.ev.on('messages.upsert', ({ messages }) => void received.push(...messages.map(({ key }) => key.id)));
    socket.ev.buffer();
    const key = { remoteJid: '5511988887777@s.whatsapp.net', fromMe: false, id: 'held-back' };
    socket.ev.emit('messages.upsert', { type: 'notify', messages: [{ key, message: { conversation: 'oi' } }] });
    sessionOf(server).streamError(503);
    await untilStatus(connection, 'RECONNECTING');
    expect(received).toEqual(['held-back']);
  });

  it('F39: does so with a fork that has no hook for the end', async () => {
    const server = await startServer();
    const socket = openSocket(server);
    const fork = { ...socket, registerSocketEndHandler: undefined };
    const connection = observeBaileysSocket({ sessionId: 'a', socket: fork, onDead: 'end' });
    await untilStatus(connection, 'CONNECTED');
    const received: unknown[] = [];
    socket.ev.on('messages.upsert', ({ messages }) => void received.push(...messages.map(({ key }) => key.id)));
    socket.ev.buffer();
    const key = { remoteJid: '5511988887777@s.whatsapp.net', fromMe: false, id: 'held-back' };
    socket.ev.emit('messages.upsert', { type: 'notify', messages: [{ key, message: { conversation: 'oi' } }] });
    await connection.heal({ reason: 'silent' });
    expect(received).toEqual(['held-back']);
  });

  it('a probe under way ends with the observation', async () => {
    const server = await startServer();
    const connection = observeBaileysSocket({ sessionId: 'a', socket: openSocket(server), onDead: 'end' });
    await untilStatus(connection, 'CONNECTED');
    sessionOf(server).ignoreIqs('all');
    const asked = connection.probe({ timeoutMs: 60_000 });
    await connection.close({ reason: 'detached' });
    await expect(asked).resolves.toBe('unavailable');
  });

  it('a query in flight fails as soon as the socket is ended', async () => {
    const server = await startServer();
    const socket = openSocket(server);
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' });
    await untilStatus(connection, 'CONNECTED');
    sessionOf(server).ignoreIqs('all');
    const asked = socket.query({ tag: 'iq', attrs: { to: 's.whatsapp.net', type: 'get', xmlns: 'w:p' } }, 60_000);
    const refused = expect(asked).rejects.toMatchObject({ output: { statusCode: 428 } });
    await connection.heal({ reason: 'silent' });
    await refused;
  });

  it('does not ask before the handshake is over', async () => {
    const server = await startServer();
    server.planNextConnection({ silentAfter: 'upgrade' });
    const socket = openSocket(server);
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' });
    await socket.waitForSocketOpen();
    await expect(connection.probe({ timeoutMs: 200 })).resolves.toBe('unavailable');
  });

  it('an iq error and a probe cut short by a close are distinguished from silence', async () => {
    const server = await startServer();
    const socket = openSocket(server);
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' });
    await untilStatus(connection, 'CONNECTED');
    sessionOf(server).ignoreIqs('all');
    const asked = connection.probe({ timeoutMs: 5_000 });
    sessionOf(server).rst();
    await expect(asked).resolves.toBe('unavailable');
  });

  it('close() takes its listeners away and leaves the socket to the host', async () => {
    const server = await startServer();
    const socket = openSocket(server);
    const before = { frame: socket.ws.listenerCount('frame'), message: socket.ws.listenerCount('message') };
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' });
    await untilStatus(connection, 'CONNECTED');
    await connection.close({ reason: 'detached' });
    expect(socket.ws.isOpen).toBe(true);
    expect(socket.ws.listenerCount('frame')).toBe(before.frame);
    expect(socket.ws.listenerCount('message')).toBe(before.message);
    expect(socket.ws.listenerCount('unexpected-response')).toBe(0);
    await expect(connection.probe({ timeoutMs: 200 })).resolves.toBe('unavailable');
  });

  it('close() takes its timers away, whatever the socket is doing', async () => {
    const server = await startServer();
    const time = countingClock();
    const observe = (socket: BaileysSocketLike) =>
      observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end', clock: time.clock });
    const connecting = observe(openSocket(server));
    await connecting.close({ reason: 'detached' });
    expect(time.running()).toBe(0);
    const gone = observe(openSocket(server, { phone: '5511911110002' }));
    await untilStatus(gone, 'CONNECTED');
    server.session('5511911110002').fin();
    await untilStatus(gone, 'RECONNECTING');
    expect(time.running()).toBe(1);
    await gone.close({ reason: 'detached' });
    expect(time.running()).toBe(0);
  });

  it('two observations of one socket do not pile up wrappers', async () => {
    const server = await startServer();
    const socket = openSocket(server);
    const counts = () => socket.ws.eventNames().map((name) => [name, socket.ws.listenerCount(name)]);
    const first = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' });
    const once = counts();
    await first.close({ reason: 'detached' });
    const second = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' });
    expect(counts()).toEqual(once);
    await untilStatus(second, 'CONNECTED');
    sessionOf(server).sendGarbage();
    await untilStatus(second, 'RECONNECTING', { reason: 'stream_broken' });
  });

  it('names a wrong option', () => {
    const wrong = { sessionId: 'a', socket: {}, onDead: 'kill', reatachWithinMs: 1 };
    expect(() => observeBaileysSocket(wrong as never)).toThrowError(/reatachWithinMs/);
    expect(() => observeBaileysSocket(wrong as never)).toThrowError(/onDead takes 'end' or 'report'/);
    expect(() => observeBaileysSocket(wrong as never)).toThrowError(/socket takes a Baileys socket/);
  });
});

function sessionOf(server: Awaited<ReturnType<typeof startServer>>) {
  return server.sessions()[0]!;
}
