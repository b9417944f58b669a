import { expect, it } from 'vitest';
import { createWorld } from './world.js';

const HOUR_MS = 3_600_000;
const jobs = { sync: '* * * * *', cleanup: '*/2 * * * *', inactivity: false } as const;

it.each([HOUR_MS, -HOUR_MS])(
  'a host clock that steps by %d ms takes no lease, moves no session and changes no row',
  async (byMs) => {
    const world = createWorld();
    let aheadMs = 0;
    const stepping = { ...world.clock, now: () => new Date(world.clock.now().getTime() + aheadMs) };
    const one = world.replica({ jobs, replicaId: 'one', clock: stepping });
    const two = world.replica({ jobs, replicaId: 'two' });
    await world.during(Promise.all([one.wa.start(), two.wa.start()]), 1_000);
    const [a, b] = [world.connection('a'), world.connection('b')];
    await world.during(Promise.all([one.wa.attach(a).ready, two.wa.attach(b).ready]), 100);
    const rows = async () =>
      (await world.memory.sessions.list({ limit: 10 })).map(({ id, status, owner, version, lastSeenAt }) => ({
        ...{ id, status, owner, version, lastSeenAt },
      }));
    for (const { events } of [one, two]) events.length = 0;
    const before = await rows();
    for (let step = 0; step < 6; step += 1) {
      aheadMs = aheadMs === 0 ? byMs : 0;
      await world.clock.advance(50_000);
      for (const id of ['a', 'b']) expect((await world.row(id)).effective).toMatchObject({ evidence: 'observed' });
    }
    expect(await rows()).toEqual(before);
    for (const { events } of [one, two])
      expect(events.filter(({ name }) => /^(lease|ownership|session):/.test(name)).map(({ name }) => name)).toEqual([]);
    // What happens is written as soon as ever, with the store's time.
    aheadMs = byMs;
    a.script.close('connection_lost');
    await world.clock.advance(1_000);
    const row = await world.row('a');
    expect(row.status).toBe('RECONNECTING');
    expect(Math.abs(row.lastSeenAt!.getTime() - world.clock.now().getTime())).toBeLessThan(60_000);
    await world.during(Promise.all([one.wa.stop(), two.wa.stop()]), 2_000);
  },
);
