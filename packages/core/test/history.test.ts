import { describe, expect, it } from 'vitest';
import type { WaSyncOptions, WaSyncStore } from '../src/index.js';
import { createWorld } from './world.js';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const off = { jobs: { sync: false, cleanup: false, inactivity: false } } as const;

async function running(options: Partial<WaSyncOptions> = {}) {
  const world = createWorld();
  const { wa } = world.replica({ ...off, ...options });
  await world.during(wa.start(), 0);
  const socket = world.connection('s');
  await world.during(wa.attach(socket).ready, 0);
  return { ...world, wa, socket };
}

describe('the history of a session', () => {
  it('is paged, the newest first', async () => {
    const { wa, socket, clock } = await running();
    for (const code of ['one', 'two', 'three']) {
      socket.script.close(code);
      await clock.advance(1_000);
    }
    const first = await wa.sessions.history('s', { limit: 2 });
    expect(first.transitions.map(({ to, reason }) => [to, reason?.code])).toEqual([
      ['RECONNECTING', 'three'],
      ['RECONNECTING', 'two'],
    ]);
    const second = await wa.sessions.history('s', { before: first.next ?? '', limit: 2 });
    expect(second.transitions.map(({ to, reason }) => [to, reason?.code])).toEqual([
      ['RECONNECTING', 'one'],
      ['CONNECTED', undefined],
    ]);
    const third = await wa.sessions.history('s', { before: second.next ?? '', limit: 2 });
    expect(third).toEqual({ transitions: [], next: null });
  });

  it('goes on over the end of its replica and the next one', async () => {
    const world = await running({ replicaId: 'one' });
    await world.during(world.wa.stop(), 2_000);
    const other = world.replica({ ...off, replicaId: 'two' });
    await world.during(other.wa.start(), 20_000);
    await world.during(other.wa.attach(world.connection('s')).ready, 0);
    const { transitions } = await other.wa.sessions.history('s');
    expect(transitions.map(({ to, reason }) => [to, reason?.code])).toEqual([
      ['CONNECTED', undefined],
      ['DISCONNECTED', 'shutdown'],
      ['CONNECTED', undefined],
    ]);
  });

  it('refuses what it cannot answer', async () => {
    const { wa, memory, clock } = await running();
    await memory.sessions.create({ sessions: [{ id: 'quiet', desired: 'running' }] });
    expect(await wa.sessions.history('quiet')).toEqual({ transitions: [], next: null });
    await expect(wa.sessions.history('unknown')).rejects.toMatchObject({ code: 'session_not_found' });
    await expect(wa.sessions.history('')).rejects.toMatchObject({ code: 'session_id_invalid' });
    for (const limit of [0, 1_001, 1.5]) {
      await expect(wa.sessions.history('s', { limit })).rejects.toMatchObject({ code: 'config_invalid' });
      await expect(wa.history.since({ limit })).rejects.toMatchObject({ code: 'config_invalid' });
    }
    const { history: _, ...without } = memory;
    const { wa: plain } = createWorld().replica({ store: without as WaSyncStore, clock });
    await expect(plain.sessions.history('s')).rejects.toMatchObject({ code: 'not_supported' });
    await expect(plain.history.since()).rejects.toMatchObject({ code: 'not_supported' });
  });
});

describe('the feed of changes', () => {
  it('reports what every replica changed, and goes on from its cursor', async () => {
    const world = await running({ replicaId: 'one' });
    const other = world.replica({ ...off, replicaId: 'two' });
    await world.during(other.wa.start(), 20_000);
    const start = await other.wa.history.since();
    expect(start).toMatchObject({ transitions: [], missed: false });
    world.socket.script.close('lost');
    await world.during(other.wa.attach(world.connection('t')).ready, 0);
    const feed = await other.wa.history.since({ after: start.next });
    expect(feed.transitions.map(({ sessionId, to }) => [sessionId, to]).sort()).toEqual([
      ['s', 'RECONNECTING'],
      ['t', 'CONNECTED'],
    ]);
    expect(await world.wa.history.since({ after: feed.next })).toMatchObject({ transitions: [], missed: false });
    expect(await world.wa.history.since({ after: 'nonsense' })).toMatchObject({ transitions: [], missed: true });
  });
});

describe('old entries', () => {
  it('are forgotten after so many days, and it is logged', async () => {
    const { wa, clock, logged } = await running({ history: { keepDays: 2 } });
    const { next } = await wa.history.since();
    clock.jumpWallClock(1.9 * DAY);
    await clock.advance(0.2 * HOUR);
    expect((await wa.sessions.history('s')).transitions).toHaveLength(1);
    clock.jumpWallClock(0.2 * DAY);
    await clock.advance(HOUR);
    expect((await wa.sessions.history('s')).transitions).toEqual([]);
    expect(await wa.history.since({ after: next })).toMatchObject({ transitions: [], missed: false });
    const told = logged.filter(({ message }) => message.startsWith('Forgot'));
    expect(told.map(({ fields }) => fields)).toEqual([{ entries: 1, requests: 0, keepDays: 2 }]);
  });

  it('stay where this replica only observes, or holds no lease', async () => {
    const observer = await running({ history: { keepDays: 1 }, observeOnly: true });
    await observer.memory.sessions.create({ sessions: [{ id: 't', status: 'CONNECTED', desired: 'running' }] });
    await observer.clock.advance(660_000);
    await observer.memory.sessions.closeUnheld?.({ graceMs: 600_000, limit: 9 });
    observer.clock.jumpWallClock(1.5 * DAY);
    await observer.clock.advance(0.2 * HOUR);
    expect((await observer.wa.sessions.history('t')).transitions).toHaveLength(1);
    const cutOff = await running({ history: { keepDays: 1 } });
    cutOff.broken.calls.add('beat');
    cutOff.clock.jumpWallClock(1.5 * DAY);
    await cutOff.clock.advance(0.2 * HOUR);
    expect((await cutOff.wa.sessions.history('s')).transitions).toHaveLength(1);
  });

  it('that cannot be deleted are tried again, and nothing else suffers', async () => {
    const { wa, clock, logged, broken, row } = await running({ history: { keepDays: 1 } });
    broken.calls.add('prune');
    clock.jumpWallClock(1.5 * DAY);
    await clock.advance(2.2 * HOUR);
    const failed = logged.filter(({ fields }) => fields.code === 'forget_failed');
    expect(failed).toHaveLength(3);
    expect((await row('s')).effective.status).toBe('CONNECTED');
    broken.calls.clear();
    await clock.advance(HOUR);
    expect((await wa.sessions.history('s')).transitions).toEqual([]);
  });

  it('takes days from 1 to 3650', () => {
    const { replica } = createWorld();
    expect(() => replica({ history: { keepDays: 0 } })).toThrow('history.keepDays takes days, from 1 to 3650');
  });
});
