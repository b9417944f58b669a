import { describe, expect, it } from 'vitest';
import type { WaSyncStore } from '../src/index.js';
import { createWorld } from './world.js';

const jobs = { sync: false, cleanup: false, inactivity: false } as const;
/** `SESSIONS=5000` is the whole. */
const SESSIONS = Number(process.env.SESSIONS ?? 2_500);
/** What a row of the store costs, where nothing else is said: all of them take five seconds. */
const ROW_MS = 5_000 / SESSIONS;
/** The server ends a statement that takes longer, and nothing of it is done. */
const STATEMENT_MS = 5_000;

/** A replica that holds many sessions, on a store whose calls take as long as they have rows. */
async function holdMany({ rowMs = ROW_MS } = {}) {
  const world = createWorld();
  const wait = (ms: number) => new Promise<void>((resolve) => void world.clock.schedule(resolve, ms));
  const { release, list } = world.memory.sessions;
  const { leave } = world.memory.leases;
  const order: string[] = [];
  const calls: number[] = [];
  const slow: WaSyncStore['sessions']['release'] = async (params) => {
    const { sessions, owner } = params;
    const rows = sessions?.length ?? (await list({ owner, limit: SESSIONS })).length;
    calls.push(rows);
    await wait(Math.min(rows * rowMs, STATEMENT_MS));
    if (rows * rowMs > STATEMENT_MS) throw new Error('canceling statement due to statement timeout');
    order.push('release');
    return release(params);
  };
  world.memory.sessions.release = slow;
  world.memory.leases.leave = async (params) => {
    order.push('leave');
    await leave(params);
  };
  const { wa } = world.replica({ jobs });
  await world.during(wa.start(), 0);
  const held = Array.from({ length: SESSIONS }, (_, index) => wa.attach(world.connection(`s-${index}`)));
  await world.during(Promise.all(held.map(({ ready }) => ready)), 0);
  const owned = async () => {
    const rows = await list({ limit: SESSIONS });
    return rows.filter(({ owner }) => owner !== null).length;
  };
  return { world, wa, order, calls, owned };
}

describe(`a stop with ${SESSIONS} sessions`, () => {
  it('releases all where there is time, gives the lease up last, and says how long it took', {
    timeout: 60_000,
  }, async () => {
    const { world, wa, order, calls, owned } = await holdMany();
    expect(await owned()).toBe(SESSIONS);
    await world.during(wa.stop({ timeoutMs: 30_000 }), 30_000);
    expect(await owned()).toBe(0);
    expect(order.at(-1)).toBe('leave');
    expect(order.indexOf('leave')).toBe(order.length - 1);
    expect(Math.max(...calls)).toBeLessThanOrEqual(1_000);
    const [said] = world.logged.filter(({ message }) => message.startsWith('Stopped'));
    expect(said).toMatchObject({ fields: { sessions: SESSIONS, tookMs: expect.any(Number) } });
    expect(said?.message).toBe(`Stopped: ${SESSIONS} sessions were released in ${said?.fields.tookMs} ms`);
    expect(world.logged.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('writes what it can where there is not, keeps the lease, and says how many are left', {
    timeout: 60_000,
  }, async () => {
    const { world, wa, order, owned } = await holdMany();
    await world.during(wa.stop({ timeoutMs: 3_000 }), 3_000);
    await world.clock.advance(2_000);
    const left = await owned();
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(SESSIONS - 1_000);
    expect(order).not.toContain('leave');
    const [said] = world.logged.filter(({ fields }) => fields.code === 'stop_failed');
    const { released, left: rest } = { released: said?.fields.sessions, left: said?.fields.left };
    expect(Number(released) + Number(rest)).toBe(SESSIONS);
    // One slice was under way.
    expect(Number(rest) - left).toBeLessThanOrEqual(1_000);
    expect(said?.message).toBe(
      `The time of stop() was over before the store had answered: ${released} sessions were released, ${rest} are freed once the lease has run out`,
    );
  });

  it('releases all of them where a row is so slow that a statement for many never ends', {
    timeout: 60_000,
  }, async () => {
    const { world, wa, order, calls, owned } = await holdMany({ rowMs: 10 });
    await world.during(wa.stop({ timeoutMs: 120_000 }), 120_000);
    expect(await owned()).toBe(0);
    expect(order.at(-1)).toBe('leave');
    expect(Math.max(...calls)).toBe(1_000);
    expect(world.logged.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('gives up at once where the store fails as fast as it can', async () => {
    const { world, wa, owned } = await holdMany();
    let calls = 0;
    world.memory.sessions.release = async () => {
      calls += 1;
      throw new Error('connection refused');
    };
    await world.during(wa.stop({ timeoutMs: 30_000 }), 1_000);
    expect(calls).toBe(1);
    expect(await owned()).toBe(SESSIONS);
    expect(world.logged.filter(({ level }) => level === 'error').map(({ fields }) => fields.code)).toEqual([
      'stop_failed',
    ]);
  });
});
