import { randomBytes } from 'node:crypto';
import { initAuthCreds } from '@whiskeysockets/baileys';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryAuthState, type FakeWhatsApp, startFakeWhatsApp } from '../src/index.js';
import { connect } from './client.js';

const PHONE = '4915112345678';

describe('login', () => {
  let wa: FakeWhatsApp;
  beforeEach(async () => {
    wa = await startFakeWhatsApp();
  });
  afterEach(() => wa.close());

  it('reaches open without a warning, and answers a ping', async () => {
    const client = connect(wa, { creds: wa.createCredentials({ phone: PHONE }) });
    await client.open();
    expect(await client.ping()).toMatchObject({ tag: 'iq', attrs: { type: 'result' } });
    expect(client.updates.map(({ connection }) => connection).filter(Boolean)).toEqual(['connecting', 'open']);
    expect(client.updates).toContainEqual({ receivedPendingNotifications: true });
    expect(client.lines.filter(({ level }) => level !== 'info')).toEqual([]);
    expect(wa.session(PHONE)).toMatchObject({ state: 'online', connected: true, logins: 1, linked: true });
    expect(wa.session(PHONE).lastFrameAt).toBeInstanceOf(Date);
    await client.sock.end(undefined);
  });

  it('answers the initial queries and those of common calls', async () => {
    const client = connect(wa, { creds: wa.createCredentials({ phone: PHONE }) });
    await client.open();
    const { sock } = client;
    expect(await sock.fetchBlocklist()).toEqual([]);
    expect(await sock.fetchPrivacySettings(true)).toMatchObject({ last: 'contacts' });
    expect(await sock.onWhatsApp('+49 170 1')).toEqual([{ jid: '491701@s.whatsapp.net', exists: true }]);
    expect(await sock.groupFetchAllParticipating()).toEqual({});
    expect(await sock.fetchAccountReachoutTimelock()).toMatchObject({ isActive: false });
    await expect(sock.profilePictureUrl('491701@s.whatsapp.net')).rejects.toThrow('item-not-found');
    await sock.resyncAppState(['critical_block', 'regular'], false);
    await sock.sendPresenceUpdate('available');
    await sock.end(undefined);
  });

  it('takes the prekey upload of a first login once, and none at the second', async () => {
    const auth = createMemoryAuthState(wa.createCredentials({ phone: PHONE, preKeysUploaded: false }));
    const uploads: number[] = [];
    wa.onStanza((_session, node) => {
      if (node.attrs.xmlns === 'encrypt' && node.attrs.type === 'set') uploads.push(1);
    });
    for (let login = 0; login < 2; login++) {
      const client = connect(wa, { auth });
      await client.open();
      await client.sock.end(undefined);
    }
    expect(uploads).toHaveLength(1);
    expect(auth.creds.nextPreKeyId).toBe(813);
  });

  it('saves the upload where the server claims a full stock', async () => {
    const other = await startFakeWhatsApp({ preKeys: 'plenty' });
    const client = connect(other, { creds: other.createCredentials({ phone: PHONE, preKeysUploaded: false }) });
    await client.open();
    expect(client.auth.creds.nextPreKeyId).toBe(1);
    expect(client.lines.filter(({ level }) => level !== 'info')).toEqual([]);
    await client.sock.end(undefined);
    await other.close();
  });

  it('takes the routing info that a client sends back in front of its intro', async () => {
    const creds = { ...wa.createCredentials({ phone: PHONE }), routingInfo: randomBytes(7) };
    const client = connect(wa, { creds });
    await client.open();
    await client.sock.end(undefined);
  });

  it('refuses a device it does not know with 401, and one with a foreign key', async () => {
    const elsewhere = await startFakeWhatsApp();
    const unknown = connect(wa, { creds: elsewhere.createCredentials({ phone: PHONE }) });
    expect(await unknown.closed()).toMatchObject({ statusCode: 401, data: { reason: '401' } });
    const known = wa.createCredentials({ phone: PHONE });
    const forged = connect(wa, { creds: { ...known, noiseKey: initAuthCreds().noiseKey } });
    expect(await forged.closed()).toMatchObject({ statusCode: 401 });
    expect(wa.session(PHONE)).toMatchObject({ logins: 0, state: 'offline' });
    await elsewhere.close();
  });

  it('accepts unknown devices where asked to', async () => {
    const open = await startFakeWhatsApp({ unknownDevices: 'accept' });
    const client = connect(open, { creds: wa.createCredentials({ phone: PHONE }) });
    await client.open();
    expect(open.connected()).toEqual([`${PHONE}:1@s.whatsapp.net`]);
    await client.sock.end(undefined);
    await open.close();
  });

  it('knows its devices again after a restart on another port', async () => {
    const auth = createMemoryAuthState(wa.createCredentials({ phone: PHONE, preKeysUploaded: false }));
    const first = connect(wa, { auth });
    await first.open();
    await first.sock.end(undefined);
    const registry = JSON.parse(JSON.stringify(wa.exportRegistry()));
    const next = await startFakeWhatsApp({ registry });
    const client = connect(next, { auth });
    await client.open();
    expect(auth.creds.nextPreKeyId).toBe(813);
    expect(next.session(PHONE).lid).toBe(wa.session(PHONE).lid);
    await client.sock.end(undefined);
    await next.close();
  });

  it('serves ten sessions at once', async () => {
    const clients = Array.from({ length: 10 }, (_, index) =>
      connect(wa, { creds: wa.createCredentials({ phone: `49151000${index}` }) }),
    );
    await Promise.all(clients.map((client) => client.open()));
    expect(wa.connected()).toHaveLength(10);
    await Promise.all(clients.map(({ sock }) => sock.end(undefined)));
    await wa.waitFor(() => wa.connected().length === 0);
  });

  it('sees the client leave', async () => {
    const client = connect(wa, { creds: wa.createCredentials({ phone: PHONE }) });
    await client.open();
    await client.sock.end(undefined);
    const session = await wa.session(PHONE).waitForState('offline');
    expect(session.history.map(({ event }) => event)).toEqual(['login-started', 'login', 'closed']);
    expect(session.connections).toEqual([]);
  });

  it('unlinks a device that logs itself out', async () => {
    const client = connect(wa, { creds: wa.createCredentials({ phone: PHONE }) });
    await client.open();
    await client.sock.logout();
    await wa.session(PHONE).waitForEvent('logged-out');
    expect(wa.session(PHONE).linked).toBe(false);
    await wa.session(PHONE).waitForState('offline');
  });

  it('reports what it sees when a wait runs out', async () => {
    wa.createCredentials({ phone: PHONE });
    await expect(wa.session(PHONE).waitForLogin({ timeoutMs: 20 })).rejects.toThrow(
      `Waited 20 ms in vain for a login of ${PHONE}:1@s.whatsapp.net. The server sees: ${PHONE}:1@s.whatsapp.net offline (0 logins)`,
    );
  });
});
