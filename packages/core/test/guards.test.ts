import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isReconnectLoop, looksLikeMassOutage } from '../src/decide/link-faults.js';
import { PROBES_PER_SECOND } from '../src/engine/reconcile/liveness.js';
import type { WaSyncOptions } from '../src/index.js';
import { heartbeats } from './heartbeats.js';
import { createWorld } from './world.js';

const MINUTE = 60_000;
const off = { jobs: { sync: false, cleanup: false, inactivity: false } } as const;

async function holding(count: number, options: Partial<WaSyncOptions> = {}) {
  const world = createWorld();
  const { wa, events } = world.replica({ ...off, replicaId: 'one', ...options });
  await world.during(wa.start(), 0);
  const sockets = Array.from({ length: count }, (_, index) => world.connection(`s${index}`));
  await world.during(Promise.all(sockets.map((socket) => wa.attach(socket).ready)), 0);
  const told = (name: string) => events.filter((event) => event.name === name).map(({ payload }) => payload);
  const flag = async () => (await heartbeats(world.memory)).find(({ replicaId }) => replicaId === 'one')?.massOutage;
  return { ...world, wa, events, sockets, told, flag };
}

describe('the rule of a mass outage', () => {
  const counts = fc.record({ up: fc.nat({ max: 200 }), fallen: fc.nat({ max: 200 }) });

  it('needs three links and 55 %, and is over below half of that', () => {
    fc.assert(
      fc.property(counts, ({ up, fallen }) => {
        const part = fallen / (up + fallen || 1);
        expect(looksLikeMassOutage({ up, fallen, suspected: false })).toBe(fallen >= 3 && part * 1e6 >= 0.55e6 - 1e-3);
        expect(looksLikeMassOutage({ up, fallen, suspected: true })).toBe(fallen >= 3 && part * 1e6 >= 0.275e6 - 1e-3);
      }),
    );
  });

  it('begins at 55 % to the link', () => {
    const begins = (up: number, fallen: number) => looksLikeMassOutage({ up, fallen, suspected: false });
    expect([begins(45, 55), begins(46, 54), begins(0, 2), begins(0, 3), begins(0, 0)]).toEqual([
      true,
      false,
      false,
      true,
      false,
    ]);
  });
});

describe('a mass outage', () => {
  it('is one event and a flag for all to see, while every status is written as it is', async () => {
    const world = await holding(10);
    await world.clock.advance(10_000);
    for (const socket of world.sockets.slice(0, 6)) socket.script.close('connection_lost');
    await world.clock.advance(6_000);
    expect(world.told('mass-outage:begun')).toMatchObject([{ fallen: 6, sessions: 10 }]);
    expect(await world.flag()).toBe(true);
    expect((await world.row('s0')).status).toBe('RECONNECTING');
    expect((await world.row('s9')).status).toBe('CONNECTED');
    for (const socket of world.sockets.slice(0, 3)) socket.script.open();
    await world.clock.advance(6_000);
    expect(world.told('mass-outage:ended')).toEqual([]);
    world.sockets[3]?.script.open();
    await world.clock.advance(6_000);
    expect(world.told('mass-outage:ended')).toMatchObject([{ tookMs: expect.any(Number) }]);
    expect(await world.flag()).toBe(false);
    expect(world.logged.filter(({ fields }) => fields.code === 'mass_outage_begun')).toHaveLength(1);
  });

  it('is seen where links die without a word', async () => {
    const world = await holding(5);
    await world.clock.advance(7_000);
    for (const socket of world.sockets) socket.script.onHeal('nothing');
    for (const socket of world.sockets.slice(0, 4)) socket.script.goSilent();
    await world.clock.advance(40_000);
    expect(world.told('mass-outage:begun')).toMatchObject([{ fallen: 4, sessions: 5 }]);
  });

  it('lasts for as long as they are down, be it hours', async () => {
    const world = await holding(4);
    for (const socket of world.sockets) socket.script.close('connection_lost');
    await world.clock.advance(60 * MINUTE);
    expect(world.told('mass-outage:begun')).toHaveLength(1);
    expect(world.told('mass-outage:ended')).toEqual([]);
    expect(await world.flag()).toBe(true);
  });

  it('is none where fewer fall, few at a time, where WhatsApp itself ended them, or they were never up', async () => {
    const world = await holding(10);
    for (const socket of world.sockets.slice(0, 5)) socket.script.close('connection_lost');
    await world.clock.advance(2 * MINUTE);
    for (const socket of world.sockets.slice(5, 7)) socket.script.close('connection_lost');
    await world.clock.advance(2 * MINUTE);
    expect(world.told('mass-outage:begun')).toEqual([]);
    const ended = await holding(6);
    for (const socket of ended.sockets) socket.script.close('device_removed', 'LOGGED_OUT');
    await ended.clock.advance(MINUTE);
    expect(ended.told('mass-outage:begun')).toEqual([]);
    const booting = await holding(0);
    for (const id of ['a', 'b', 'c', 'd']) {
      await booting.during(booting.wa.attach(booting.connection(id, { status: 'CONNECTING' })).ready, 0);
    }
    await booting.clock.advance(MINUTE);
    expect(booting.told('mass-outage:begun')).toEqual([]);
  });

  it('stops the cleanup of a replica, and of its sessions everywhere', async () => {
    const day = 86_400_000;
    const world = await holding(4);
    const other = world.replica({ ...off, replicaId: 'two' });
    await world.during(other.wa.start(), 0);
    await world.during(world.wa.attach(world.connection('resting', { status: 'QR_CODE' })).ready, 0);
    await world.clock.advance(11 * MINUTE);
    for (const socket of world.sockets) socket.script.close('connection_lost');
    await world.clock.advance(6_000);
    world.clock.jumpWallClock(31 * day);
    expect(await world.wa.cleanupSessions()).toMatchObject({ postponed: 'mass_outage' });
    expect((await other.wa.cleanupSessions({ force: true })).totals).toMatchObject({ deactivated: 0 });
    for (const socket of world.sockets) socket.script.open();
    await world.clock.advance(6_000);
    expect((await other.wa.cleanupSessions({ force: true })).totals).toMatchObject({ deactivated: 1 });
  });

  it('stops warnings, closings and farewells of its sessions, those decided before too', async () => {
    const inactivity = { inactiveAfterMs: 5 * MINUTE, farewell: 'Até logo' };
    const world = await holding(5, { inactivity });
    const other = world.replica({ ...off, replicaId: 'two', inactivity });
    await world.during(other.wa.start(), 0);
    const say = (conversationId: string) =>
      world.wa.recordMessage({
        conversationId,
        sessionId: 's4',
        from: 'contact',
        at: world.clock.now(),
        chat: 'x@lid',
      });
    await say('decided');
    await world.clock.advance(6 * MINUTE);
    await say('later');
    await world.clock.advance(4 * MINUTE + 59_000);
    for (const socket of world.sockets.slice(0, 4)) socket.script.close('connection_lost');
    expect((await other.wa.checkInactiveConversations()).totals).toMatchObject({ closed: 1 });
    await world.clock.advance(6 * MINUTE);
    expect(await world.flag()).toBe(true);
    expect((await other.wa.checkInactiveConversations()).conversations).toMatchObject([
      { id: 'later', outcome: 'waits', reason: 'gate_closed' },
    ]);
    const sent = world.sockets[4]?.script.sent;
    expect(sent).toEqual([]);
    for (const socket of world.sockets.slice(0, 4)) socket.script.open();
    await world.clock.advance(2 * MINUTE);
    expect(sent).toHaveLength(1);
  });
});

describe('a reconnect loop', () => {
  it('is five falls in ten minutes or ten attempts', () => {
    fc.assert(
      fc.property(fc.nat({ max: 20 }), fc.nat({ max: 20 }), (fallsInWindow, reconnectAttempt) => {
        expect(isReconnectLoop({ fallsInWindow, reconnectAttempt })).toBe(fallsInWindow >= 5 || reconnectAttempt >= 10);
      }),
    );
  });

  async function flap(world: Awaited<ReturnType<typeof holding>>, times: number, everyMs: number): Promise<void> {
    for (let index = 0; index < times; index++) {
      world.sockets[0]?.script.close('connection_lost');
      world.sockets[0]?.script.open();
      await world.clock.advance(everyMs);
    }
  }

  it('is reported once, though the link comes up again within a moment, and again after ten calm minutes', async () => {
    const world = await holding(2);
    await flap(world, 4, 1_000);
    expect(world.told('session:reconnect-loop')).toEqual([]);
    await flap(world, 10, 1_000);
    expect(world.told('session:reconnect-loop')).toMatchObject([{ sessionId: 's0', falls: 5, reconnectAttempt: 0 }]);
    await world.clock.advance(12 * MINUTE);
    await flap(world, 5, 1_000);
    expect(world.told('session:reconnect-loop')).toHaveLength(2);
  });

  it('is none where it falls now and then', async () => {
    const world = await holding(1);
    await flap(world, 12, 3 * MINUTE);
    expect(world.told('session:reconnect-loop')).toEqual([]);
  });

  it('is one where a session tries ten times without coming up', async () => {
    const world = await holding(1);
    for (let reconnectAttempt = 1; reconnectAttempt <= 12; reconnectAttempt++) {
      world.sockets[0]?.script.set({ status: 'RECONNECTING', reconnectAttempt });
      await world.clock.advance(20_000);
    }
    expect(world.told('session:reconnect-loop')).toMatchObject([{ reconnectAttempt: 10 }]);
  });

  it('is followed over the new sockets of a host’s own loop', async () => {
    const world = await holding(0);
    for (let index = 0; index < 6; index++) {
      const socket = world.connection('s');
      await world.during(world.wa.attach(socket).ready, 10_000);
      socket.script.close('connection_lost');
      await world.clock.advance(1_000);
    }
    expect(world.told('session:reconnect-loop')).toMatchObject([{ falls: 5 }]);
  });
});

describe('a connection that asks for a restart of the process', () => {
  const reason = { code: 'handlers_stalled', detail: 'Three new sockets heard nothing' };

  it('is reported once until it no longer asks, and its status stays as it is', async () => {
    const world = await holding(1);
    const [socket] = world.sockets;
    socket?.script.set({ restartRequested: reason });
    socket?.script.set({ reconnectAttempt: 1 });
    await world.clock.advance(MINUTE);
    expect(world.told('session:restart-requested')).toEqual([{ sessionId: 's0', at: expect.any(Date), reason }]);
    expect(world.logged.filter(({ fields }) => fields.code === 'restart_requested')).toHaveLength(1);
    expect((await world.row('s0')).status).toBe('CONNECTED');
    socket?.script.set({ restartRequested: null });
    socket?.script.set({ restartRequested: reason });
    expect(world.told('session:restart-requested')).toHaveLength(2);
  });

  it('is reported once over the new sockets of a host’s own loop', async () => {
    const world = await holding(0);
    for (let index = 0; index < 3; index++) {
      const socket = world.connection('s');
      socket.script.set({ restartRequested: reason });
      await world.during(world.wa.attach(socket).ready, 1_000);
    }
    expect(world.told('session:restart-requested')).toHaveLength(1);
  });
});

describe('the budget of probes', () => {
  it('keeps to so many a second, however many links are silent', async () => {
    const sessions = 3 * PROBES_PER_SECOND;
    const world = await holding(sessions);
    for (const socket of world.sockets) socket.script.goSilent();
    for (const socket of world.sockets) socket.script.onProbe('answered');
    const probes = () => world.sockets.reduce((sum, { script }) => sum + script.probes, 0);
    const asked: number[] = [];
    void world.wa.forceSync();
    for (let second = 0; second < 3; second++) {
      const before = probes();
      await world.clock.advance(1_000);
      asked.push(probes() - before);
    }
    // What was saved up goes out at once.
    expect(asked[0]).toBeLessThanOrEqual(2 * PROBES_PER_SECOND + 1);
    for (const count of asked.slice(1)) expect(count).toBeLessThanOrEqual(PROBES_PER_SECOND + 1);
    expect(probes()).toBe(sessions);
  });
});
