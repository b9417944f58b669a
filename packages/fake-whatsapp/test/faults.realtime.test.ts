import { initAuthCreds } from '@whiskeysockets/baileys';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryAuthState, type FakeWhatsApp, type Session, startFakeWhatsApp } from '../src/index.js';
import { type Client, connect } from './client.js';

const PHONE = '4915112345678';

describe('faults of an open link', () => {
  let wa: FakeWhatsApp;
  let client: Client;
  let session: Session;
  beforeEach(async () => {
    wa = await startFakeWhatsApp({ preKeys: 'plenty' });
    client = connect(wa, { creds: wa.createCredentials({ phone: PHONE }) });
    await client.open();
    session = wa.session(PHONE);
  });
  afterEach(async () => {
    client.sock.ws.removeAllListeners('close');
    await wa.close();
  });

  it.each<[string, (session: Session) => void, number, string]>([
    ['FIN', (s) => s.fin(), 428, 'Connection Terminated'],
    ['RST', (s) => s.rst(), 428, 'Connection Terminated'],
    ['RST in the middle of a frame', (s) => s.rstMidFrame(), 428, 'Connection Terminated'],
    ['WebSocket close', (s) => s.closeWebSocket(), 428, 'Connection Terminated'],
    ['WebSocket close 1011', (s) => s.closeWebSocket(1011, 'oops'), 428, 'Connection Terminated'],
    ['xmlstreamend', (s) => s.xmlStreamEnd(), 428, 'Connection Terminated by Server'],
    ['stream:error 503', (s) => s.streamError(503), 503, 'Stream Errored (unknown)'],
    ['stream:error 515', (s) => s.streamError(515), 515, 'Stream Errored (restart required)'],
    ['conflict replaced', (s) => s.streamError({ conflict: 'replaced' }), 440, 'Stream Errored (conflict)'],
    ['device removed', (s) => s.streamError({ conflict: 'device_removed' }), 401, 'Stream Errored (conflict)'],
    ['another child', (s) => s.streamError({ child: 'ack' }), 500, 'Stream Errored (ack)'],
  ])('%s', async (_name, act, statusCode, message) => {
    act(session);
    expect(session).toMatchObject({ connected: false, state: 'offline' });
    expect(wa.connected()).toEqual([]);
    expect(await client.closed()).toMatchObject({ statusCode, message });
    await session.waitForEvent('closed');
    expect(session.connections).toEqual([]);
  });

  it('logs out by the phone, for good', async () => {
    session.logOut();
    expect(await client.closed()).toMatchObject({
      statusCode: 401,
      data: { tag: 'conflict', attrs: { type: 'device_removed' } },
    });
    const again = connect(wa, { auth: client.auth });
    expect(await again.closed()).toMatchObject({ statusCode: 401, message: 'Connection Failure' });
    expect(session).toMatchObject({ linked: false, logins: 1 });
  });

  it('lets a logged-out device be linked again under its old number', async () => {
    session.logOut();
    await client.closed();
    const fresh = connect(wa, { auth: createMemoryAuthState(initAuthCreds()) });
    expect(await wa.pair(await fresh.qr(), { phone: PHONE, device: 1 })).toBe(session);
    await fresh.closed();
    expect(session.linked).toBe(true);
    const again = connect(wa, { auth: fresh.auth });
    await again.open();
    expect(session).toMatchObject({ connected: true, logins: 2 });
    await again.sock.end(undefined);
  });

  it('is given up by the keep-alive of Baileys after some seconds of silence', async () => {
    const impatient = connect(wa, { auth: createMemoryAuthState(client.auth.creds), keepAliveIntervalMs: 100 });
    await impatient.open();
    session.goSilent({ answerClose: true });
    const silentAt = Date.now();
    expect(await impatient.closed()).toMatchObject({ statusCode: 408, message: 'Connection was lost' });
    expect(Date.now() - silentAt).toBeGreaterThan(5000);
    expect(session.history.filter(({ event }) => event === 'silent')).toHaveLength(1);
  });

  it('replaces the first socket of a device when the second logs in', async () => {
    const second = connect(wa, { auth: createMemoryAuthState(client.auth.creds) });
    expect(await client.closed()).toMatchObject({ statusCode: 440 });
    await second.open();
    expect(session).toMatchObject({ connected: true, logins: 2 });
    expect(session.history.map(({ event }) => event).slice(0, 6)).toEqual([
      'login-started',
      'login',
      'login-started',
      'login',
      'replaced',
      'ended',
    ]);
    expect(wa.connected()).toHaveLength(1);
    second.sock.ws.removeAllListeners('close');
  });

  it('goes silent: TCP stays up, nothing comes, the client notices nothing', async () => {
    session.goSilent();
    expect(session).toMatchObject({ connected: false, state: 'silent' });
    expect(wa.connected()).toEqual([]);
    await expect(client.ping(150)).rejects.toMatchObject({ output: { statusCode: 408 } });
    expect(client.updates.at(-1)).not.toHaveProperty('connection', 'close');
    expect(session.connections).toHaveLength(1);

    session.resume();
    expect(session.state).toBe('online');
    expect(session.transitions.map(({ connected }) => connected)).toEqual([true, false, true]);
    const [login, silence] = session.transitions.map(({ at }) => at.getTime());
    expect(session.wasConnected(new Date(login! - 1))).toBe(false);
    expect(session.wasConnected(new Date(silence! - 1))).toBe(true);
    expect(session.wasConnected(new Date(silence! + 1))).toBe(false);
    expect(await client.ping()).toMatchObject({ tag: 'iq' });
  });

  it('does not answer the WebSocket close while silent', async () => {
    session.goSilent();
    const ended = client.sock.end(undefined).then(() => 'ended');
    await expect(client.ping(150)).rejects.toMatchObject({ output: { statusCode: 428 } });
    expect(await Promise.race([ended, Promise.resolve('still waiting')])).toBe('still waiting');
    session.resume();
    expect(await ended).toBe('ended');
  });

  it('answers the WebSocket close where asked to', async () => {
    session.goSilent({ answerClose: true });
    await expect(client.ping(100)).rejects.toMatchObject({ output: { statusCode: 408 } });
    await client.sock.end(undefined);
    await session.waitForState('offline');
  });

  it('lets a new login pass by a silent ghost', async () => {
    session.goSilent();
    const second = connect(wa, { auth: createMemoryAuthState(client.auth.creds) });
    await second.open();
    expect(session).toMatchObject({ connected: true, state: 'online', logins: 2 });
    expect(session.connections.map(({ state }) => state)).toEqual(['silent', 'online']);
    expect(client.updates.some(({ connection }) => connection === 'close')).toBe(false);
    session.connections[0]!.resume();
    expect(await client.closed()).toMatchObject({ statusCode: 440 });
    expect(session).toMatchObject({ connected: true, logins: 2 });
    expect(session.transitions.map(({ connected }) => connected)).toEqual([true, false, true]);
    second.sock.ws.removeAllListeners('close');
  });

  it('refuses to speak on a silent or absent link', async () => {
    session.goSilent();
    expect(() => session.streamError(503)).toThrow('is silent');
    session.rst();
    await session.waitForEvent('closed');
    expect(() => session.goSilent()).toThrow(`${session.jid} has no open connection`);
  });

  it('delays replies', async () => {
    session.delayReplies(120);
    const started = performance.now();
    await client.ping();
    expect(performance.now() - started).toBeGreaterThanOrEqual(115);
    session.delayReplies(0);
    await client.ping();
  });

  it('gives up on a client that says nothing, where it has an idle timeout', async () => {
    const strict = await startFakeWhatsApp({ idleTimeoutMs: 150 });
    const mute = connect(strict, { creds: strict.createCredentials({ phone: PHONE }) });
    expect(await mute.closed()).toMatchObject({ statusCode: 428 });
    expect(await strict.session(PHONE).waitForEvent('ended')).toMatchObject({ detail: 'nothing came for 150 ms' });
    await strict.close();
  });

  it('ignores iqs by namespace, by function, or all but pings', async () => {
    session.ignoreIqs(['w:p']);
    await expect(client.ping(60)).rejects.toMatchObject({ output: { statusCode: 408 } });
    expect(await client.sock.fetchBlocklist()).toEqual([]);
    session.ignoreIqs((iq) => iq.attrs.xmlns === 'blocklist');
    expect(await client.ping()).toBeDefined();
    session.ignoreIqs('all');
    await expect(client.ping(60)).rejects.toMatchObject({ output: { statusCode: 408 } });
    session.ignoreIqs('all-but-pings');
    expect(await client.ping()).toBeDefined();
    expect(session.connected).toBe(true);
    session.answerIqs();
    expect(await client.sock.fetchBlocklist()).toEqual([]);
  });

  it('sends a frame that nothing decrypts', async () => {
    const [listener] = client.sock.ws.listeners('message') as ((data: Buffer) => Promise<void>)[];
    client.sock.ws.removeAllListeners('message');
    const failed = new Promise<Error>((resolve) => {
      client.sock.ws.on('message', (data: Buffer) => void listener!(data).catch(resolve));
    });
    session.sendGarbage();
    expect((await failed).message).toContain('unable to authenticate data');
    expect(session.connected).toBe(true);
  });
});
