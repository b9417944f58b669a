import { initAuthCreds } from '@whiskeysockets/baileys';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryAuthState, type FakeWhatsApp, startFakeWhatsApp } from '../src/index.js';
import { connect } from './client.js';

describe('pairing by QR code', () => {
  let wa: FakeWhatsApp;
  beforeEach(async () => {
    wa = await startFakeWhatsApp();
  });
  afterEach(() => wa.close());

  it('links the device, closes with 515, and lets the next socket log in', async () => {
    const auth = createMemoryAuthState(initAuthCreds());
    const first = connect(wa, { auth });
    const qr = await first.qr();
    const [pending] = wa.connections();
    expect(pending).toMatchObject({ state: 'pairing', waitsForPairing: true, jid: undefined });
    expect(wa.connected()).toEqual([]);

    const session = await wa.pair(qr, { phone: '+49 151 12345678' });
    expect(session).toMatchObject({ jid: '4915112345678:1@s.whatsapp.net', phone: '4915112345678', logins: 0 });
    expect(await first.closed()).toMatchObject({ statusCode: 515 });
    expect(first.updates.some(({ isNewLogin }) => isNewLogin)).toBe(true);
    expect(auth.creds.account).toBeDefined();
    expect(auth.creds.me).toMatchObject({ id: session.jid, lid: session.lid });
    expect(session).toMatchObject({ state: 'offline', connected: false });

    const second = connect(wa, { auth });
    await second.open();
    expect(session).toMatchObject({ state: 'online', connected: true, logins: 1 });
    expect(session.history.map(({ event }) => event)).toEqual(['paired', 'ended', 'closed', 'login-started', 'login']);
    expect(wa.connected()).toEqual([session.jid]);
    await second.sock.end(undefined);
  });

  it('hands the history over, so that Baileys does not hold events back', async () => {
    const auth = createMemoryAuthState(initAuthCreds());
    const first = connect(wa, { auth });
    const session = await wa.pair(await first.qr(), { phone: '491', businessName: 'Ada & Co' });
    await first.closed();
    const second = connect(wa, { auth });
    await session.waitForLogin();
    const { id } = await wa.contact('492').sendText('491', 'hello');
    expect((await second.upsert(id)).messages[0]).toMatchObject({ message: { conversation: 'hello' } });
    await second.when(() => auth.creds.accountSyncCounter === 1);
    expect(auth.creds.me?.name).toBe('Ada & Co');
    await second.when(() => session.pending === 0);
    expect(second.lines.filter(({ level }) => level !== 'info')).toEqual([]);
    await second.sock.end(undefined);
  });

  it('hands over the app state key of the account, the same to each device', async () => {
    const keys: unknown[] = [];
    for (let device = 1; device <= 2; device++) {
      const auth = createMemoryAuthState(initAuthCreds());
      const first = connect(wa, { auth });
      await wa.pair(await first.qr(), { phone: '491' });
      await first.closed();
      const second = connect(wa, { auth });
      await second.when(() => auth.creds.myAppStateKeyId !== undefined);
      const id = auth.creds.myAppStateKeyId!;
      const found = await auth.keys.get<{ keyData: Uint8Array }>('app-state-sync-key', [id]);
      keys.push({ id, key: found[id]?.keyData });
      await second.sock.end(undefined);
    }
    expect(keys[0]).toEqual({ id: expect.stringMatching(/^AA/), key: expect.any(Uint8Array) });
    expect(keys[1]).toEqual(keys[0]);
    expect(wa.createCredentials({ phone: '491' }).myAppStateKeyId).toBe((keys[0] as { id: string }).id);
  });

  it('gives a second device of the same phone its own number', async () => {
    const jids: string[] = [];
    for (let device = 1; device <= 2; device++) {
      const client = connect(wa, { auth: createMemoryAuthState(initAuthCreds()) });
      jids.push((await wa.pair(await client.qr(), { phone: '4915112345678' })).jid);
      await client.closed();
    }
    expect(jids).toEqual(['4915112345678:1@s.whatsapp.net', '4915112345678:2@s.whatsapp.net']);
    expect(wa.session('4915112345678').jid).toBe(jids[1]);
    expect(wa.session(jids[0]!).device).toBe(1);
  });

  it('lets Baileys run out of QR codes', async () => {
    const few = await startFakeWhatsApp({ qrRefs: 2 });
    const client = connect(few, { auth: createMemoryAuthState(initAuthCreds()), qrTimeout: 30 });
    expect(await client.closed()).toMatchObject({ statusCode: 408, message: 'QR refs attempts ended' });
    expect(client.updates.filter(({ qr }) => qr)).toHaveLength(2);
    await few.close();
  });

  it('refuses a code that nobody shows', async () => {
    await expect(wa.pair('https://wa.me/settings/linked_devices#x,y,z,w,1', { phone: '1' })).rejects.toThrow(
      'No client that waits for pairing shows this QR code',
    );
  });
});

describe('pairing by code', () => {
  let wa: FakeWhatsApp;
  beforeEach(async () => {
    wa = await startFakeWhatsApp();
  });
  afterEach(() => wa.close());

  it('links the device once the code is typed, after a wrong one too', async () => {
    const auth = createMemoryAuthState(initAuthCreds());
    const first = connect(wa, { auth });
    await first.qr();
    const code = await first.sock.requestPairingCode('4915112345678', 'ABCD1234');
    await expect(wa.enterPairingCode('WRONG123', { phone: '4915112345678' })).rejects.toThrow(
      'This is not the pairing code that the client shows',
    );
    const session = await wa.enterPairingCode(code, { phone: '4915112345678' });
    expect(await first.closed()).toMatchObject({ statusCode: 515 });
    expect(auth.creds).toMatchObject({ registered: true, me: { id: session.jid } });
    const second = connect(wa, { auth });
    await second.open();
    expect(wa.connected()).toEqual([session.jid]);
    await second.sock.end(undefined);
  });

  it('refuses the login of a client that asked for a code and was never linked', async () => {
    const auth = createMemoryAuthState(initAuthCreds());
    const first = connect(wa, { auth });
    await first.qr();
    await first.sock.requestPairingCode('4915112345678');
    await first.sock.end(undefined);
    expect(auth.creds.me?.id).toBe('4915112345678@s.whatsapp.net');
    expect(await connect(wa, { auth }).closed()).toMatchObject({ statusCode: 401 });
  });
});
