import { describe, expect, it } from 'vitest';
import { createWorld } from './world.js';

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

  it('frees the sessions of the dead in slices, the smaller the slower a row is', async () => {
    const world = await besideTheDead({ sessions: 3_500 });
    const freed: number[] = [];
    const { freeFenced } = world.memory.leases;
    // 3 ms a row, as with a trigger of the host.
    world.memory.leases.freeFenced = async (params) => {
      const ids = await freeFenced(params);
      freed.push(ids.length);
      await new Promise<void>((resolve) => void world.clock.schedule(resolve, 3 * ids.length));
      return ids;
    };
    await world.clock.advance(38_000);
    expect(freed[0]).toBe(1_000);
    for (const count of freed.slice(1)) expect(count).toBeLessThanOrEqual(166);
    expect(await world.free()).toBeLessThan(3_500);
    await world.clock.advance(20_000);
    expect(await world.free()).toBe(3_500);
    await world.wa.stop();
  });
});
