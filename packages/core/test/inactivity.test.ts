import { describe, expect, it } from 'vitest';
import type { ConversationRecord, InactivityOptions, RecordedMessage, WaSyncOptions } from '../src/index.js';
import { createMortalClock, createWorld } from './world.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const off = { jobs: { sync: false, cleanup: false, inactivity: false } } as const;
const farewell = 'Encerramos por inatividade.';

/** A replica that holds one session `s`, connected for two hours, and closes what is quiet for an hour. */
async function talking(inactivity: InactivityOptions = {}, options: Partial<WaSyncOptions> = {}) {
  const world = createWorld();
  const { wa, events } = world.replica({
    ...off,
    replicaId: 'one',
    inactivity: { idleAfterMs: HOUR, farewell, ...inactivity },
    ...options,
  });
  await world.during(wa.start(), 0);
  const socket = world.connection('s');
  await world.during(wa.attach(socket), 0);
  const say = (id = 'c', message: Partial<RecordedMessage> = {}) =>
    wa.recordMessage({
      conversationId: id,
      sessionId: 's',
      from: 'contact',
      at: world.clock.now(),
      chat: `${id}@s.whatsapp.net`,
      ...message,
    });
  const read = async (id = 'c'): Promise<ConversationRecord> => {
    const [found] = await world.memory.conversations.get({ ids: [id] });
    if (!found) throw new Error(`No conversation ${id}`);
    return found;
  };
  /** Lets time go by, and keeps the link alive all the while. */
  const quiet = async (ms: number) => {
    await world.clock.advance(ms);
  };
  const check = (params?: { dryRun?: boolean }) => world.during(wa.checkInactiveConversations(params), 0);
  const told = (name: string) => events.filter((event) => event.name === name).map(({ payload }) => payload);
  return { ...world, wa, events, socket, say, read, quiet, check, told };
}

describe('a quiet conversation', () => {
  it('is closed after its time with one farewell by the session’s owner', async () => {
    const world = await talking();
    await world.say();
    await world.quiet(HOUR);
    expect((await world.check()).totals).toMatchObject({ checked: 0 });
    await world.quiet(1_000);
    expect(await world.check()).toMatchObject({
      postponed: null,
      totals: { checked: 1, closed: 1 },
      conversations: [{ id: 'c', sessionId: 's', outcome: 'closing', reason: 'idle' }],
    });
    expect(await world.read()).toMatchObject({ state: 'CLOSING', outgoing: { delivery: 'pending', kind: 'farewell' } });
    await world.quiet(5_000);
    expect(world.socket.script.sent).toMatchObject([{ chat: 'c@s.whatsapp.net', text: farewell }]);
    expect(await world.read()).toMatchObject({ state: 'CLOSED', closingNumber: 1, outgoing: { delivery: 'sent' } });
    expect(world.told('conversation:closed')).toMatchObject([
      { conversationId: 'c', sessionId: 's', delivery: 'sent' },
    ]);
    await world.quiet(3 * HOUR);
    await world.check();
    expect(world.socket.script.sent).toHaveLength(1);
  });

  it('is closed without a word where the host has none, or nothing is known of where to send it', async () => {
    const world = await talking({ farewell: null });
    await world.say();
    await world.quiet(HOUR + 1_000);
    expect((await world.check()).conversations).toMatchObject([{ outcome: 'closed' }]);
    expect(await world.read()).toMatchObject({ state: 'CLOSED', outgoing: null });
    expect(world.told('conversation:closed')).toMatchObject([{ delivery: null }]);
    const mute = await talking();
    await mute.say('c', { chat: undefined });
    await mute.quiet(HOUR + 6_000);
    await mute.check();
    await mute.quiet(6_000);
    expect(await mute.read()).toMatchObject({ state: 'CLOSED' });
    expect(mute.socket.script.sent).toEqual([]);
  });

  it('is only named in a dry run', async () => {
    const world = await talking();
    await world.say();
    await world.quiet(2 * HOUR);
    const before = await world.read();
    expect(await world.check({ dryRun: true })).toMatchObject({
      dryRun: true,
      conversations: [{ outcome: 'would_close', quietForMs: 2 * HOUR }],
    });
    expect(await world.read()).toEqual(before);
  });

  it('is reopened by any message, and closes anew with another id', async () => {
    const world = await talking();
    await world.say();
    await world.quiet(HOUR + 1_000);
    await world.check();
    await world.quiet(6_000);
    await world.say();
    expect(await world.read()).toMatchObject({ state: 'OPEN', sequence: 2 });
    await world.quiet(HOUR + 1_000);
    await world.check();
    await world.quiet(6_000);
    expect(await world.read()).toMatchObject({ state: 'CLOSED', closingNumber: 2 });
    expect(new Set(world.socket.script.sent.map(({ messageId }) => messageId)).size).toBe(2);
  });
});

describe('a message that comes', () => {
  it('between look and move cancels the move', async () => {
    const world = await talking({
      policy: async () => {
        await world.say();
        return {};
      },
    });
    await world.say();
    await world.quiet(2 * HOUR);
    expect(await world.check()).toMatchObject({
      totals: { cancelled: 1, closed: 0 },
      conversations: [{ outcome: 'cancelled', reason: 'no_longer_quiet' }],
    });
    expect(await world.read()).toMatchObject({ state: 'OPEN', closingNumber: 0 });
  });

  it('between move and send withdraws the farewell', async () => {
    const world = await talking();
    await world.say();
    await world.quiet(2 * HOUR);
    await world.check();
    await world.say();
    await world.quiet(10 * MINUTE);
    expect(world.socket.script.sent).toEqual([]);
    expect(await world.read()).toMatchObject({ state: 'OPEN', outgoing: null });
  });

  it('while it is being recorded is waited for before anything is sent', async () => {
    const world = await talking();
    await world.say();
    await world.quiet(2 * HOUR);
    await world.check();
    const { record } = world.memory.conversations;
    world.memory.conversations.record = async (params) => {
      await new Promise<void>((resolve) => void world.clock.schedule(resolve, 8_000));
      return record(params);
    };
    void world.say();
    await world.quiet(10 * MINUTE);
    expect(world.socket.script.sent).toEqual([]);
    expect((await world.read()).state).toBe('OPEN');
  });

  it('while the farewell is on its way leaves the conversation open, and it is not called closed', async () => {
    const world = await talking();
    await world.say();
    await world.quiet(2 * HOUR);
    world.socket.script.onSend('never');
    await world.check();
    await world.quiet(6_000);
    expect(world.socket.script.sent).toHaveLength(1);
    await world.say();
    await world.quiet(30_000);
    expect(await world.read()).toMatchObject({ state: 'OPEN', outgoing: { delivery: 'unknown' } });
    expect(world.told('conversation:closed')).toEqual([]);
  });

  it('is no message where it is the echo of our own, late and of a warning too', async () => {
    const world = await talking({ warning: { text: 'Ainda aí?', graceMs: 10 * MINUTE } });
    await world.say();
    await world.quiet(2 * HOUR);
    await world.check();
    await world.quiet(6_000);
    const echo = (index: number) =>
      world.say('c', { from: 'bot', messageId: world.socket.script.sent[index]?.messageId });
    await echo(0);
    expect(await world.read()).toMatchObject({ state: 'WARNED', sequence: 1 });
    await world.quiet(11 * MINUTE);
    await world.check();
    await echo(0);
    expect((await world.read()).state).toBe('CLOSING');
    await world.quiet(6_000);
    await echo(1);
    await echo(0);
    expect(await world.read()).toMatchObject({ state: 'CLOSED', sequence: 1 });
    expect(world.socket.script.sent.map(({ text }) => text)).toEqual(['Ainda aí?', farewell]);
  });

  it('is history where it is old: it reopens nothing, and is nobody’s to be written to', async () => {
    const world = await talking();
    const wrote = world.clock.now();
    await world.say('c', { at: wrote });
    await world.quiet(2 * HOUR);
    await world.check();
    await world.quiet(6_000);
    await world.say('c', { at: wrote });
    await world.say('c', { at: new Date(0) });
    expect(await world.read()).toMatchObject({ state: 'CLOSED', sequence: 1 });
    await world.say('old', { at: new Date('2024-06-01T00:00:00Z') });
    await world.say('old', { at: new Date('2024-06-02T00:00:00Z'), from: 'agent' });
    await world.say('old', { at: new Date('2024-05-01T00:00:00Z') });
    expect((await world.check()).totals.checked).toBe(0);
    await world.quiet(2 * HOUR);
    await world.check();
    await world.quiet(6_000);
    expect(await world.read('old')).toMatchObject({ state: 'CLOSED', adopted: true, lastFrom: 'agent' });
    expect(world.socket.script.sent).toHaveLength(1);
    await world.say('old');
    expect(await world.read('old')).toMatchObject({ state: 'OPEN', adopted: false });
  });

  it('that the number could only hear late counts from when it was heard', async () => {
    const world = await talking();
    const wrote = world.clock.now();
    await world.quiet(10 * HOUR);
    await world.say('c', { at: wrote });
    expect((await world.check()).totals.checked).toBe(0);
    await world.quiet(HOUR + 1_000);
    expect((await world.check()).totals.closed).toBe(1);
  });

  it('from the future counts as now', async () => {
    const world = await talking();
    await world.say('c', { at: new Date('2099-01-01T00:00:00Z') });
    expect((await world.read()).lastMessageAt).toEqual(world.clock.now());
    await world.quiet(HOUR + 1_000);
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

  it('settles when it is committed, many in one statement, and one that fails is told', async () => {
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

describe('the gate', () => {
  type World = Awaited<ReturnType<typeof talking>>;
  const closed: [string, (world: World) => Promise<void>][] = [
    ['offline', async ({ socket }) => socket.script.close('connection_closed')],
    ['deaf', async ({ socket }) => socket.script.set({ health: 'degraded' })],
    [
      'just connected again',
      async ({ socket, clock }) => {
        socket.script.close('connection_closed');
        await clock.settle();
        socket.script.open();
        await clock.advance(59_000);
      },
    ],
    [
      'just healthy again',
      async ({ socket, clock }) => {
        socket.script.set({ health: 'degraded' });
        await clock.settle();
        socket.script.set({ health: 'healthy' });
        await clock.advance(59_000);
      },
    ],
    [
      'on a new owner’s new socket',
      async (world) => {
        const other = world.replica({ ...off, replicaId: 'two' });
        await world.during(other.wa.start(), 0);
        await world.during(other.wa.attach(world.connection('s')), 0);
        await world.clock.advance(59_000);
      },
    ],
    ['gone', async ({ wa, memory }) => void (await memory.sessions.remove({ id: 's' }), wa)],
  ];

  it.each(closed)('is shut while the number is %s: nothing is decided, and what was is not sent', async (_, shut) => {
    const world = await talking();
    await world.say();
    await world.quiet(2 * HOUR);
    await shut(world);
    await world.clock.settle();
    expect((await world.check()).totals).toMatchObject({ closed: 0, warned: 0 });
    expect((await world.read()).state).toBe('OPEN');

    const pending = await talking();
    await pending.say();
    await pending.quiet(2 * HOUR);
    await pending.check();
    expect((await pending.read()).state).toBe('CLOSING');
    await shut(pending);
    expect(pending.socket.script.sent).toEqual([]);
  });

  it.each(closed.slice(0, 4))('opens again a minute after the number is no longer %s', async (_, shut) => {
    const world = await talking();
    await world.say();
    await world.quiet(2 * HOUR);
    await shut(world);
    await world.clock.settle();
    world.socket.script.open();
    await world.quiet(61_000);
    expect((await world.check()).totals).toMatchObject({ closed: 1 });
  });

  it('is shut once the owner’s lease is over, though its row says CONNECTED', async () => {
    const world = createWorld();
    const mortal = createMortalClock(world.clock);
    const owner = world.replica({ ...off, replicaId: 'one', clock: mortal.clock });
    const inactivity = { idleAfterMs: HOUR };
    const lease = { ttlMs: 90_000, tickMs: 30_000 };
    const judge = world.replica({ ...off, replicaId: 'two', inactivity, lease });
    await world.during(owner.wa.start(), 0);
    await world.during(judge.wa.start(), 0);
    await world.during(owner.wa.attach(world.connection('s')), 0);
    const message = { sessionId: 's', from: 'contact' as const, at: world.clock.now() };
    await judge.wa.recordMessage({ ...message, conversationId: 'c' });
    await world.clock.advance(2 * HOUR);
    mortal.kill();
    await world.clock.advance(30_500);
    expect((await world.row('s')).status).toBe('CONNECTED');
    expect(await judge.wa.checkInactiveConversations()).toMatchObject({
      conversations: [{ outcome: 'waits', reason: 'gate_closed' }],
    });
  });

  it('that shuts between look and move cancels it', async () => {
    const world = await talking({
      policy: async () => {
        world.socket.script.close('connection_closed');
        await world.clock.settle();
        return {};
      },
    });
    await world.say();
    await world.quiet(2 * HOUR);
    const report = world.wa.checkInactiveConversations();
    expect((await report).totals).toMatchObject({ cancelled: 1, closed: 0 });
  });
});

describe('a farewell', () => {
  async function closing(inactivity: InactivityOptions = {}) {
    const world = await talking(inactivity);
    await world.say();
    await world.quiet(2 * HOUR);
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
      await world.quiet(40_000);
      expect(await world.read()).toMatchObject({ state: 'CLOSED', outgoing: { delivery } });
      expect(world.told('conversation:closed')).toMatchObject([{ delivery }]);
      await world.quiet(HOUR);
      expect(world.socket.script.sent).toHaveLength(1);
    },
  );

  it('is sent once over an error before and after each write', async () => {
    for (const name of ['outgoing', 'beginSend', 'endSend']) {
      for (const commitFirst of [false, true]) {
        const world = await closing();
        world.broken.calls.add(name);
        world.broken.commitFirst = commitFirst;
        await world.quiet(11_000);
        await world.fix();
        await world.quiet(MINUTE);
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
    await world.quiet(6_000);
    world.socket.script.close('connection_closed');
    await world.quiet(10_000);
    world.socket.script.open();
    await world.quiet(10 * MINUTE);
    expect(world.socket.script.sent).toEqual([]);
    expect(await world.read()).toMatchObject({ state: 'CLOSED', outgoing: { delivery: 'failed' } });
  });

  it('whose sender dies on the way is unknown, closed by the next check, and nobody sends it again', async () => {
    const world = createWorld();
    const mortal = createMortalClock(world.clock);
    const inactivity = { idleAfterMs: HOUR, farewell };
    const first = world.replica({ ...off, replicaId: 'one', clock: mortal.clock, inactivity });
    const second = world.replica({ ...off, replicaId: 'two', inactivity });
    await world.during(first.wa.start(), 0);
    await world.during(second.wa.start(), 0);
    const socket = world.connection('s');
    socket.script.onSend('never');
    await world.during(first.wa.attach(socket), 0);
    const message = { sessionId: 's', from: 'contact' as const, at: world.clock.now(), chat: 'c@s.whatsapp.net' };
    await first.wa.recordMessage({ ...message, conversationId: 'c' });
    await world.clock.advance(2 * HOUR);
    await second.wa.checkInactiveConversations();
    await world.clock.advance(6_000);
    expect(socket.script.sent).toHaveLength(1);
    mortal.kill();
    const next = world.connection('s');
    await world.during(second.wa.attach(next), 0);
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
    const judge = world.replica({ ...off, replicaId: 'two', inactivity: { idleAfterMs: HOUR, farewell } });
    await world.during(judge.wa.start(), 0);
    await world.say();
    await world.quiet(2 * HOUR);
    await judge.wa.checkInactiveConversations();
    await world.quiet(6_000);
    expect(world.socket.script.sent).toHaveLength(1);
    expect(world.told('conversation:closed')).toHaveLength(1);
    expect(judge.events.filter(({ name }) => name === 'conversation:closed')).toEqual([]);
  });

  it('fails where the adapter cannot send, and the conversation is closed all the same', async () => {
    const world = await talking();
    const mute = { ...world.connection('s'), sendText: undefined };
    await world.during(world.wa.attach(mute), 0);
    await world.say();
    await world.quiet(2 * HOUR);
    await world.check();
    await world.quiet(6_000);
    expect(await world.read()).toMatchObject({ state: 'CLOSED', outgoing: { delivery: 'failed' } });
  });

  it('never goes out faster than the session may send, and never keeps other sessions waiting', async () => {
    const world = await talking({ sendsPerMinute: 3 });
    const other = world.connection('t');
    await world.during(world.wa.attach(other), 0);
    for (let index = 0; index < 300; index++) await world.say(`a${index}`);
    await world.say('z', { sessionId: 't' });
    await world.quiet(2 * HOUR);
    await world.check();
    await world.quiet(11_000);
    expect(world.socket.script.sent).toHaveLength(3);
    expect(other.script.sent).toHaveLength(1);
    await world.quiet(5 * MINUTE);
    expect(world.socket.script.sent.length).toBeGreaterThanOrEqual(15);
    expect(world.socket.script.sent.length).toBeLessThanOrEqual(18);
  });

  it('of one number that hangs does not hold up another’s', async () => {
    const world = await talking();
    const other = world.connection('t');
    await world.during(world.wa.attach(other), 0);
    world.socket.script.onSend('never');
    for (let index = 0; index < 5; index++) await world.say(`a${index}`);
    await world.quiet(HOUR);
    await world.say('z', { sessionId: 't' });
    await world.quiet(HOUR + 1_000);
    await world.check();
    await world.quiet(11_000);
    expect(other.script.sent).toHaveLength(1);
    expect(world.socket.script.sent).toHaveLength(1);
  });
});

describe('the host’s policy', () => {
  it('warns first and closes after the grace, which counts from the sending', async () => {
    const world = await talking({ warning: { text: 'Ainda aí?', graceMs: 10 * MINUTE } });
    await world.say();
    await world.quiet(2 * HOUR);
    expect((await world.check()).totals).toMatchObject({ warned: 1, closed: 0 });
    expect(world.told('conversation:warned')).toMatchObject([{ conversationId: 'c' }]);
    world.socket.script.close('connection_closed');
    await world.quiet(HOUR);
    world.socket.script.open();
    await world.quiet(30_000);
    expect((await world.check()).conversations).toMatchObject([{ outcome: 'waits', reason: 'gate_closed' }]);
    await world.quiet(29_000);
    expect(world.socket.script.sent).toEqual([]);
    await world.quiet(7_000);
    expect(world.socket.script.sent).toMatchObject([{ text: 'Ainda aí?' }]);
    await world.quiet(9 * MINUTE);
    expect((await world.check()).conversations).toMatchObject([{ outcome: 'waits', reason: 'grace' }]);
    await world.quiet(2 * MINUTE);
    expect((await world.check()).totals).toMatchObject({ closed: 1 });
  });

  it('is taken over the options, key by key', async () => {
    const seen: string[] = [];
    const world = await talking({
      lastFrom: ['agent', 'bot'],
      shortestIdleMs: 30 * MINUTE,
      policy: (conversation) => {
        seen.push(conversation.id);
        if (conversation.id === 'alone') return null;
        if (conversation.id === 'early') return { idleAfterMs: 40 * MINUTE, lastFrom: null, farewell: undefined };
        return {};
      },
    });
    for (const id of ['alone', 'early', 'asked']) await world.say(id);
    await world.say('told', { from: 'agent' });
    await world.quiet(45 * MINUTE);
    const by = ({ conversations }: Awaited<ReturnType<typeof world.check>>) =>
      Object.fromEntries(conversations.map(({ id, outcome, reason }) => [id, `${outcome} ${reason}`]));
    expect(by(await world.check())).toEqual({
      alone: 'skipped no_policy',
      early: 'closing idle',
      asked: 'skipped last_speaker',
      told: 'waits not_idle',
    });
    expect((await world.read('early')).outgoing?.text).toBe(farewell);
    await world.quiet(20 * MINUTE);
    expect(by(await world.check())).toMatchObject({ told: 'closing idle', asked: 'skipped last_speaker' });
    expect(seen).toContain('alone');
  });

  it('that throws, hangs or answers nonsense leaves its conversation alone, and the others are judged', async () => {
    const answers: Record<string, () => unknown> = {
      throws: () => {
        throw new Error('no');
      },
      rejects: () => Promise.reject(new Error('no')),
      hangs: () => new Promise(() => {}),
      nothing: () => undefined,
      text: () => 'close it',
      unit: () => ({ idleAfterMs: '1h' }),
      unknown: () => ({ idle: 1 }),
      empty: () => ({ farewell: '' }),
      zone: () => ({ businessHours: { timeZone: 'Mars/Olympus', days: {} } }),
      night: () => ({ businessHours: { timeZone: 'UTC', days: { mon: ['22:00', '06:00'] } } }),
      fine: () => ({}),
    };
    const world = await talking({ policy: ({ id }) => answers[id]?.() as never });
    for (const id of Object.keys(answers)) await world.say(id);
    await world.quiet(2 * HOUR);
    const report = await world.during(world.wa.checkInactiveConversations(), 10_000);
    expect(report.totals).toMatchObject({ checked: 11, closed: 1, failed: 10 });
    expect((await world.read('fine')).state).toBe('CLOSED');
    expect((await world.read('hangs')).state).toBe('OPEN');
    expect(world.logged.filter(({ fields }) => fields.code === 'policy_failed')).toHaveLength(10);
  });

  it('keeps business hours in their zone', async () => {
    // 2025-01-01 is a Wednesday; the replica starts at 21:00 of Tuesday in São Paulo.
    const businessHours = {
      timeZone: 'America/Sao_Paulo',
      days: { wed: ['09:00', '18:00'], thu: ['09:00', '18:00'] },
      holidays: ['2025-01-01'],
    } as const;
    const world = await talking({ businessHours });
    await world.say();
    await world.quiet(16 * HOUR);
    expect((await world.check()).conversations).toMatchObject([{ outcome: 'waits', reason: 'after_hours' }]);
    await world.quiet(20 * HOUR - 10_000);
    expect((await world.check()).totals).toMatchObject({ waiting: 1 });
    await world.quiet(20_000);
    expect((await world.check()).totals).toMatchObject({ closed: 1 });
  });

  it('is not asked of groups and the like', async () => {
    let asked = 0;
    const world = await talking({
      policy: () => {
        asked += 1;
        return {};
      },
    });
    for (const chat of ['123-456@g.us', 'status@broadcast', '1@newsletter']) await world.say(chat, { chat });
    await world.quiet(2 * HOUR);
    expect((await world.check()).totals).toMatchObject({ skipped: 3 });
    expect(asked).toBeLessThanOrEqual(3);
  });
});

describe('many quiet conversations', () => {
  it('are moved up to maxPerRun, the longest quiet first, and the rest in later runs', async () => {
    const world = await talking({ maxPerRun: 5, farewell: null });
    for (let index = 0; index < 12; index++) {
      await world.say(`c${String(index).padStart(2, '0')}`);
      await world.quiet(10);
    }
    await world.quiet(2 * HOUR);
    const order: string[] = [];
    for (const count of [5, 5, 2, 0]) {
      const report = await world.check();
      expect(report.totals.closed).toBe(count);
      order.push(...report.conversations.filter(({ outcome }) => outcome === 'closed').map(({ id }) => id));
    }
    expect(order).toEqual([...order].sort());
    expect(order).toHaveLength(12);
  });

  it('are reached behind any number that are left alone', async () => {
    const world = await talking({
      maxPerRun: 3,
      farewell: null,
      policy: ({ id }) => (id.startsWith('skip') ? null : {}),
    });
    // All in one moment: the pages need an order that does not depend on time alone.
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => world.say(`skip${index}`)));
    await Promise.all(['z1', 'z2', 'z3', 'z4'].map((id) => world.say(id)));
    await world.quiet(2 * HOUR);
    const report = await world.check();
    expect(report.totals).toMatchObject({ closed: 3, skipped: 1_000, waiting: 1, checked: 1_004 });
    expect(report.conversations).toHaveLength(1_000);
    expect((await world.check()).totals).toMatchObject({ closed: 1 });
  });
});
