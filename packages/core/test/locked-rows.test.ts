import { expect, it } from 'vitest';
import type { WaSyncStore } from '../src/index.js';
import { heartbeats } from './heartbeats.js';
import { off } from './talking.js';
import { createWorld } from './world.js';

/** A replica that holds `odd`, whose row can be locked, and two more. */
async function lockable({ from = false } = {}) {
  const world = createWorld();
  const triedAtMs: number[] = [];
  let locked = from;
  let hanging = false;
  const isLocked = ({ id }: { id: string }) => locked && id === 'odd';
  const store: WaSyncStore = {
    ...world.store,
    sessions: {
      ...world.store.sessions,
      async write({ owner, writes }) {
        if (writes.some(isLocked)) triedAtMs.push(world.clock.monotonicMs());
        if (hanging) return new Promise(() => {});
        const written = await world.memory.sessions.write({ owner, writes: writes.filter((one) => !isLocked(one)) });
        return [
          ...writes.filter(isLocked).map(({ id }) => ({ id, applied: false, locked: true }) as const),
          ...written,
        ];
      },
      async claim({ claims, ...claimant }) {
        if (claims.some(isLocked)) triedAtMs.push(world.clock.monotonicMs());
        const some = claims.filter((one) => !isLocked(one));
        const claimed = await world.memory.sessions.claim({ ...claimant, claims: some });
        const passed = claims.filter(isLocked).map(({ id }) => ({ id, claimed: false, why: 'locked' }) as const);
        return [...passed, ...claimed];
      },
    },
  };
  const { wa } = world.replica({ ...off, store });
  await world.during(wa.start(), 0);
  const sockets = ['odd', 'fine', 'good'].map((id) => world.connection(id));
  const handles = sockets.map((socket) => wa.attach(socket));
  await world.during(Promise.all(handles.map(({ ready }) => ready)), 1_500);
  const setLocked = (now: boolean) => {
    locked = now;
  };
  const loud = () => world.logged.filter(({ level }) => level === 'warn' || level === 'error');
  const hang = () => {
    hanging = true;
  };
  return { ...world, wa, sockets, handles, triedAtMs, setLocked, hang, loud };
}

const statuses = async (world: Awaited<ReturnType<typeof lockable>>) =>
  Promise.all(['odd', 'fine', 'good'].map(async (id) => (await world.row(id)).status));

it('a row that is locked for a moment is written as soon as it is not, and the others at once', async () => {
  const world = await lockable();
  world.setLocked(true);
  for (const socket of world.sockets) socket.script.close('connection_lost');
  await world.clock.advance(1);
  expect(await statuses(world)).toEqual(['CONNECTED', 'RECONNECTING', 'RECONNECTING']);
  await world.clock.advance(300);
  // A sync in the midst of it waits, and reports what came of it.
  const syncing = world.wa.syncNow();
  await world.clock.advance(10);
  world.setLocked(false);
  await world.clock.advance(20);
  expect(await statuses(world)).toEqual(['RECONNECTING', 'RECONNECTING', 'RECONNECTING']);
  expect((await syncing).sessions.find(({ id }) => id === 'odd')).toMatchObject({ action: 'corrected' });
  expect(world.loud()).toEqual([]);
  await world.during(world.wa.stop(), 2_000);
});

it('a row that is locked for long is tried twice a second, is no sign that the others cannot be written, and is right half a second after', async () => {
  const world = await lockable();
  world.setLocked(true);
  world.sockets[0]!.script.close('connection_lost');
  await world.clock.advance(60_000);
  const before = world.triedAtMs.length;
  const syncing = world.wa.syncNow();
  await world.clock.advance(60_000);
  // The tick and the sync take it up as well.
  expect(world.triedAtMs.length - before).toBeLessThan(60 * 3);
  expect((await syncing).sessions.find(({ id }) => id === 'odd')).toMatchObject({
    action: 'unknown',
    reason: 'contended',
  });
  expect((await heartbeats(world.memory)).map(({ stuck }) => stuck)).toEqual([false]);
  expect((await world.row('fine')).effective).toEqual({ status: 'CONNECTED', evidence: 'observed' });
  expect(world.loud()).toEqual([]);
  world.setLocked(false);
  await world.clock.advance(500);
  expect((await world.row('odd')).status).toBe('RECONNECTING');
  await world.during(world.wa.stop(), 2_000);
});

it('where every row is locked readers are told that they are expired', async () => {
  const world = await lockable();
  world.setLocked(true);
  for (const handle of world.handles.slice(1)) await world.during(handle.detach(), 100);
  world.sockets[0]!.script.close('connection_lost');
  await world.clock.advance(20_000);
  expect((await heartbeats(world.memory)).map(({ stuck }) => stuck)).toEqual([true]);
  world.setLocked(false);
  await world.clock.advance(10_000);
  expect((await heartbeats(world.memory)).map(({ stuck }) => stuck)).toEqual([false]);
  await world.during(world.wa.stop(), 2_000);
});

it('where the write of a row hangs that was locked before, readers are told that they are expired', async () => {
  const world = await lockable();
  world.setLocked(true);
  world.sockets[0]!.script.close('connection_lost');
  await world.clock.advance(1_000);
  world.hang();
  await world.clock.advance(9_000);
  expect((await heartbeats(world.memory)).map(({ stuck }) => stuck)).toEqual([false]);
  await world.clock.advance(6_500);
  expect((await heartbeats(world.memory)).map(({ stuck }) => stuck)).toEqual([true]);
});

it('a stop waits for no locked row, answers who asked for it, and leaves no timer', async () => {
  const world = await lockable();
  world.setLocked(true);
  world.sockets[0]!.script.close('connection_lost');
  await world.clock.advance(100);
  const syncing = world.wa.syncNow();
  await world.clock.advance(1);
  await world.during(world.wa.stop(), 0);
  expect((await syncing).sessions.find(({ id }) => id === 'odd')).toMatchObject({ action: 'unknown' });
  expect(world.clock.pendingTimers).toBe(0);
});

it('one that cannot be claimed for a moment is, as soon as it can, and the others at once', async () => {
  const world = await lockable({ from: true });
  expect(await statuses(world)).toEqual(['DISCONNECTED', 'CONNECTED', 'CONNECTED']);
  const before = world.triedAtMs.length;
  await world.clock.advance(60_000);
  expect(world.triedAtMs.length - before).toBeLessThan(60 * 3);
  world.setLocked(false);
  await world.clock.advance(500);
  expect(await statuses(world)).toEqual(['CONNECTED', 'CONNECTED', 'CONNECTED']);
  expect(world.loud()).toEqual([]);
  await world.during(world.wa.stop(), 2_000);
});

it('an attach of one that is locked answers within a second', async () => {
  const world = await lockable({ from: true });
  world.setLocked(true);
  const attaching = world.wa.syncNow();
  await world.clock.advance(1_100);
  expect((await attaching).sessions.find(({ id }) => id === 'odd')).toMatchObject({
    action: 'unknown',
    reason: 'contended',
  });
  await world.during(world.wa.stop(), 2_000);
});

it('a start of one that is locked for a moment opens it; of one that stays so it says why, and a tick opens it', async () => {
  const world = createWorld();
  const provider = world.provider();
  const { claim } = world.memory.sessions;
  let locked = true;
  world.memory.sessions.claim = async (params) =>
    locked ? params.claims.map(({ id }) => ({ id, claimed: false, why: 'locked' })) : claim(params);
  const { wa } = world.replica({ ...off, provider });
  await world.during(wa.start(), 0);
  const refused = expect(wa.sessions.create({ id: '5511912345678', desired: 'running' })).rejects.toMatchObject({
    code: 'store_timeout',
    message: expect.stringContaining('locked for 1000 ms'),
  });
  await world.clock.advance(1_100);
  await refused;
  const starting = wa.sessions.start('5511912345678');
  await world.clock.advance(500);
  locked = false;
  await world.clock.advance(20);
  expect(await starting).toMatchObject({ owner: expect.any(String) });
  await world.during(wa.stop(), 2_000);
});
