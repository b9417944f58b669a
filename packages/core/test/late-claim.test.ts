import { describe, expect, it } from 'vitest';
import { createWorld } from './world.js';

const off = { jobs: { sync: false, cleanup: false, inactivity: false } } as const;

describe('a claim that was given up and arrives late', () => {
  it('takes over from nobody who opened the session meanwhile, and the row goes on saying what is so', async () => {
    const world = createWorld();
    const [one, other] = [world.replica({ ...off, replicaId: 'one' }), world.replica({ ...off, replicaId: 'other' })];
    for (const { wa } of [one, other]) await world.during(wa.start(), 0);
    // The first call is on its way for longer than anybody waits for it.
    const { claim } = world.memory.sessions;
    const arriving: (() => Promise<unknown>)[] = [];
    world.memory.sessions.claim = async (params) => {
      if (arriving.length > 0) return claim(params);
      return new Promise((resolve) => void arriving.push(() => claim(params).then(resolve)));
    };
    const first = world.connection('s');
    first.script.open();
    await world.during(one.wa.attach(first).ready, 12_000);
    expect(world.logged.map(({ fields }) => fields.code)).toContain('reconcile_failed');

    first.script.close('conflict', 'REPLACED');
    const second = world.connection('s');
    second.script.open();
    await world.during(other.wa.attach(second).ready, 1_000);
    const row = await world.row('s');
    expect(row).toMatchObject({ status: 'CONNECTED', evidence: 'observed' });
    await arriving[0]?.();
    await world.clock.advance(1_000);
    expect(await world.row('s')).toEqual(row);
    second.script.close('connection_closed', 'RECONNECTING');
    await world.clock.advance(1_000);
    expect(await world.row('s')).toMatchObject({ status: 'RECONNECTING', owner: row.owner });
    for (const { wa } of [one, other]) await world.during(wa.stop(), 5_000);
  });

  it('is tried again where nothing but its deadline stood against it', async () => {
    const world = createWorld();
    const { wa } = world.replica(off);
    await world.during(wa.start(), 0);
    const { claim } = world.memory.sessions;
    let late = 1;
    world.memory.sessions.claim = (params) =>
      claim(late-- > 0 ? { ...params, deadline: new Date(world.clock.now().getTime() - 1) } : params);
    const socket = world.connection('s');
    socket.script.open();
    await world.during(wa.attach(socket).ready, 0);
    expect(await world.row('s')).toMatchObject({ owner: null });
    await world.clock.advance(11_000);
    expect(await world.row('s')).toMatchObject({ status: 'CONNECTED', owner: expect.any(String) });
    await world.during(wa.stop(), 5_000);
  });
});

describe('a claim whose answer comes after the lease', () => {
  it('opens nothing: the session is free again with the first tick under the lease, and is opened then', async () => {
    const world = createWorld();
    const provider = world.provider();
    const { wa } = world.replica({ ...off, provider });
    await world.during(wa.start(), 0);
    const { claim } = world.memory.sessions;
    world.memory.sessions.claim = async (params) => {
      const answer = await claim(params);
      await new Promise<void>((resolve) => void world.clock.schedule(resolve, 5_000));
      return answer;
    };
    world.broken.calls.add('beat');
    // Three seconds before the trust runs out.
    await world.clock.advance(24_000);
    await world.during(wa.sessions.create({ id: 's' }), 6_000).catch(() => {});
    expect(await world.row('s')).toMatchObject({ owner: expect.any(String) });
    expect(provider.opened).toHaveLength(0);
    const first = (await world.row('s')).tenure;
    world.memory.sessions.claim = claim;
    await world.fix();
    await world.clock.advance(11_000);
    expect(provider.opened).toHaveLength(1);
    expect(await world.row('s')).toMatchObject({ tenure: provider.opened[0]!.tenure });
    expect(provider.opened[0]!.tenure).not.toBe(first);
    await world.during(wa.stop(), 5_000);
  });
});
