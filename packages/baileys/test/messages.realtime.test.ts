import { createMemoryAuthState } from '@wa-sync/fake-whatsapp';
import { makeWASocket, proto } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { type MessageOrigin, observeBaileysSocket } from '../src/index.js';
import { endLater } from './end-later.js';
import { fastClock, openSocket, quietLogger, startServer, untilStatus } from './kit.js';
import { createChance } from './seeded.js';
import { ADA, PHONE, rowBecomes, startEngine } from './world.js';

const chance = createChance('messages');

/** One conversation a contact, named by its phone number; groups have none. */
function conversationsByPhone() {
  const asked: MessageOrigin[] = [];
  return {
    asked,
    conversationOf: (origin: MessageOrigin) => {
      asked.push(origin);
      return origin.phoneJid?.split('@')[0] ?? null;
    },
  };
}

describe('messages of a provided session', () => {
  it.each(['pn', 'lid'] as const)(
    'are recorded under the conversation of the contact, addressed by %s',
    async (addressing) => {
      const server = await startServer();
      const { asked, conversationOf } = conversationsByPhone();
      const host = await startEngine(server, { provider: { conversationOf } });
      await host.wa.sessions.create({ id: 'a' });
      await rowBecomes(host.wa, 'CONNECTED');
      const ada = server.contact(ADA, 'Ada');
      const { id } = await ada.sendText(PHONE, 'hello', { addressing });
      const found = await host.conversationThat(ADA, ({ sequence }) => sequence === 1);
      expect(found).toMatchObject({ sessionId: 'a', lastFrom: 'contact', state: 'OPEN', adopted: false });
      expect(found.chat).toBe(addressing === 'pn' ? ada.jid : ada.lid);
      expect(asked).toHaveLength(1);
      expect(asked[0]).toMatchObject({
        sessionId: 'a',
        phoneJid: ada.jid,
        lidJid: ada.lid,
        from: 'contact',
        isGroup: false,
        isReplay: false,
      });
      expect(asked[0]?.message.key.id).toBe(id);
      expect(Date.now() - (asked[0]?.at.getTime() ?? 0)).toBeLessThan(10_000);
    },
  );

  it('what the number itself writes, here or on the phone, is the agent’s', async () => {
    const server = await startServer();
    const { asked, conversationOf } = conversationsByPhone();
    const host = await startEngine(server, { provider: { conversationOf } });
    await host.wa.sessions.create({ id: 'a' });
    await rowBecomes(host.wa, 'CONNECTED');
    const ada = server.contact(ADA, 'Ada');
    await server.contact(PHONE).sendText(ada.jid, 'from the phone');
    const found = await host.conversationThat(ADA, ({ sequence }) => sequence === 1);
    expect(found.lastFrom).toBe('agent');
    expect(asked[0]).toMatchObject({ from: 'agent', isReplay: false, phoneJid: ada.jid });
  });

  it('what was written while the number was offline counts from when it was written', async () => {
    const server = await startServer();
    const { asked, conversationOf } = conversationsByPhone();
    const host = await startEngine(server, { provider: { conversationOf } });
    await host.wa.sessions.create({ id: 'a' });
    await rowBecomes(host.wa, 'CONNECTED');
    await host.wa.sessions.stop('a');
    const writtenAt = Date.now();
    const ada = server.contact(ADA, 'Ada');
    for (let count = 0; count < 5; count++) await ada.sendText(PHONE, `while away ${count}`);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await host.wa.sessions.start('a');
    const found = await host.conversationThat(ADA, ({ sequence }) => sequence === 5);
    expect(found.lastMessageAt.getTime()).toBeLessThan(writtenAt + 1_000);
    expect(found.heardAt.getTime()).toBeGreaterThan(writtenAt + 1_400);
    expect(asked.map(({ isReplay }) => isReplay)).toEqual([true, true, true, true, true]);
  });

  it('a conversationOf that throws, rejects or knows nothing is logged and changes nothing', async () => {
    const server = await startServer();
    let round = 0;
    const host = await startEngine(server, {
      provider: {
        conversationOf: () => {
          round += 1;
          if (round === 1) throw new Error('broken');
          if (round === 2) return Promise.reject(new Error('rejected'));
          return round === 3 ? null : 'the-one';
        },
      },
    });
    await host.wa.sessions.create({ id: 'a' });
    await rowBecomes(host.wa, 'CONNECTED');
    const ada = server.contact(ADA, 'Ada');
    for (let count = 0; count < 4; count++) await ada.sendText(PHONE, `message ${count}`);
    const found = await host.conversationThat('the-one', ({ sequence }) => sequence > 0);
    expect(found.sequence).toBe(1);
    expect(host.logged.filter(({ fields }) => fields.code === 'conversation_of_failed')).toHaveLength(2);
    expect(server.connected()).toHaveLength(1);
  });

  it('a conversationOf that fails for each of 61 messages gives 3 lines, with count and cause', async () => {
    const server = await startServer();
    let asked = 0;
    const host = await startEngine(server, {
      provider: {
        conversationOf: () => {
          asked += 1;
          if (asked > 61) return 'the-one';
          throw new Error(`no conversation ${asked}`);
        },
      },
    });
    await host.wa.sessions.create({ id: 'a' });
    await rowBecomes(host.wa, 'CONNECTED');
    const ada = server.contact(ADA, 'Ada');
    for (let count = 0; count < 62; count++) await ada.sendText(PHONE, `message ${count}`);
    await host.conversationThat('the-one', ({ sequence }) => sequence > 0);
    const logged = host.logged.filter(({ fields }) => fields.code === 'conversation_of_failed');
    expect(logged.map(({ fields }) => fields.times)).toEqual([1, 3, 60]);
  });

  it('wait while the store takes none, and are recorded once it does', async () => {
    const server = await startServer();
    const { conversationOf } = conversationsByPhone();
    const host = await startEngine(server, { provider: { conversationOf } });
    const record = host.store.conversations.record.bind(host.store.conversations);
    let down = true;
    const refused = new Promise<void>((resolve) => {
      host.store.conversations.record = async (params) => {
        if (!down) return record(params);
        resolve();
        throw new Error('the store is down');
      };
    });
    await host.wa.sessions.create({ id: 'a' });
    await rowBecomes(host.wa, 'CONNECTED');
    const ada = server.contact(ADA, 'Ada');
    for (let count = 0; count < 20; count++) await ada.sendText(PHONE, `message ${count}`);
    await refused;
    expect(await host.conversation(ADA)).toBeUndefined();
    down = false;
    const found = await host.conversationThat(ADA, ({ sequence }) => sequence === 20);
    expect(found.lastFrom).toBe('contact');
    expect(host.logged.some(({ fields }) => fields.code === 'messages_wait')).toBe(true);
  });

  it('one whose decryption a close overtook is delivered again, and recorded then', async () => {
    const server = await startServer();
    const { conversationOf } = conversationsByPhone();
    const state = createMemoryAuthState(server.createCredentials({ phone: PHONE }));
    let slow = Promise.resolve();
    let reading = () => {};
    const get: typeof state.keys.get = async (type, ids) => {
      reading();
      await slow;
      return state.keys.get(type, ids);
    };
    const written: string[] = [];
    const set: typeof state.keys.set = async (data) => {
      written.push(...Object.keys(data));
      await state.keys.set(data);
    };
    const auth = async () => ({ state: { ...state, keys: { get, set } }, saveCreds: async () => {} });
    const host = await startEngine(server, { provider: { conversationOf, auth } });
    await host.wa.sessions.create({ id: 'a' });
    await rowBecomes(host.wa, 'CONNECTED');
    let answer = () => {};
    slow = new Promise((resolve) => {
      answer = resolve;
    });
    const asked = new Promise<void>((resolve) => {
      reading = resolve;
    });
    await server.contact(ADA, 'Ada').sendText(PHONE, 'hello');
    await asked;
    const session = server.session(state.creds.me?.id ?? '');
    session.failNextLogin(503, { times: 1_000 });
    session.fin();
    await rowBecomes(host.wa, 'RECONNECTING');
    // What the ended socket decrypts now nobody hears of: were it stored, the second delivery could not be read.
    written.length = 0;
    answer();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(written).toEqual([]);
    session.clearPlans();
    expect(await host.conversationThat(ADA, ({ sequence }) => sequence > 0)).toMatchObject({ sequence: 1 });
  });

  it('reactions, edits, and housekeeping open no conversation', async () => {
    const server = await startServer();
    const { asked, conversationOf } = conversationsByPhone();
    const host = await startEngine(server, { provider: { conversationOf } });
    await host.wa.sessions.create({ id: 'a' });
    await rowBecomes(host.wa, 'CONNECTED');
    const ada = server.contact(ADA, 'Ada');
    const key = { remoteJid: ada.jid, fromMe: true, id: '3EB0AA' };
    await ada.send(PHONE, { reactionMessage: { key, text: 'ok' } });
    await ada.send(PHONE, { protocolMessage: { key, type: proto.Message.ProtocolMessage.Type.REVOKE } });
    await ada.send(PHONE, { ephemeralMessage: { message: { reactionMessage: { key, text: 'ok' } } } });
    await ada.send(PHONE, { ephemeralMessage: { message: { extendedTextMessage: { text: 'words' } } } });
    await host.conversationThat(ADA, ({ sequence }) => sequence === 1);
    expect(asked).toHaveLength(1);
  });
});

describe('F39: messages that WhatsApp counts as received when a socket ends', () => {
  const ENDINGS = ['heal', 'fin', 'rst', 'stop', 'restart'] as const;
  it.each(ENDINGS)('are all recorded: %s', async (ending) => {
    const server = await startServer();
    const seen = new Set<string>();
    const host = await startEngine(server, {
      wa: { probe: { timeoutMs: 500, silenceMs: 500 } },
      provider: {
        clock: fastClock(10),
        // A login may be what goes silent.
        attemptTimeoutMs: 30_000,
        conversationOf: ({ message }) => {
          seen.add(message.key.id ?? '');
          return 'one';
        },
      },
    });
    await host.wa.sessions.create({ id: 'a' });
    await rowBecomes(host.wa, 'CONNECTED');
    const ada = server.contact(ADA, 'Ada');
    const ids: string[] = [];
    for (let round = 0; round < 4; round++) {
      const session = server.session(PHONE);
      const count = 5 + Math.floor(chance.random.next() * 20);
      for (let index = 0; index < count; index++) ids.push((await ada.sendText(PHONE, `${round}/${index}`)).id);
      // Somewhere in the middle of their handling.
      for (let turns = Math.floor(chance.random.next() * 40); turns > 0; turns--)
        await new Promise((next) => setImmediate(next));
      await session.waitForLogin();
      const next = session.waitForNextLogin();
      if (ending === 'fin') session.fin();
      if (ending === 'rst') session.rst();
      if (ending === 'restart') session.streamError(515);
      if (ending === 'heal') session.goSilent();
      if (ending === 'stop') {
        await host.wa.sessions.stop('a');
        const confirmed = ids.filter((id) => ada.receipts.some((receipt) => receipt.id === id));
        expect(confirmed.filter((id) => !seen.has(id))).toEqual([]);
        await host.wa.sessions.start('a');
      }
      await next;
      const confirmed = ids.filter((id) => ada.receipts.some((receipt) => receipt.id === id));
      const recorded = new Set(seen);
      expect(confirmed.filter((id) => !recorded.has(id))).toEqual([]);
    }
    await host.conversationThat('one', () => ids.every((id) => seen.has(id)));
    const found = await host.conversationThat('one', ({ sequence }) => sequence >= ids.length);
    expect(found.lastFrom).toBe('contact');
  });
});

describe('messages of an attached socket', () => {
  it.each(['as it is', 'of a fork that asks nobody before it ends'])(
    'those in the buffer of a first login are recorded when it ends: a socket %s',
    async (kind) => {
      const server = await startServer();
      const { asked, conversationOf } = conversationsByPhone();
      const auth = createMemoryAuthState(server.createCredentials({ phone: PHONE, accountSyncCounter: 0 }));
      const ada = server.contact(ADA, 'Ada');
      const ids: string[] = [];
      for (let count = 0; count < 25; count++) ids.push((await ada.sendText(PHONE, `message ${count}`)).id);
      const baileys = makeWASocket({ ...server.socketConfig(), auth, logger: quietLogger });
      const socket = kind === 'as it is' ? baileys : { ...baileys, registerSocketEndHandler: undefined };
      endLater(() => void baileys.end(undefined));
      const connection = observeBaileysSocket({ sessionId: 'b', socket, onDead: 'end', conversationOf });
      const heard: string[] = [];
      connection.onMessages?.(async (messages) => {
        for (const { conversationId, messageId } of messages) heard.push(`${conversationId} ${messageId}`);
      });
      await Promise.all(ids.map((id) => ada.waitForReceipt(id)));
      // After the first login of a device Baileys holds events back for 20 s, until the history has come.
      expect(asked.length).toBeLessThan(25);
      await baileys.end(undefined);
      await connection.messagesDelivered?.();
      expect(heard.sort()).toEqual(ids.map((id) => `${ADA} ${id}`).sort());
      expect(asked.every(({ isReplay }) => isReplay)).toBe(true);
    },
  );

  it('leaves the socket as it was when it is detached', async () => {
    const server = await startServer();
    const { conversationOf, asked } = conversationsByPhone();
    const socket = openSocket(server, { phone: PHONE });
    const emit = socket.ev.emit;
    const connection = observeBaileysSocket({ sessionId: 'b', socket, onDead: 'end', conversationOf });
    connection.onMessages?.(async () => {});
    await untilStatus(connection, 'CONNECTED');
    expect(socket.ev.emit).not.toBe(emit);
    await connection.close({ reason: 'detached' });
    expect(socket.ev.emit).toBe(emit);
    const arrived = new Promise<void>((resolve) => socket.ev.on('messages.upsert', () => resolve()));
    await server.contact(ADA, 'Ada').sendText(PHONE, 'hello');
    await arrived;
    expect(asked).toEqual([]);
  });
});
