import { describe, expect, it } from 'vitest';
import type { InactivityOptions } from '../src/index.js';
import { farewell, HOUR, MINUTE, off, TOO_LONG, talking } from './talking.js';
import { createMortalClock, createWorld } from './world.js';

describe('a farewell', () => {
  async function closing(inactivity: InactivityOptions = {}) {
    const world = await talking(inactivity);
    await world.say();
    await world.inactive(TOO_LONG);
    await world.check();
    return world;
  }

  it.each([
    ['never answered', 'never', 'unknown'],
    ['an error', 'throws', 'unknown'],
    ['refused', 'failed', 'failed'],
    ['nonsense', 'perhaps' as 'sent', 'unknown'],
  ] as const)(
    'that is %s closes as that, and is never sent again nor called delivered',
    async (_, answer, delivery) => {
      const world = await closing();
      world.socket.script.onSend(answer);
      await world.inactive(40_000);
      expect(await world.read()).toMatchObject({ state: 'CLOSED', outgoing: { delivery } });
      expect(world.told('conversation:closed')).toMatchObject([{ delivery }]);
      await world.inactive(HOUR);
      expect(world.socket.script.sent).toHaveLength(1);
    },
  );

  it('is sent once over an error before and after each write', async () => {
    for (const name of ['outgoing', 'beginSend', 'endSend']) {
      for (const commitFirst of [false, true]) {
        const world = await closing();
        world.broken.calls.add(name);
        world.broken.commitFirst = commitFirst;
        await world.inactive(11_000);
        await world.fix();
        await world.inactive(MINUTE);
        const { sent } = world.socket.script;
        const lost = name === 'beginSend' && commitFirst;
        expect(sent, `${name} ${commitFirst}`).toHaveLength(lost ? 0 : 1);
        expect(await world.read()).toMatchObject({
          state: 'CLOSED',
          outgoing: { delivery: lost ? 'failed' : 'sent' },
        });
        expect(world.told('conversation:closed')).toHaveLength(1);
      }
    }
  });

  it('is not sent any more where the answer that it may begin came too late', async () => {
    const world = await closing();
    const { beginSend } = world.memory.conversations;
    world.memory.conversations.beginSend = async (params) => {
      const begun = await beginSend(params);
      await new Promise<void>((resolve) => void world.clock.schedule(resolve, 8_000));
      return begun;
    };
    await world.inactive(6_000);
    world.socket.script.close('connection_closed');
    await world.inactive(10_000);
    world.socket.script.open();
    await world.inactive(10 * MINUTE);
    expect(world.socket.script.sent).toEqual([]);
    expect(await world.read()).toMatchObject({ state: 'CLOSED', outgoing: { delivery: 'failed' } });
  });

  it('whose sender dies on the way is unknown, closed by the next check, and nobody sends it again', async () => {
    const world = createWorld();
    const mortal = createMortalClock(world.clock);
    const inactivity = { inactiveAfterMs: HOUR, farewell };
    const first = world.replica({ ...off, replicaId: 'one', clock: mortal.clock, inactivity });
    const second = world.replica({ ...off, replicaId: 'two', inactivity });
    await world.during(first.wa.start(), 0);
    await world.during(second.wa.start(), 0);
    const socket = world.connection('s');
    socket.script.onSend('never');
    await world.during(first.wa.attach(socket).ready, 0);
    const message = { sessionId: 's', from: 'contact' as const, at: world.clock.now(), chat: 'c@s.whatsapp.net' };
    await first.wa.recordMessage({ ...message, conversationId: 'c' });
    await world.clock.advance(TOO_LONG);
    await second.wa.checkInactiveConversations();
    await world.clock.advance(6_000);
    expect(socket.script.sent).toHaveLength(1);
    mortal.kill();
    const next = world.connection('s');
    await world.during(second.wa.attach(next).ready, 0);
    await world.clock.advance(10 * MINUTE);
    expect((await world.memory.conversations.get({ ids: ['c'] }))[0]).toMatchObject({
      state: 'CLOSING',
      outgoing: { delivery: 'sending' },
    });
    await second.wa.checkInactiveConversations();
    expect((await world.memory.conversations.get({ ids: ['c'] }))[0]).toMatchObject({
      state: 'CLOSED',
      outgoing: { delivery: 'unknown' },
    });
    await world.clock.advance(10 * MINUTE);
    expect(next.script.sent).toEqual([]);
    expect(second.events.filter(({ name }) => name === 'conversation:closed')).toMatchObject([
      { payload: { delivery: 'unknown' } },
    ]);
  });

  it('waits for the owner that holds the session, whoever decided', async () => {
    const world = await talking({ farewell: null });
    const judge = world.replica({ ...off, replicaId: 'two', inactivity: { inactiveAfterMs: HOUR, farewell } });
    await world.during(judge.wa.start(), 0);
    await world.say();
    await world.inactive(TOO_LONG);
    await judge.wa.checkInactiveConversations();
    await world.inactive(6_000);
    expect(world.socket.script.sent).toHaveLength(1);
    expect(world.told('conversation:closed')).toHaveLength(1);
    expect(judge.events.filter(({ name }) => name === 'conversation:closed')).toEqual([]);
  });

  it('fails where the adapter cannot send, and the conversation is closed all the same', async () => {
    const world = await talking();
    const mute = { ...world.connection('s'), sendText: undefined };
    await world.during(world.wa.attach(mute).ready, 0);
    await world.say();
    await world.inactive(TOO_LONG);
    await world.check();
    await world.inactive(6_000);
    expect(await world.read()).toMatchObject({ state: 'CLOSED', outgoing: { delivery: 'failed' } });
  });

  it('never goes out faster than the session may send, and never keeps other sessions waiting', async () => {
    const world = await talking({ sendsPerMinute: 3 });
    const other = world.connection('t');
    await world.during(world.wa.attach(other).ready, 0);
    for (let index = 0; index < 300; index++) await world.say(`a${index}`);
    await world.say('z', { sessionId: 't' });
    await world.inactive(TOO_LONG);
    await world.check();
    await world.inactive(11_000);
    expect(world.socket.script.sent).toHaveLength(3);
    expect(other.script.sent).toHaveLength(1);
    await world.inactive(5 * MINUTE);
    expect(world.socket.script.sent.length).toBeGreaterThanOrEqual(15);
    expect(world.socket.script.sent.length).toBeLessThanOrEqual(18);
  });

  it('of one number that hangs does not hold up another’s', async () => {
    const world = await talking();
    const other = world.connection('t');
    await world.during(world.wa.attach(other).ready, 0);
    world.socket.script.onSend('never');
    for (let index = 0; index < 5; index++) await world.say(`a${index}`);
    await world.inactive(HOUR);
    await world.say('z', { sessionId: 't' });
    await world.inactive(HOUR + 1_000);
    await world.check();
    await world.inactive(11_000);
    expect(other.script.sent).toHaveLength(1);
    expect(world.socket.script.sent).toHaveLength(1);
  });
});
