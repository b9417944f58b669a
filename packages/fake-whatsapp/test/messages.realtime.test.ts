import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Contact, type FakeWhatsApp, type Session, startFakeWhatsApp } from '../src/index.js';
import { type Client, connect } from './client.js';

const PHONE = '4915112345678';

describe('messages', () => {
  let wa: FakeWhatsApp;
  let client: Client;
  let session: Session;
  let ada: Contact;
  beforeEach(async () => {
    // libsignal prints whole sessions, private keys included.
    vi.spyOn(console, 'info').mockReturnValue();
    vi.spyOn(console, 'warn').mockReturnValue();
    wa = await startFakeWhatsApp();
    ada = wa.contact('491700000001', 'Ada');
    client = connect(wa, { creds: wa.createCredentials({ phone: PHONE }) });
    session = await wa.session(PHONE).waitForLogin();
    await client.open();
  });
  afterEach(async () => {
    client.sock.ws.removeAllListeners('close');
    await wa.close();
    vi.restoreAllMocks();
  });

  it.each(['pn', 'lid'] as const)('reach Baileys, addressed by %s', async (addressing) => {
    const { id } = await ada.sendText(PHONE, 'hello', { addressing });
    const { messages, type } = await client.upsert(id);
    expect(type).toBe('notify');
    expect(messages[0]).toMatchObject({
      key: { id, fromMe: false, remoteJid: addressing === 'pn' ? ada.jid : ada.lid },
      pushName: 'Ada',
      message: { conversation: 'hello' },
    });
    expect(await ada.waitForReceipt(id)).toMatchObject({ id, from: session.jid });
    expect(session.pending).toBe(0);
    expect(client.lines.filter(({ level }) => level !== 'info')).toEqual([]);
  });

  it('use up one-time prekeys where the device uploaded some', async () => {
    const other = connect(wa, { creds: wa.createCredentials({ phone: '493', preKeysUploaded: false }) });
    await other.open();
    const { id } = await ada.sendText('493', 'first');
    await other.upsert(id);
    expect(await other.auth.keys.get('pre-key', ['1', '2'])).toEqual({ 2: expect.anything() });
    await other.sock.end(undefined);
  });

  it('go on in the same encrypted session, both ways', async () => {
    for (const text of ['one', 'two']) {
      const { id } = await ada.sendText(PHONE, text);
      await client.upsert(id);
      await client.sock.sendMessage(ada.jid, { text: `${text}, yes` });
      expect(await ada.waitForMessage((message) => message.text === `${text}, yes`)).toMatchObject({
        from: session.jid,
        chat: `${PHONE}@s.whatsapp.net`,
      });
    }
    expect(ada.received).toHaveLength(2);
  });

  it('of Baileys reach the contact, and its own phone; ack, delivery and reading are reported', async () => {
    const sent = await client.sock.sendMessage(ada.jid, { text: 'hi' });
    const id = sent!.key.id!;
    expect(await ada.waitForMessage()).toMatchObject({ id, text: 'hi', from: session.jid });
    const own = wa.contact(PHONE);
    expect(await own.waitForMessage()).toMatchObject({ id, text: 'hi', chat: ada.jid });
    await client.status(id, 3);
    ada.markRead(PHONE, [id]);
    await client.status(id, 4);
    expect(client.lines.filter(({ level }) => level !== 'info')).toEqual([]);
  });

  it('written on the phone show up on its linked device', async () => {
    const { id } = await wa.contact(PHONE).sendText(ada.jid, 'from my phone');
    const { messages } = await client.upsert(id);
    expect(messages[0]).toMatchObject({
      key: { fromMe: true, remoteJid: ada.jid },
      message: { conversation: 'from my phone' },
    });
    expect(await ada.waitForMessage()).toMatchObject({ id, text: 'from my phone' });
  });

  it('wait for the next login while the device is away, silent, or gone before it confirms', async () => {
    session.goSilent();
    const first = await ada.sendText(PHONE, 'into the silence');
    session.rst();
    await client.closed();
    const second = await ada.sendText(PHONE, 'while away');
    expect(session.pending).toBe(2);
    const again = connect(wa, { auth: client.auth });
    for (const { id } of [first, second]) {
      const { messages, type } = await again.upsert(id);
      expect(type).toBe('append');
      expect(messages.map(({ key }) => key.id)).toContain(id);
      await ada.waitForReceipt(id);
    }
    expect(session.pending).toBe(0);
    await again.sock.end(undefined);
  });

  it('are delivered twice where an id is sent twice', async () => {
    await ada.sendText(PHONE, 'same', { id: 'TWICE' });
    await ada.sendText(PHONE, 'same', { id: 'TWICE' });
    await expect.poll(() => client.upserts.flatMap(({ messages }) => messages)).toHaveLength(2);
    await client.sock.sendMessage(ada.jid, { text: 'x' }, { messageId: 'ECHO' });
    await client.sock.sendMessage(ada.jid, { text: 'x' }, { messageId: 'ECHO' });
    await ada.waitForMessage(() => ada.received.length === 2);
  });

  it('are refused, or swallowed, where asked to', async () => {
    session.treatMessages({ error: 463 });
    const refused = await client.sock.sendMessage(ada.jid, { text: 'no' });
    await client.status(refused!.key.id!, 0);
    session.treatMessages({ ack: 'never', deliver: false });
    const ack = client.sock.waitForMessage('LOST', 100);
    const arrived = new Promise<void>((resolve) => {
      wa.onStanza((_session, { attrs }) => attrs.id === 'LOST' && resolve());
    });
    await client.sock.sendMessage(ada.jid, { text: 'lost' }, { messageId: 'LOST' });
    expect(await ack).toBeUndefined();
    await arrived;
    session.treatMessages({});
    const answered = client.sock.waitForMessage<{ tag: string }>('SAFE', 2000);
    await client.sock.sendMessage(ada.jid, { text: 'safe' }, { messageId: 'SAFE' });
    expect(await answered).toMatchObject({ tag: 'ack', attrs: { class: 'message' } });
    await ada.waitForMessage(({ id }) => id === 'SAFE');
    expect(ada.received).toHaveLength(1);
  });

  it('go between two real sockets', async () => {
    const other = connect(wa, { creds: wa.createCredentials({ phone: '4915187654321' }) });
    await other.open();
    const sent = await client.sock.sendMessage('4915187654321@s.whatsapp.net', { text: 'hi bot' });
    const { messages } = await other.upsert(sent!.key.id!);
    expect(messages[0]).toMatchObject({ message: { extendedTextMessage: { text: 'hi bot' } } });
    await client.status(sent!.key.id!, 3);
    await other.sock.end(undefined);
  });

  it('are encrypted anew where Baileys cannot read them', async () => {
    await client.upsert((await ada.sendText(PHONE, 'opens the session')).id);
    await client.sock.sendMessage(ada.jid, { text: 'confirms it' });
    await ada.waitForMessage();
    const address = `${ada.lid.split('@')[0]}_1.0`;
    expect(await client.auth.keys.get('session', [address])).toHaveProperty([address]);
    await client.auth.keys.set({ session: { [address]: null } });
    const { id } = await ada.sendText(PHONE, 'unreadable at first');
    expect(await ada.waitForReceipt(id, { type: 'retry' })).toMatchObject({ id });
    await ada.waitForReceipt(id);
    expect((await client.upsert(id, ({ message }) => !!message?.conversation)).messages[0]?.message).toMatchObject({
      conversation: 'unreadable at first',
    });
  });

  it('are asked for again by a contact that lost its session in a restart of the server', async () => {
    const { id: opening } = await ada.sendText(PHONE, 'opens the session');
    await client.upsert(opening);
    await client.sock.sendMessage(ada.jid, { text: 'settles it' });
    await ada.waitForMessage();
    await client.sock.end(undefined);
    const next = await startFakeWhatsApp({ registry: wa.exportRegistry() });
    const again = connect(next, { auth: client.auth });
    await again.open();
    await again.sock.sendMessage(ada.jid, { text: 'in the old session' });
    expect(await next.contact(ada.phone).waitForMessage()).toMatchObject({ text: 'in the old session' });
    await again.sock.end(undefined);
    await next.close();
  });

  it('are not sent to a number that is not on WhatsApp', async () => {
    const picky = await startFakeWhatsApp({ isOnWhatsApp: (phone) => phone !== '490' });
    const caller = connect(picky, { creds: picky.createCredentials({ phone: PHONE }) });
    await caller.open();
    expect(await caller.sock.onWhatsApp('490', '491')).toEqual([{ jid: '491@s.whatsapp.net', exists: true }]);
    await caller.sock.end(undefined);
    await picky.close();
  });
});
