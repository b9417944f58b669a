import { describe, expect, it } from 'vitest';
import { startServer } from './kit.js';
import { createChance } from './seeded.js';
import { ADA, PHONE, rowBecomes, shiftedClock, startEngine } from './world.js';

const chance = createChance('farewells');

const FAREWELL = 'This conversation was closed because nobody wrote for a while.';
const QUIET_MS = 120_000;

async function startQuiet(options: Parameters<typeof startServer>[0] = {}) {
  const server = await startServer(options);
  const { clock, forward } = shiftedClock();
  const host = await startEngine(server, {
    clock,
    provider: { conversationOf: ({ phoneJid }) => phoneJid },
    wa: { inactivity: { inactiveAfterMs: 60_000, farewell: FAREWELL, shortestInactiveMs: 60_000 } },
  });
  await host.wa.sessions.create({ id: 'a' });
  await rowBecomes(host.wa, 'CONNECTED');
  const ada = server.contact(ADA, 'Ada');
  await ada.sendText(PHONE, 'hello');
  await host.conversationThat(ada.jid, ({ sequence }) => sequence === 1);
  return { server, host, ada, forward, session: server.session(PHONE) };
}

type Quiet = Awaited<ReturnType<typeof startQuiet>>;

async function close({ host, forward, ada }: Quiet) {
  forward(QUIET_MS);
  const report = await host.wa.checkInactiveConversations();
  expect(report.totals).toMatchObject({ closed: 1 });
  return host.conversationThat(ada.jid, ({ state }) => state === 'CLOSED');
}

describe.concurrent('farewells', () => {
  it('F33: the farewell arrives once, its echo does not open the conversation again, the next message does', async () => {
    const quiet = await startQuiet();
    const { host, ada } = quiet;
    const closed = await close(quiet);
    expect(closed.outgoing).toMatchObject({ kind: 'farewell', delivery: 'sent' });
    await ada.waitForMessage(({ text }) => text === FAREWELL);
    // WhatsApp counts in seconds, and a message of the same second as the last one could be a replay.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await ada.sendText(PHONE, 'wait, one more thing');
    const reopened = await host.conversationThat(ada.jid, ({ state }) => state === 'OPEN');
    expect(reopened.sequence).toBe(2);
    expect(ada.received.map(({ text, id }) => [text, id])).toEqual([[FAREWELL, closed.outgoing?.id]]);
    await close(quiet);
    expect(new Set(ada.received.map(({ id }) => id)).size).toBe(2);
  });

  it('F40: to a number without a reader, on an error ack and without an ack: closed, never called delivered, never sent again', async () => {
    const quiet = await startQuiet();
    const { session, host, ada } = quiet;
    session.treatMessages({ error: 463 });
    expect((await close(quiet)).outgoing).toMatchObject({ delivery: 'failed' });
    quiet.forward(QUIET_MS);
    await host.wa.checkInactiveConversations();
    await rowBecomes(host.wa, 'CONNECTED');
    expect(await host.conversation(ada.jid)).toMatchObject({ state: 'CLOSED', closingNumber: 1 });
    expect(ada.received).toEqual([]);
  });

  it('F40: to a number that left WhatsApp', async () => {
    let there = true;
    const quiet = await startQuiet({ isOnWhatsApp: (phone) => there || phone === PHONE });
    there = false;
    expect((await close(quiet)).outgoing).toMatchObject({ delivery: 'failed' });
    expect(quiet.ada.received).toEqual([]);
  });

  it('F40: the link closes while the farewell is on its way', async () => {
    const quiet = await startQuiet();
    const { session, ada, host } = quiet;
    session.treatMessages({ ack: 'never', deliver: false });
    const closed = close(quiet);
    await host.conversationThat(ada.jid, ({ outgoing }) => outgoing?.delivery === 'sending');
    for (let turns = Math.floor(chance.random.next() * 60); turns >= 0; turns--)
      await new Promise((next) => setImmediate(next));
    const again = session.waitForNextLogin();
    session.fin();
    // Failed where WhatsApp was still being asked for the devices: then nothing had left.
    expect(['unknown', 'failed']).toContain((await closed).outgoing?.delivery);
    await again;
    session.treatMessages({});
    quiet.forward(QUIET_MS);
    await host.wa.checkInactiveConversations();
    expect(await host.conversation(ada.jid)).toMatchObject({ state: 'CLOSED', closingNumber: 1 });
    expect(ada.received).toEqual([]);
  });

  it('F32: a number that is offline, or has just come back, has heard nothing: no conversation of it is closed', async () => {
    const quiet = await startQuiet();
    const { session, host, ada, forward } = quiet;
    session.failNextLogin(503, { times: 1_000 });
    session.fin();
    await rowBecomes(host.wa, 'RECONNECTING');
    // She writes while nobody can hear it.
    await ada.sendText(PHONE, 'are you there?');
    forward(QUIET_MS);
    expect((await host.wa.checkInactiveConversations()).totals).toMatchObject({ closed: 0, warned: 0 });
    session.clearPlans();
    await rowBecomes(host.wa, 'CONNECTED');
    await host.conversationThat(ada.jid, ({ sequence }) => sequence === 2);
    expect((await host.wa.checkInactiveConversations()).totals).toMatchObject({ closed: 0, warned: 0 });
    expect(await host.conversation(ada.jid)).toMatchObject({ state: 'OPEN' });
    expect(ada.received).toEqual([]);
    await close(quiet);
  });

  it('S8: a message that is still with conversationOf keeps its conversation open', async () => {
    const server = await startServer();
    const { clock, forward } = shiftedClock();
    let answer = (_id: string) => {};
    let asked = () => {};
    let round = 0;
    const wasAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const host = await startEngine(server, {
      clock,
      provider: {
        conversationOf: ({ phoneJid }) => {
          round += 1;
          if (round === 1) return phoneJid;
          return new Promise<string>((resolve) => {
            answer = resolve;
            asked();
          });
        },
      },
      wa: { inactivity: { inactiveAfterMs: 60_000, farewell: FAREWELL } },
    });
    await host.wa.sessions.create({ id: 'a' });
    await rowBecomes(host.wa, 'CONNECTED');
    const ada = server.contact(ADA, 'Ada');
    await ada.sendText(PHONE, 'hello');
    await host.conversationThat(ada.jid, ({ sequence }) => sequence === 1);
    await ada.sendText(PHONE, 'still here');
    await wasAsked;
    const { conversations } = host.store;
    const takeUp = conversations.outgoing.bind(conversations);
    const takenUp = new Promise<void>((resolve) => {
      conversations.outgoing = async (params) => {
        const found = await takeUp(params);
        if (found.length > 0) setTimeout(resolve, 100);
        return found;
      };
    });
    forward(QUIET_MS);
    await host.wa.checkInactiveConversations();
    expect(await host.conversation(ada.jid)).toMatchObject({ state: 'CLOSING' });
    // Its sender has it in hand, and would have sent it by now.
    await takenUp;
    expect(ada.received).toEqual([]);
    answer(ada.jid);
    const found = await host.conversationThat(ada.jid, ({ sequence }) => sequence === 2);
    expect(found).toMatchObject({ state: 'OPEN', outgoing: null });
    expect(ada.received).toEqual([]);
  });
});
