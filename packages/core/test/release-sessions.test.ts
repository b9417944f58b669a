import { describe, expect, it } from 'vitest';
import { createWorld } from './world.js';

const off = { jobs: { sync: false as const } };

describe('a session that could not be released', () => {
  it('is released with the next tick after a stop whose write failed', async () => {
    const world = createWorld();
    const provider = world.provider();
    const { wa } = world.replica({ ...off, provider });
    await world.during(wa.start(), 0);
    await world.during(wa.sessions.create({ id: 's' }), 0);
    provider.latest('s')?.connection.script.open();
    await world.clock.settle();
    world.broken.calls.add('release');
    await expect(world.during(wa.sessions.stop('s'), 0)).rejects.toThrow('release failed');
    expect(await world.row('s')).toMatchObject({ status: 'CONNECTED' });
    await world.clock.advance(6_000);
    expect(await world.row('s')).toMatchObject({ status: 'CONNECTED' });
    await world.fix();
    await world.clock.advance(6_000);
    expect(await world.row('s')).toMatchObject({ status: 'DISCONNECTED', reason: { code: 'stopped' }, owner: null });
  });

  it('is released with the next tick after a detach during which the store was away, longer than the lease is trusted', async () => {
    const world = createWorld();
    const { wa } = world.replica(off);
    await world.during(wa.start(), 0);
    const handle = wa.attach(world.connection('a'));
    await world.during(handle.ready, 0);
    world.broken.calls.add('*');
    await world.clock.advance(60_000);
    await world.during(handle.detach(), 0);
    await world.fix();
    await world.clock.advance(6_000);
    expect(await world.row('a')).toMatchObject({
      status: 'DISCONNECTED',
      evidence: 'unobserved',
      reason: { code: 'detached' },
      owner: null,
    });
  });

  it('is left alone where it runs here again', async () => {
    const world = createWorld();
    const provider = world.provider();
    const { wa } = world.replica({ ...off, provider });
    await world.during(wa.start(), 0);
    await world.during(wa.sessions.create({ id: 's' }), 0);
    provider.latest('s')?.connection.script.open();
    await world.clock.settle();
    world.broken.calls.add('release');
    await expect(world.during(wa.sessions.stop('s'), 0)).rejects.toThrow('release failed');
    await world.during(wa.sessions.start('s'), 0);
    provider.latest('s')?.connection.script.open();
    await world.fix();
    await world.clock.advance(20_000);
    expect(await world.row('s')).toMatchObject({ status: 'CONNECTED', desired: 'running' });
    expect(provider.latest('s')?.connection.script.link).toBe('open');
    expect(provider.opened).toHaveLength(2);
  });

  it('is released with the next tick after a sweep that found its row and could not free it', async () => {
    const world = createWorld();
    const provider = world.provider();
    const { wa } = world.replica({ ...off, provider });
    await world.during(wa.start(), 0);
    await world.during(wa.sessions.create({ id: 's' }), 0);
    provider.latest('s')?.connection.script.open();
    await world.clock.settle();
    // The desired state that another program set.
    await world.memory.sessions.setDesired({ id: 's', desired: 'stopped' });
    world.broken.calls.add('release');
    await expect(world.during(wa.syncNow(), 0)).rejects.toThrow('release failed');
    await world.fix();
    await world.clock.advance(6_000);
    expect(await world.row('s')).toMatchObject({ status: 'DISCONNECTED', reason: { code: 'stopped' }, owner: null });
  });
});
