import { describe, expect, it } from 'vitest';
import { type Clock, WaSyncError } from '../src/index.js';
import { createWorld } from './world.js';

/** Beyond it a statement of the store is given up and taken back. */
const LIMIT_MS = 2_000;
const jobs = { sync: false, cleanup: false, inactivity: false } as const;

/** A replica, and the lease of one that is gone, with so many sessions. */
async function besideTheDead({ sessions }: { sessions: number }) {
  const world = createWorld();
  const { wa } = world.replica({ jobs, provider: world.provider(), replicaId: 'living' });
  await world.during(wa.start(), 0);
  await world.memory.leases.join({ incarnation: 'dead', replicaId: 'gone', ttlMs: 30_000 });
  const ids = Array.from({ length: sessions }, (_, index) => `s${index}`);
  await world.memory.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'stopped' as const })) });
  const claims = ids.map((id) => ({ id, tenure: `of ${id}`, mode: 'takeover' as const }));
  await world.memory.sessions.claim({ owner: 'dead', claims });
  const free = async () => (await world.memory.sessions.get({ ids })).filter(({ owner }) => owner === null).length;
  return { ...world, wa, free };
}

describe('a tick', () => {
  it('takes each of its steps although another fails, and logs the failure once', async () => {
    const world = await besideTheDead({ sessions: 1 });
    world.broken.calls.add('fence');
    await world.clock.advance(60_000);
    await world.memory.sessions.create({ sessions: [{ id: 'new', desired: 'running' }] });
    await world.clock.advance(5_000);
    expect(await world.row('new')).toMatchObject({ owner: expect.any(String), status: 'CONNECTING' });
    const failed = world.logged.filter(({ fields }) => fields.code === 'tick_failed');
    expect(failed).toMatchObject([{ level: 'error', fields: { step: 'end the leases of the dead' } }]);
    await world.fix();
    await world.clock.advance(5_000);
    expect(await world.free()).toBe(1);
    await world.wa.stop();
  });

  /** What a row costs, as by a trigger of the host, and a limit beyond which the store takes a statement back. */
  function slow(
    work: (params: { limit: number }) => Promise<unknown[]>,
    clock: Clock,
    msOfARow: number,
    sizes: number[],
  ) {
    const takes = (ms: number) => new Promise<void>((resolve) => void clock.schedule(resolve, ms));
    return async (params: { limit: number }) => {
      sizes.push(params.limit);
      if (params.limit * msOfARow > LIMIT_MS) {
        await takes(LIMIT_MS);
        throw new WaSyncError('store_timeout', 'Given up', { retryable: true });
      }
      const done = await work(params);
      await takes(msOfARow * done.length);
      return done as never;
    };
  }

  it.each([3, 20])('frees the sessions of the dead in slices, the smaller the slower a row is (%i ms)', async (ms) => {
    const world = await besideTheDead({ sessions: 1_500 });
    const sizes: number[] = [];
    world.memory.leases.freeFenced = slow(world.memory.leases.freeFenced, world.clock, ms, sizes);
    await world.clock.advance(38_000);
    // Those that come to nothing are few.
    expect(Math.max(...sizes.slice(8)) * ms).toBeLessThanOrEqual(640);
    expect(await world.free()).toBeGreaterThan(0);
    await world.clock.advance(60_000);
    expect(await world.free()).toBe(1_500);
    await world.wa.stop();
  });

  it.each([3, 20])('closes rows that nobody holds in slices as well (%i ms a row)', async (ms) => {
    const world = createWorld();
    const closeUnheld = world.memory.sessions.closeUnheld!;
    const { wa } = world.replica({ jobs: { ...jobs, sync: '*/5 * * * *' } });
    const sizes: number[] = [];
    world.memory.sessions.closeUnheld = slow(
      (params) => closeUnheld({ ...params, graceMs: 600_000 }),
      world.clock,
      ms,
      sizes,
    );
    await world.during(wa.start(), 0);
    const ids = Array.from({ length: 1_000 }, (_, index) => `s${index}`);
    await world.memory.sessions.create({
      sessions: ids.map((id) => ({ id, desired: 'running' as const, status: 'CONNECTED' as const })),
    });
    await world.clock.advance(16 * 60_000);
    const rows = await world.memory.sessions.get({ ids });
    expect(rows.filter(({ status }) => status === 'CONNECTED')).toEqual([]);
    expect(Math.max(...sizes) * ms).toBeLessThanOrEqual(LIMIT_MS);
    await wa.stop();
  });
});
