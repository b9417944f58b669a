import { createMemoryAuthState, startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import * as rc13 from 'baileys-rc13';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type BaileysModuleLike, observeBaileysSocket } from '../src/index.js';
import { REPLACED_PAUSE_MS } from '../src/session/next-step.js';
import { quietLogger, shortening, startProvider, untilStatus } from './kit.js';

const PHONE = '5511911110001';
const ADA = '491700000001';
const baileys: BaileysModuleLike = rc13;

async function startRc13Server() {
  const server = await startFakeWhatsApp({ preKeys: 'plenty', baileys: rc13 });
  onTestFinished(() => server.close());
  return server;
}

describe('Baileys 7.0.0-rc13', () => {
  it('F01, F39: opens, hears, sends, and heals a silent link', async () => {
    const server = await startRc13Server();
    const host = await startProvider(server, { baileys, conversationOf: ({ phoneJid }) => phoneJid });
    const session = await host.addSession('a', PHONE);
    const connection = host.open(session);
    const heard: string[] = [];
    let tell = () => {};
    const first = new Promise<void>((resolve) => {
      tell = resolve;
    });
    connection.onMessages?.(async (messages) => {
      for (const { conversationId, from } of messages) heard.push(`${from} ${conversationId}`);
      tell();
    });
    await untilStatus(connection, 'CONNECTED');
    const ada = server.contact(ADA, 'Ada');
    await ada.sendText(PHONE, 'hello');
    await first;
    expect(heard).toEqual([`contact ${ada.jid}`]);
    const sent = connection.sendText?.({ chat: ada.jid, text: 'bye', messageId: '3EB0AB', timeoutMs: 5_000 });
    await expect(sent).resolves.toBe('sent');
    await ada.waitForMessage(({ id }) => id === '3EB0AB');
    server.session(PHONE).goSilent();
    await expect(connection.probe({ timeoutMs: 300 })).resolves.toBe('timeout');
    await connection.heal({ reason: 'silent' });
    await untilStatus(connection, 'CONNECTED');
    expect(server.connected()).toEqual([session.jid]);
  });

  it('F12: pairs by QR code, by pairing code, and reopens after its 515', async () => {
    const server = await startRc13Server();
    const host = await startProvider(server, { baileys });
    const byQr = host.open(await host.addSession('a'));
    const { qr } = await untilStatus(byQr, 'QR_CODE');
    await server.pair(qr!, { phone: PHONE });
    await untilStatus(byQr, 'CONNECTED', { timeoutMs: 10_000 });
    const byCode = host.open(await host.addSession('b'));
    await untilStatus(byCode, 'QR_CODE');
    const asked = await byCode.requestPairingCode?.({ phone: '5511911110002' });
    await server.enterPairingCode(asked?.code ?? '', { phone: '5511911110002' });
    await untilStatus(byCode, 'CONNECTED', { timeoutMs: 10_000 });
    expect(server.connected()).toHaveLength(2);
  });

  it('F15, F10: knows a logout and a replaced login', async () => {
    const server = await startRc13Server();
    const host = await startProvider(server, { baileys, ...shortening(REPLACED_PAUSE_MS) });
    const session = await host.addSession('a', PHONE);
    const connection = host.open(session);
    await untilStatus(connection, 'CONNECTED');
    server.session(PHONE).streamError({ conflict: 'replaced' });
    await untilStatus(connection, 'RECONNECTING', { reason: 'replaced' });
    await untilStatus(connection, 'CONNECTED');
    server.session(PHONE).logOut();
    await untilStatus(connection, 'LOGGED_OUT', { reason: 'logged_out' });
  });

  it('its socket is observed, and contained when a frame cannot be read', async () => {
    const server = await startRc13Server();
    const auth = createMemoryAuthState(server.createCredentials({ phone: PHONE }));
    const socket = rc13.makeWASocket({ ...server.socketConfig(), auth, logger: quietLogger });
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' });
    await untilStatus(connection, 'CONNECTED');
    server.session(PHONE).sendGarbage();
    await untilStatus(connection, 'RECONNECTING', { reason: 'stream_broken' });
  });
});
