import { describe, expect, it } from 'vitest';
import type { RecordedMessage } from '../src/index.js';
import { farewell, HOUR, MINUTE, TOO_LONG, talking } from './talking.js';

describe('a message that comes', () => {
  it('between read and move cancels the move', async () => {
    const world = await talking({
      policy: async () => {
        await world.say();
        return {};
      },
    });
    await world.say();
    await world.inactive(TOO_LONG);
    expect(await world.check()).toMatchObject({
      totals: { cancelled: 1, closed: 0 },
      conversations: [{ outcome: 'cancelled', reason: 'no_longer_inactive' }],
    });
    expect(await world.read()).toMatchObject({ state: 'OPEN', closingNumber: 0 });
  });

  it('between move and send withdraws the farewell', async () => {
    const world = await talking();
    await world.say();
    await world.inactive(TOO_LONG);
    await world.check();
    await world.say();
    await world.inactive(10 * MINUTE);
    expect(world.socket.script.sent).toEqual([]);
    expect(await world.read()).toMatchObject({ state: 'OPEN', outgoing: null });
  });

  it('while it is being recorded is waited for before anything is sent', async () => {
    const world = await talking();
    await world.say();
    await world.inactive(TOO_LONG);
    await world.check();
    const { record } = world.memory.conversations;
    world.memory.conversations.record = async (params) => {
      await new Promise<void>((resolve) => void world.clock.schedule(resolve, 8_000));
      return record(params);
    };
    void world.say();
    await world.inactive(10 * MINUTE);
    expect(world.socket.script.sent).toEqual([]);
    expect((await world.read()).state).toBe('OPEN');
  });

  it('while the farewell is on its way leaves the conversation open, and it is not called closed', async () => {
    const world = await talking();
    await world.say();
    await world.inactive(TOO_LONG);
    world.socket.script.onSend('never');
    await world.check();
    await world.inactive(6_000);
    expect(world.socket.script.sent).toHaveLength(1);
    await world.say();
    await world.inactive(30_000);
    expect(await world.read()).toMatchObject({ state: 'OPEN', outgoing: { delivery: 'unknown' } });
    expect(world.told('conversation:closed')).toEqual([]);
  });

  it('is no message where it is the echo of our own, late and of a warning too', async () => {
    const world = await talking({ warning: { text: 'Ainda aí?', graceMs: 10 * MINUTE } });
    await world.say();
    await world.inactive(TOO_LONG);
    await world.check();
    await world.inactive(6_000);
    const echo = (index: number) =>
      world.say('c', { from: 'bot', messageId: world.socket.script.sent[index]?.messageId });
    await echo(0);
    expect(await world.read()).toMatchObject({ state: 'WARNED', sequence: 1 });
    await world.inactive(11 * MINUTE);
    await world.check();
    await echo(0);
    expect((await world.read()).state).toBe('CLOSING');
    await world.inactive(6_000);
    await echo(1);
    await echo(0);
    expect(await world.read()).toMatchObject({ state: 'CLOSED', sequence: 1 });
    expect(world.socket.script.sent.map(({ text }) => text)).toEqual(['Ainda aí?', farewell]);
  });

  it('is history where it is old: it reopens nothing, and is nobody’s to be written to', async () => {
    const world = await talking();
    const wrote = world.clock.now();
    await world.say('c', { at: wrote });
    await world.inactive(TOO_LONG);
    await world.check();
    await world.inactive(6_000);
    await world.say('c', { at: wrote });
    await world.say('c', { at: new Date(0) });
    expect(await world.read()).toMatchObject({ state: 'CLOSED', sequence: 1 });
    await world.say('old', { at: new Date('2024-06-01T00:00:00Z') });
    await world.say('old', { at: new Date('2024-06-02T00:00:00Z'), from: 'agent' });
    await world.say('old', { at: new Date('2024-05-01T00:00:00Z') });
    expect((await world.check()).totals.checked).toBe(0);
    await world.inactive(TOO_LONG);
    await world.check();
    await world.inactive(6_000);
    expect(await world.read('old')).toMatchObject({ state: 'CLOSED', adopted: true, lastFrom: 'agent' });
    expect(world.socket.script.sent).toHaveLength(1);
    await world.say('old');
    expect(await world.read('old')).toMatchObject({ state: 'OPEN', adopted: false });
  });

  it('that the number could only hear late counts from when it was heard', async () => {
    const world = await talking();
    const wrote = world.clock.now();
    await world.inactive(10 * HOUR);
    await world.say('c', { at: wrote });
    expect((await world.check()).totals.checked).toBe(0);
    await world.inactive(HOUR + 1_000);
    expect((await world.check()).totals.closed).toBe(1);
  });

  it('from the future counts as now', async () => {
    const world = await talking();
    await world.say('c', { at: new Date('2099-01-01T00:00:00Z') });
    expect((await world.read()).lastMessageAt).toEqual(world.clock.now());
    await world.inactive(HOUR + 1_000);
    expect((await world.check()).totals.closed).toBe(1);
  });

  it('takes any script in its ids, and refuses what no store can keep', async () => {
    const world = await talking();
    for (const id of ['😀 conversa', 'محادثة', '5511999990000@s.whatsapp.net', '__proto__', "'; DROP TABLE x --"]) {
      await world.say(id);
      expect((await world.read(id)).id).toBe(id);
    }
    const wrong = [
      { conversationId: '' },
      { conversationId: 'x'.repeat(256) },
      { conversationId: 'a\u0000b' },
      { conversationId: '\ud800' },
      { sessionId: '' },
      { from: 'nobody' },
      { at: new Date(Number.NaN) },
      { at: '2025-01-01' },
      { chat: '' },
      { messageId: 7 },
    ];
    for (const fields of wrong) {
      await expect(world.say('c', fields as Partial<RecordedMessage>)).rejects.toMatchObject({
        code: 'message_invalid',
      });
    }
    await expect(world.wa.recordMessage(undefined as never)).rejects.toMatchObject({ code: 'message_invalid' });
  });

  it('settles when it is committed, many in one statement, and one that fails is reported', async () => {
    const world = await talking();
    world.calls.length = 0;
    await Promise.all(Array.from({ length: 1_500 }, (_, index) => world.say(`c${index}`)));
    expect(world.calls.filter((name) => name === 'record').length).toBeLessThanOrEqual(3);
    world.broken.calls.add('record');
    await expect(world.say()).rejects.toThrow('record failed');
    await world.fix();
    await world.say();
    expect((await world.read()).sequence).toBe(1);
  });
});
