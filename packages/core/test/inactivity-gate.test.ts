import { describe, expect, it } from 'vitest';
import { HOUR, off, TOO_LONG, talking } from './talking.js';
import { createMortalClock, createWorld } from './world.js';

describe('the gate', () => {
  type World = Awaited<ReturnType<typeof talking>>;
  const closed: [string, (world: World) => Promise<void>][] = [
    ['offline', async ({ socket }) => socket.script.close('connection_closed')],
    ['with stalled handlers', async ({ socket }) => socket.script.set({ health: 'degraded' })],
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
        await world.during(other.wa.attach(world.connection('s')).ready, 0);
        await world.clock.advance(59_000);
      },
    ],
    ['gone', async ({ memory }) => void (await memory.sessions.remove({ id: 's' }))],
  ];

  it.each(closed)(
    'F32: is shut while the number is %s: nothing is decided, and what was is not sent',
    async (_, shut) => {
      const world = await talking();
      await world.say();
      await world.inactive(TOO_LONG);
      await shut(world);
      await world.clock.settle();
      expect((await world.check()).totals).toMatchObject({ closed: 0, warned: 0 });
      expect((await world.read()).state).toBe('OPEN');

      const pending = await talking();
      await pending.say();
      await pending.inactive(TOO_LONG);
      await pending.check();
      expect((await pending.read()).state).toBe('CLOSING');
      await shut(pending);
      expect(pending.socket.script.sent).toEqual([]);
    },
  );

  it.each(closed.slice(0, 4))('opens again a minute after the number is no longer %s', async (_, shut) => {
    const world = await talking();
    await world.say();
    await world.inactive(TOO_LONG);
    await shut(world);
    await world.clock.settle();
    world.socket.script.open();
    await world.inactive(61_000);
    expect((await world.check()).totals).toMatchObject({ closed: 1 });
  });

  it('F32: is shut once the owner’s lease is over, though its row says CONNECTED', async () => {
    const world = createWorld();
    const mortal = createMortalClock(world.clock);
    const owner = world.replica({ ...off, replicaId: 'one', clock: mortal.clock });
    const inactivity = { inactiveAfterMs: HOUR };
    const lease = { ttlMs: 90_000, tickMs: 30_000 };
    const judge = world.replica({ ...off, replicaId: 'two', inactivity, lease });
    await world.during(owner.wa.start(), 0);
    await world.during(judge.wa.start(), 0);
    await world.during(owner.wa.attach(world.connection('s')).ready, 0);
    const message = { sessionId: 's', from: 'contact' as const, at: world.clock.now() };
    await judge.wa.recordMessage({ ...message, conversationId: 'c' });
    await world.clock.advance(TOO_LONG);
    mortal.kill();
    await world.clock.advance(30_500);
    expect((await world.row('s')).status).toBe('CONNECTED');
    expect(await judge.wa.checkInactiveConversations()).toMatchObject({
      conversations: [{ outcome: 'waits', reason: 'gate_closed' }],
    });
  });

  it('that shuts between read and move cancels it', async () => {
    const world = await talking({
      policy: async () => {
        world.socket.script.close('connection_closed');
        await world.clock.settle();
        return {};
      },
    });
    await world.say();
    await world.inactive(TOO_LONG);
    const report = world.wa.checkInactiveConversations();
    expect((await report).totals).toMatchObject({ cancelled: 1, closed: 0 });
  });
});
