import type { WhatsAppConnection } from '@wa-sync/core';
import { describe, expect, it } from 'vitest';
import { observeBaileysSocket } from '../src/index.js';
import { openSocket, startProvider, startServer, untilStatus } from './kit.js';
import { createChance } from './seeded.js';
import { ADA, PHONE } from './world.js';

const chance = createChance('send-text');

const ID = '3EB00123456789ABCDEF';

function say(connection: WhatsAppConnection, chat: string, timeoutMs = 3_000) {
  return connection.sendText?.({ chat, text: 'Goodbye', messageId: ID, timeoutMs });
}

async function startConnected(kind: 'provided' | 'attached', options: Parameters<typeof startServer>[0] = {}) {
  const server = await startServer(options);
  if (kind === 'attached') {
    const socket = openSocket(server, { phone: PHONE });
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' });
    await untilStatus(connection, 'CONNECTED');
    return { server, connection };
  }
  const host = await startProvider(server);
  const connection = host.open(await host.addSession('a', PHONE));
  await untilStatus(connection, 'CONNECTED');
  return { server, connection };
}

describe.concurrent.each(['provided', 'attached'] as const)('sendText of a session that is %s', (kind) => {
  it.each(['phone number', 'LID'])('is sent once it is acknowledged, under its own id, to a %s', async (by) => {
    const { server, connection } = await startConnected(kind);
    const ada = server.contact(ADA, 'Ada');
    await expect(say(connection, by === 'LID' ? ada.lid : ada.jid)).resolves.toBe('sent');
    await ada.waitForMessage();
    expect(ada.received.map(({ id, text }) => [id, text])).toEqual([[ID, 'Goodbye']]);
  });

  it('is unknown without an acknowledgement', async () => {
    const { server, connection } = await startConnected(kind);
    const ada = server.contact(ADA, 'Ada');
    server.session(PHONE).treatMessages({ ack: 'never', deliver: false });
    // Time enough for a busy machine to send it; what has not left by then is failed.
    await expect(say(connection, ada.jid, 2_000)).resolves.toBe('unknown');
  });

  it('is failed with an acknowledgement that is an error', async () => {
    const { server, connection } = await startConnected(kind);
    const ada = server.contact(ADA, 'Ada');
    server.session(PHONE).treatMessages({ error: 463 });
    await expect(say(connection, ada.jid)).resolves.toBe('failed');
    expect(ada.received).toEqual([]);
  });

  it('is failed where nobody is on WhatsApp, and nothing is sent', async () => {
    const { server, connection } = await startConnected(kind, { isOnWhatsApp: (phone) => phone === PHONE });
    await expect(say(connection, `${ADA}@s.whatsapp.net`)).resolves.toBe('failed');
    await expect(say(connection, '99999999999@lid')).resolves.toBe('failed');
    expect(server.connected()).toHaveLength(1);
  });

  it('is failed where WhatsApp does not say who can read it: nothing has left', async () => {
    const { server, connection } = await startConnected(kind);
    const ada = server.contact(ADA, 'Ada');
    server.session(PHONE).ignoreIqs(['usync']);
    await expect(say(connection, ada.jid, 500)).resolves.toBe('failed');
    server.session(PHONE).answerIqs();
    await expect(connection.probe({ timeoutMs: 1_000 })).resolves.toBe('answered');
    expect(ada.received).toEqual([]);
  });

  it.each(['fin', 'rst'] as const)('is unknown when the link closes while it is on its way: %s', async (how) => {
    const { server, connection } = await startConnected(kind);
    const ada = server.contact(ADA, 'Ada');
    // Devices and keys are known from here on, so that only the message itself is under way.
    await expect(
      connection.sendText?.({ chat: ada.jid, text: 'first', messageId: `${ID}0`, timeoutMs: 3_000 }),
    ).resolves.toBe('sent');
    server.session(PHONE).treatMessages({ ack: 'never', deliver: false });
    const answer = say(connection, ada.jid, 20_000);
    for (let turns = Math.floor(chance.random.next() * 30); turns >= 0; turns--)
      await new Promise((next) => setImmediate(next));
    server.session(PHONE)[how]();
    await expect(answer).resolves.toBe('unknown');
  });

  it('is sent where no acknowledgement comes but the receipt of a device that has it', async () => {
    const { server, connection } = await startConnected(kind);
    const ada = server.contact(ADA, 'Ada');
    server.session(PHONE).treatMessages({ ack: 'never' });
    await expect(say(connection, ada.jid)).resolves.toBe('sent');
    expect(ada.received).toHaveLength(1);
  });

  it('never returns sent on a silent socket, and returns in time', async () => {
    const { server, connection } = await startConnected(kind);
    const ada = server.contact(ADA, 'Ada');
    await expect(
      connection.sendText?.({ chat: ada.jid, text: 'first', messageId: `${ID}0`, timeoutMs: 3_000 }),
    ).resolves.toBe('sent');
    server.session(PHONE).goSilent();
    const startedAt = performance.now();
    await expect(say(connection, ada.jid, 500)).resolves.toBe('unknown');
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it('is refused at once while the session is not connected, and leaves no listener behind', async () => {
    const { server, connection } = await startConnected(kind);
    const ada = server.contact(ADA, 'Ada');
    server.session(PHONE).planNextLogin({ silentAfter: 'handshake' }, { times: 10 });
    server.session(PHONE).fin();
    await untilStatus(connection, 'RECONNECTING');
    await expect(say(connection, ada.jid)).resolves.toBe('failed');
  });
});
