import { describe, expect, it } from 'vitest';
import { farewell, HOUR, MINUTE, TOO_LONG, talking } from './talking.js';

describe('the host’s policy', () => {
  it('warns first and closes after the grace, which counts from the sending', async () => {
    const world = await talking({ warning: { text: 'Ainda aí?', graceMs: 10 * MINUTE } });
    await world.say();
    await world.inactive(TOO_LONG);
    expect((await world.check()).totals).toMatchObject({ warned: 1, closed: 0 });
    expect(world.told('conversation:warned')).toMatchObject([{ conversationId: 'c' }]);
    world.socket.script.close('connection_closed');
    await world.inactive(HOUR);
    world.socket.script.open();
    await world.inactive(30_000);
    expect((await world.check()).conversations).toMatchObject([{ outcome: 'waits', reason: 'gate_closed' }]);
    await world.inactive(29_000);
    expect(world.socket.script.sent).toEqual([]);
    await world.inactive(7_000);
    expect(world.socket.script.sent).toMatchObject([{ text: 'Ainda aí?' }]);
    await world.inactive(9 * MINUTE);
    expect((await world.check()).conversations).toMatchObject([{ outcome: 'waits', reason: 'grace' }]);
    await world.inactive(2 * MINUTE);
    expect((await world.check()).totals).toMatchObject({ closed: 1 });
  });

  it('is taken over the options, key by key', async () => {
    const seen: string[] = [];
    const world = await talking({
      lastFrom: ['agent', 'bot'],
      shortestInactiveMs: 30 * MINUTE,
      policy: (conversation) => {
        seen.push(conversation.id);
        if (conversation.id === 'alone') return null;
        if (conversation.id === 'early') return { inactiveAfterMs: 40 * MINUTE, lastFrom: null, farewell: undefined };
        return {};
      },
    });
    for (const id of ['alone', 'early', 'asked']) await world.say(id);
    await world.say('told', { from: 'agent' });
    await world.inactive(45 * MINUTE);
    const by = ({ conversations }: Awaited<ReturnType<typeof world.check>>) =>
      Object.fromEntries(conversations.map(({ id, outcome, reason }) => [id, `${outcome} ${reason}`]));
    expect(by(await world.check())).toEqual({
      alone: 'skipped no_policy',
      early: 'closing inactive',
      asked: 'skipped last_speaker',
      told: 'waits not_inactive',
    });
    expect((await world.read('early')).outgoing?.text).toBe(farewell);
    await world.inactive(20 * MINUTE);
    expect(by(await world.check())).toMatchObject({ told: 'closing inactive', asked: 'skipped last_speaker' });
    expect(seen).toContain('alone');
  });

  it('that throws, hangs or returns nonsense leaves its conversation alone, and the others are judged', async () => {
    const answers: Record<string, () => unknown> = {
      throws: () => {
        throw new Error('no');
      },
      rejects: () => Promise.reject(new Error('no')),
      hangs: () => new Promise(() => {}),
      nothing: () => undefined,
      text: () => 'close it',
      unit: () => ({ inactiveAfterMs: '1h' }),
      unknown: () => ({ idle: 1 }),
      empty: () => ({ farewell: '' }),
      zone: () => ({ businessHours: { timeZone: 'Mars/Olympus', days: {} } }),
      night: () => ({ businessHours: { timeZone: 'UTC', days: { mon: ['22:00', '06:00'] } } }),
      fine: () => ({}),
    };
    const world = await talking({ policy: ({ id }) => answers[id]?.() as never });
    for (const id of Object.keys(answers)) await world.say(id);
    await world.inactive(TOO_LONG);
    const report = await world.during(world.wa.checkInactiveConversations(), 10_000);
    expect(report.totals).toMatchObject({ checked: 11, closed: 1, failed: 10 });
    expect((await world.read('fine')).state).toBe('CLOSED');
    expect((await world.read('hangs')).state).toBe('OPEN');
    // One line for each cause, and some of these are the same.
    const causes = world.logged.filter(({ fields }) => fields.code === 'policy_failed');
    expect(causes).toHaveLength(8);
  });

  it('keeps business hours in their zone', async () => {
    // 2025-01-01 is a Wednesday.
    const businessHours = {
      timeZone: 'America/Sao_Paulo',
      days: { wed: ['09:00', '18:00'], thu: ['09:00', '18:00'] },
      holidays: ['2025-01-01'],
    } as const;
    const holiday = await talking({ businessHours }, {}, new Date('2025-01-01T11:00:00-03:00'));
    await holiday.say();
    await holiday.inactive(TOO_LONG);
    expect((await holiday.check()).conversations).toMatchObject([{ outcome: 'waits', reason: 'after_hours' }]);
    const world = await talking({ businessHours }, {}, new Date('2025-01-02T07:00:00-03:00'));
    await world.say();
    await world.inactive(2 * HOUR - 10_000);
    expect((await world.check()).totals).toMatchObject({ waiting: 1 });
    await world.inactive(20_000);
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
    await world.inactive(TOO_LONG);
    expect((await world.check()).totals).toMatchObject({ skipped: 3 });
    expect(asked).toBeLessThanOrEqual(3);
  });
});
