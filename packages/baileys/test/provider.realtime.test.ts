import { getEventListeners } from 'node:events';
import { createMemoryStore, isWaSyncError, systemClock } from '@wa-sync/core';
import type { AuthenticationState, UserFacingSocketConfig } from '@whiskeysockets/baileys';
import * as baileys from '@whiskeysockets/baileys';
import { describe, expect, it, vi } from 'vitest';
import { baileysProvider, createBaileysAuthState } from '../src/index.js';
import { REPLACED_PAUSE_MS, STABLE_AFTER_MS } from '../src/session/next-step.js';
import { recordStatuses, shortening, startProvider, startServer, until, untilStatus } from './kit.js';

describe('baileysProvider', () => {
  it('logs a session in and says so only when WhatsApp does', async () => {
    const server = await startServer();
    const host = await startProvider(server);
    const session = await host.addSession('a', '5511911110001');
    const connection = host.open(session);
    const statuses = recordStatuses(connection);
    await untilStatus(connection, 'CONNECTED');
    expect(statuses).toEqual(['CONNECTING', 'CONNECTED']);
    expect(server.connected()).toEqual([session.jid]);
    expect(connection.snapshot()).toMatchObject({ phone: '5511911110001', reconnectAttempt: 0 });
    await expect(connection.probe({ timeoutMs: 2_000 })).resolves.toBe('answered');
  });

  it('F11: ten parallel opens are one socket', async () => {
    const server = await startServer();
    const host = await startProvider(server);
    const session = await host.addSession('a', '5511911110001');
    const connections = await Promise.all(Array.from({ length: 10 }, async () => host.open(session)));
    await Promise.all(connections.map((connection) => untilStatus(connection, 'CONNECTED')));
    expect(server.accepted).toBe(1);
  });

  it('F01: heals a silent connection with one reconnect', async () => {
    const server = await startServer();
    const host = await startProvider(server);
    const session = await host.addSession('a', '5511911110001');
    const connection = host.open(session);
    await untilStatus(connection, 'CONNECTED');
    server.session(session.jid).goSilent();
    await expect(connection.probe({ timeoutMs: 300 })).resolves.toBe('timeout');
    const startedAt = performance.now();
    const healed = connection.heal({ reason: 'silent' });
    expect(connection.snapshot()).toMatchObject({ status: 'RECONNECTING', reason: { code: 'silent' } });
    await healed;
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    await untilStatus(connection, 'CONNECTED');
    expect(server.accepted).toBe(2);
    expect(server.connected()).toEqual([session.jid]);
  });

  it('F06: shows RECONNECTING within a second of a close, all through the back-off', async () => {
    const server = await startServer();
    const host = await startProvider(server, { backoff: { baseMs: 600_000, maxMs: 600_000 } });
    const session = await host.addSession('a', '5511911110001');
    const connection = host.open(session);
    await untilStatus(connection, 'CONNECTED');
    server.session(session.jid).fin();
    const seen = await untilStatus(connection, 'RECONNECTING', { timeoutMs: 1_000 });
    expect(seen).toMatchObject({ reason: { code: 'connection_closed' }, reconnectAttempt: 1 });
    expect(seen.silentForMs).not.toBeNull();
    await expect(connection.probe({ timeoutMs: 1_000 })).resolves.toBe('unavailable');
    await connection.heal({ reason: 'silent' });
    expect(connection.snapshot()).toMatchObject({ status: 'RECONNECTING' });
    expect(server.accepted).toBe(1);
  });

  it('F12: shows a QR code until the pairing is whole, and is CONNECTED within 5 s of it', async () => {
    const server = await startServer({ preKeys: 'truthful' });
    const host = await startProvider(server);
    const session = await host.addSession('a');
    const connection = host.open(session);
    const statuses = recordStatuses(connection);
    const { qr } = await untilStatus(connection, 'QR_CODE');
    const paired = await server.pair(qr!, { phone: '5511911110009' });
    await untilStatus(connection, 'CONNECTED', { timeoutMs: 5_000 });
    expect(statuses).toEqual(['CONNECTING', 'QR_CODE', 'CONNECTED']);
    expect(connection.snapshot()).toMatchObject({ phone: '5511911110009', qr: null });
    expect(paired.connected).toBe(true);
    const stored = await createBaileysAuthState({ store: host.auth, sessionId: 'a' });
    expect(stored.state.creds.me?.id).toBe(paired.jid);
  });

  it('F12: does not reopen before the credentials are stored', async () => {
    const server = await startServer();
    const host = await startProvider(server, { authTimeoutMs: 300 });
    const session = await host.addSession('a');
    const write = host.auth.write.bind(host.auth);
    let storeIsDown = false;
    host.auth.write = async (params) => {
      if (storeIsDown) throw new Error('store is down');
      return write(params);
    };
    const connection = host.open(session);
    const { qr } = await untilStatus(connection, 'QR_CODE');
    storeIsDown = true;
    await server.pair(qr!, { phone: '5511911110009' });
    await until(
      connection,
      (seen) => seen.kind === 'known' && seen.reason?.code === 'open_failed',
      'a reopening that failed at the store',
    );
    expect(server.accepted).toBe(1);
    storeIsDown = false;
    await untilStatus(connection, 'CONNECTED');
  });

  it('F13: a QR code that nobody scans waits for a person', async () => {
    const server = await startServer({ qrRefs: 1 });
    const host = await startProvider(server, { socketConfig: { ...server.socketConfig(), qrTimeout: 100 } });
    const session = await host.addSession('a');
    const connection = host.open(session);
    await untilStatus(connection, 'DISCONNECTED', { reason: 'qr_expired' });
    expect(server.accepted).toBe(1);
    const again = host.open(session);
    await untilStatus(again, 'QR_CODE');
  });

  it.each([
    ['F15: device removed', (session: ReturnType<typeof startedSession>) => session.logOut(), 'logged_out'],
    [
      'F15: failure 403 at the next login',
      (session: ReturnType<typeof startedSession>) => {
        session.failNextLogin(403);
        session.fin();
      },
      'account_locked',
    ],
  ])('%s: stops, and puts the credentials aside', async (_what, act, reason) => {
    const server = await startServer();
    const host = await startProvider(server);
    const session = await host.addSession('a', '5511911110001');
    const connection = host.open(session);
    await untilStatus(connection, 'CONNECTED');
    const logins = server.accepted;
    const quarantined = new Promise<string>((resolve) => {
      const quarantine = host.auth.quarantine.bind(host.auth);
      host.auth.quarantine = async (params) => {
        await quarantine(params);
        resolve(params.reason);
      };
    });
    act(startedSession(server));
    await untilStatus(connection, 'LOGGED_OUT', { reason });
    expect(await quarantined).toBe(reason);
    expect(await host.storedCreds('a')).toBeUndefined();
    expect(server.accepted).toBeLessThanOrEqual(logins + 1);
    await connection.close({ reason: 'test_over' });
    expect(await host.storedCreds('a')).toBeUndefined();
  });

  it('lets no late write bring back credentials that were quarantined', async () => {
    const server = await startServer();
    const auths: AuthenticationState[] = [];
    const makeWASocket = (config: object) => {
      auths.push((config as UserFacingSocketConfig).auth);
      return baileys.makeWASocket(config as UserFacingSocketConfig);
    };
    const host = await startProvider(server, { baileys: { ...baileys, makeWASocket } });
    const session = await host.addSession('a', '5511911110001');
    const connection = host.open(session);
    await untilStatus(connection, 'CONNECTED');
    const quarantined = vi.spyOn(host.auth, 'quarantine');
    server.session(session.jid).logOut();
    await untilStatus(connection, 'LOGGED_OUT');
    await vi.waitFor(() => expect(quarantined).toHaveResolved());
    const late = { session: { s: Buffer.from([1]) } };
    await auths[0]?.keys.set(late);
    expect(await host.auth.read({ sessionId: 'a', type: 'session', ids: ['s'] })).toEqual(new Map());
  });

  it('confirms an unexplained 401 once and keeps the credentials if it passes', async () => {
    const server = await startServer();
    const host = await startProvider(server);
    const session = await host.addSession('a', '5511911110001');
    const connection = host.open(session);
    await untilStatus(connection, 'CONNECTED');
    server.session(session.jid).streamError(401);
    await untilStatus(connection, 'RECONNECTING', { reason: 'unauthorized' });
    await untilStatus(connection, 'CONNECTED');
    expect(await host.storedCreds('a')).toBeDefined();
  });

  it('F16: a refused client version is an ERROR after three attempts, credentials kept', async () => {
    const server = await startServer();
    const host = await startProvider(server);
    const session = await host.addSession('a', '5511911110001');
    server.session(session.jid).failNextLogin(405, { times: 10 });
    const connection = host.open(session);
    const statuses = recordStatuses(connection);
    await untilStatus(connection, 'ERROR', { reason: 'client_refused' });
    expect(server.accepted).toBe(3);
    expect(statuses).toEqual(['CONNECTING', 'ERROR']);
    expect(await host.storedCreds('a')).toBeDefined();
  });

  it('F10: five 440s are REPLACED, and then there is a pause', async () => {
    const server = await startServer();
    const host = await startProvider(server, shortening(REPLACED_PAUSE_MS));
    const session = await host.addSession('a', '5511911110001');
    const connection = host.open(session);
    for (let login = 1; login <= 5; login++) {
      await untilStatus(connection, 'CONNECTED');
      server.session(session.jid).streamError({ conflict: 'replaced' });
      await untilStatus(connection, login < 5 ? 'RECONNECTING' : 'REPLACED', { reason: 'replaced' });
    }
    expect(server.accepted).toBe(5);
  });

  it('F09: logs in again after a 440 only once the store says that the session is still ours', async () => {
    const server = await startServer();
    const host = await startProvider(server, shortening(REPLACED_PAUSE_MS));
    const session = await host.addSession('a', '5511911110001');
    const loginsWhenAsked: number[] = [];
    const stillOurs = async () => {
      loginsWhenAsked.push(server.accepted);
      if (loginsWhenAsked.length === 1) throw new Error('The store does not answer');
      return loginsWhenAsked.length === 3;
    };
    const connection = host.open({ ...session, stillOurs });
    await untilStatus(connection, 'CONNECTED');
    server.session(session.jid).streamError({ conflict: 'replaced' });
    await untilStatus(connection, 'RECONNECTING', { reason: 'replaced' });
    await untilStatus(connection, 'CONNECTED');
    expect(loginsWhenAsked).toEqual([1, 1, 1]);
    expect(server.accepted).toBe(2);
  });

  it('F09: a lost claim ends everything at once, and nothing is written after it', async () => {
    const server = await startServer();
    const host = await startProvider(server, shortening(REPLACED_PAUSE_MS));
    const session = await host.addSession('a', '5511911110001');
    const fenced = new AbortController();
    const connection = host.open({ ...session, fenced: fenced.signal });
    await untilStatus(connection, 'CONNECTED');
    const write = vi.spyOn(host.auth, 'write');
    server.session(session.jid).streamError({ conflict: 'replaced' });
    fenced.abort();
    await untilStatus(connection, 'DISCONNECTED', { reason: 'tenure_lost', timeoutMs: 1_000 });
    await connection.close({ reason: 'shutdown' });
    expect(server.connected()).toEqual([]);
    expect(server.accepted).toBe(1);
    expect(getEventListeners(fenced.signal, 'abort')).toEqual([]);
    expect(write).not.toHaveBeenCalled();
  });

  it('never opens a session whose claim is lost already', async () => {
    const server = await startServer();
    const host = await startProvider(server);
    const session = await host.addSession('a', '5511911110001');
    const connection = host.open({ ...session, fenced: AbortSignal.abort() });
    await connection.close({ reason: 'shutdown' });
    expect(server.accepted).toBe(0);
  });

  it.each(['tcp', 'upgrade', 'handshake', 'success'] as const)(
    'F04: gives up a login that falls silent after %s, and tries again',
    async (stage) => {
      const server = await startServer();
      const host = await startProvider(server, { attemptTimeoutMs: 300 });
      const session = await host.addSession('a', '5511911110001');
      server.planNextConnection({ silentAfter: stage });
      const connection = host.open(session);
      const statuses = recordStatuses(connection);
      await until(
        connection,
        (seen) => seen.kind === 'known' && seen.reason?.code === 'login_timeout',
        'the end of the attempt',
      );
      expect(statuses).toEqual(['CONNECTING']);
      await untilStatus(connection, 'CONNECTED');
      // A silent connection of the fake server does not notice that its client has gone.
      expect(server.connections().filter(({ state }) => state !== 'silent')).toHaveLength(1);
    },
  );

  it('a slow login is left to it as long as frames come, but not for ever', async () => {
    const server = await startServer();
    const host = await startProvider(server, { attemptTimeoutMs: 500 });
    const slow = await host.addSession('slow', '5511911110001');
    const stuck = await host.addSession('stuck', '5511911110002');
    server.session(slow.jid).delayReplies(250);
    const connection = host.open(slow);
    const startedAt = performance.now();
    await untilStatus(connection, 'CONNECTED');
    expect(performance.now() - startedAt).toBeGreaterThan(500);
    expect(server.session(slow.jid).logins).toBe(1);
    const device = server.session(stuck.jid);
    device.planNextLogin({ unansweredIqs: 'all' });
    const drip = setInterval(() => {
      if (device.connected) device.sendNode({ tag: 'ib', attrs: {}, content: [] });
    }, 100);
    const other = host.open(stuck);
    await until(
      other,
      (seen) => seen.kind === 'known' && seen.reason?.code === 'login_timeout',
      'the end of its patience',
    );
    clearInterval(drip);
  });

  it('F04: HTTP 503 on the upgrade is tried again with back-off', async () => {
    const server = await startServer();
    const host = await startProvider(server);
    const session = await host.addSession('a', '5511911110001');
    server.planNextConnection({ refuseUpgrade: 503 }, { times: 2 });
    const connection = host.open(session);
    const { reconnectAttempt } = await until(
      connection,
      (seen) => seen.kind === 'known' && seen.reason?.code === 'http_503',
      'the refusal',
    );
    expect(reconnectAttempt).toBeLessThanOrEqual(1);
    await untilStatus(connection, 'CONNECTED');
    expect(server.refused).toBe(2);
  });

  it('a server that is down is CONNECTING with a reason, and found when it returns', async () => {
    const server = await startServer();
    const host = await startProvider(server);
    const session = await host.addSession('a', '5511911110001');
    await server.stopListening();
    const connection = host.open(session);
    await until(
      connection,
      (seen) => seen.kind === 'known' && seen.reason?.code === 'network_error' && seen.reconnectAttempt >= 2,
      'two failed attempts',
    );
    expect(connection.snapshot()).toMatchObject({ status: 'CONNECTING' });
    await server.startListening();
    await untilStatus(connection, 'CONNECTED');
  });

  it('contains a frame that cannot be decrypted, and reopens at once', async () => {
    const server = await startServer();
    const host = await startProvider(server, { backoff: { baseMs: 600_000, maxMs: 600_000 } });
    const session = await host.addSession('a', '5511911110001');
    const connection = host.open(session);
    await untilStatus(connection, 'CONNECTED');
    server.session(session.jid).sendGarbage();
    await untilStatus(connection, 'RECONNECTING', { reason: 'stream_broken' });
    await untilStatus(connection, 'CONNECTED');
  });

  it('backs off longer with each close, until a connection was stable', async () => {
    const server = await startServer();
    let becomeStable = () => {};
    const delays: number[] = [];
    const note = (fields: Readonly<Record<string, unknown>>) => {
      if (fields.code === 'connection_closed') delays.push(Number(fields.delayMs));
    };
    const host = await startProvider(server, {
      backoff: { baseMs: 20, maxMs: 10_000 },
      clock: {
        ...systemClock,
        schedule(run, delayMs) {
          if (delayMs === STABLE_AFTER_MS) becomeStable = run;
          return systemClock.schedule(run, delayMs);
        },
      },
    });
    host.provider.useLogger?.({ logger: { debug() {}, info: note, warn: note, error() {} } });
    const session = await host.addSession('a', '5511911110001');
    const connection = host.open(session);
    async function closeOnce(): Promise<void> {
      await untilStatus(connection, 'CONNECTED');
      server.session(session.jid).fin();
      await untilStatus(connection, 'RECONNECTING');
    }
    for (let close = 0; close < 5; close++) await closeOnce();
    expect([...delays].sort((one, other) => one - other)).toEqual(delays);
    expect(delays[0]).toBeLessThanOrEqual(20);
    expect(delays[4]).toBeGreaterThanOrEqual(160);
    await untilStatus(connection, 'CONNECTED');
    becomeStable();
    await closeOnce();
    expect(delays[5]).toBeLessThanOrEqual(20);
    await untilStatus(connection, 'CONNECTED');
  });

  it('logs in no more sessions at once than it may', async () => {
    const server = await startServer({ plan: { replyDelayMs: 20 } });
    const host = await startProvider(server, { maxLogins: 2 });
    const sessions = await Promise.all(
      Array.from({ length: 8 }, (_, n) => host.addSession(`s${n}`, `551191111000${n}`)),
    );
    const connections = sessions.map((session) => host.open(session));
    let most = 0;
    const look = () => {
      const underWay = server.connections().filter(({ state }) => state === 'handshaking').length;
      most = Math.max(most, underWay);
    };
    for (const connection of connections) connection.onChange(look);
    const off = server.onStanza(look);
    await Promise.all(connections.map((connection) => untilStatus(connection, 'CONNECTED')));
    off();
    expect(most).toBeLessThanOrEqual(2);
    expect(server.connected()).toHaveLength(8);
  });

  it('refuses to make a new identity out of credentials that cannot be read', async () => {
    const server = await startServer();
    const host = await startProvider(server);
    const session = await host.addSession('a', '5511911110001');
    const half = new TextEncoder().encode('{"noiseKey":{"private"');
    await host.auth.write({ sessionId: 'a', tenure: null, entries: [{ type: 'creds', id: 'creds', value: half }] });
    const connection = host.open(session);
    await untilStatus(connection, 'ERROR', { reason: 'auth_corrupt' });
    expect(server.accepted).toBe(0);
    expect(await host.storedCreds('a')).toEqual(half);
  });

  it('a new claim ends the connection of the old one before it opens its own', async () => {
    const server = await startServer();
    const host = await startProvider(server);
    const session = await host.addSession('a', '5511911110001');
    const old = host.open(session);
    await untilStatus(old, 'CONNECTED');
    await host.claim('a', 'second-tenure');
    const next = host.open({ id: 'a', tenure: 'second-tenure' });
    await untilStatus(next, 'CONNECTED');
    expect(old.snapshot()).toMatchObject({ status: 'DISCONNECTED', reason: { code: 'reopened' } });
    expect(server.session(session.jid).history.map(({ event }) => event)).not.toContain('replaced');
    expect(server.connections()).toHaveLength(1);
  });

  it('names a wrong option', () => {
    const auth = createMemoryStore().auth;
    expect(() => baileysProvider({ auth, maxLogin: 3 } as never)).toThrowError(/Unknown option maxLogin/);
    for (const loginsPerSecond of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '1']) {
      const options = { auth, loginsPerSecond } as never;
      expect(() => baileysProvider(options)).toThrowError(/loginsPerSecond takes a number above 0, at most 1000/);
    }
    expect(() => baileysProvider({ auth, backoff: { baseMs: 1.5 } } as never)).toThrowError(
      /backoff.baseMs takes milliseconds, a whole number/,
    );
    try {
      baileysProvider({} as never);
      expect.unreachable();
    } catch (error) {
      expect(isWaSyncError(error) && error.code).toBe('config_invalid');
    }
  });
});

function startedSession(server: Awaited<ReturnType<typeof startServer>>) {
  return server.sessions()[0]!;
}
