import { describe, expect, it } from 'vitest';
import { farewell, HOUR, talking } from './talking.js';

describe('an inactive conversation', () => {
  it('is closed after its time with one farewell by the session’s owner', async () => {
    const world = await talking();
    await world.say();
    await world.inactive(HOUR);
    expect((await world.check()).totals).toMatchObject({ checked: 0 });
    await world.inactive(1_000);
    expect(await world.check()).toMatchObject({
      postponed: null,
      totals: { checked: 1, closed: 1 },
      conversations: [{ id: 'c', sessionId: 's', outcome: 'closing', reason: 'inactive' }],
    });
    expect(await world.read()).toMatchObject({ state: 'CLOSING', outgoing: { delivery: 'pending', kind: 'farewell' } });
    await world.inactive(5_000);
    expect(world.socket.script.sent).toMatchObject([{ chat: 'c@s.whatsapp.net', text: farewell }]);
    expect(await world.read()).toMatchObject({ state: 'CLOSED', closingNumber: 1, outgoing: { delivery: 'sent' } });
    expect(world.told('conversation:closed')).toMatchObject([
      { conversationId: 'c', sessionId: 's', delivery: 'sent' },
    ]);
    await world.inactive(3 * HOUR);
    await world.check();
    expect(world.socket.script.sent).toHaveLength(1);
  });

  it('is closed without a word where the host has none, or nothing is known of where to send it', async () => {
    const world = await talking({ farewell: null });
    await world.say();
    await world.inactive(HOUR + 1_000);
    expect((await world.check()).conversations).toMatchObject([{ outcome: 'closed' }]);
    expect(await world.read()).toMatchObject({ state: 'CLOSED', outgoing: null });
    expect(world.told('conversation:closed')).toMatchObject([{ delivery: null }]);
    const mute = await talking();
    await mute.say('c', { chat: undefined });
    await mute.inactive(HOUR + 6_000);
    await mute.check();
    await mute.inactive(6_000);
    expect(await mute.read()).toMatchObject({ state: 'CLOSED' });
    expect(mute.socket.script.sent).toEqual([]);
  });

  it('is only named in a dry run', async () => {
    const world = await talking();
    await world.say();
    await world.inactive(2 * HOUR);
    const before = await world.read();
    expect(await world.check({ dryRun: true })).toMatchObject({
      dryRun: true,
      conversations: [{ outcome: 'would_close', inactiveForMs: 2 * HOUR }],
    });
    expect(await world.read()).toEqual(before);
  });

  it('is reopened by any message, and closes anew with another id', async () => {
    const world = await talking();
    await world.say();
    await world.inactive(HOUR + 1_000);
    await world.check();
    await world.inactive(6_000);
    await world.say();
    expect(await world.read()).toMatchObject({ state: 'OPEN', sequence: 2 });
    await world.inactive(HOUR + 1_000);
    await world.check();
    await world.inactive(6_000);
    expect(await world.read()).toMatchObject({ state: 'CLOSED', closingNumber: 2 });
    expect(new Set(world.socket.script.sent.map(({ messageId }) => messageId)).size).toBe(2);
  });
});

describe('many inactive conversations', () => {
  it('are moved up to maxPerRun, the longest inactive first, and the rest in later runs', async () => {
    const world = await talking({ maxPerRun: 5, farewell: null });
    for (let index = 0; index < 12; index++) {
      await world.say(`c${String(index).padStart(2, '0')}`);
      await world.inactive(10);
    }
    await world.inactive(2 * HOUR);
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
    await world.inactive(2 * HOUR);
    const report = await world.check();
    expect(report.totals).toMatchObject({ closed: 3, skipped: 1_000, waiting: 1, checked: 1_004 });
    expect(report.conversations).toHaveLength(1_000);
    expect((await world.check()).totals).toMatchObject({ closed: 1 });
  });
});
