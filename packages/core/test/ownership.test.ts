import { describe, expect, it } from 'vitest';
import { createMortalClock, createWorld } from './world.js';

const off = { jobs: { sync: false as const } };

describe('ownership', () => {
  it('shows an expired owner right at the ttl, and writes it within ten more seconds', async () => {
    const world = createWorld();
    const mortal = createMortalClock(world.clock);
    const first = world.replica({ ...off, replicaId: 'one', clock: mortal.clock });
    const second = world.replica({ ...off, replicaId: 'two' });
    await world.during(first.wa.start(), 0);
    await world.during(first.wa.attach(world.connection('a')).ready, 0);
    await world.during(second.wa.start(), 0);
    await world.clock.advance(12_000);
    mortal.kill();
    // The last beat was at 10 s.
    await world.clock.advance(27_900);
    expect((await world.row('a')).effective).toEqual({ status: 'CONNECTED', evidence: 'observed' });
    await world.clock.advance(200);
    expect((await world.row('a')).effective).toEqual({ status: 'DISCONNECTED', evidence: 'expired' });
    await world.clock.advance(11_900);
    expect(await world.row('a')).toMatchObject({
      status: 'DISCONNECTED',
      evidence: 'expired',
      reason: { code: 'owner_lost' },
      owner: null,
    });
  });

  it('lets a restarted process take over from its predecessor after two ticks, and its rows are true within 12 s', async () => {
    const world = createWorld();
    const mortal = createMortalClock(world.clock);
    const first = world.replica({ ...off, replicaId: 'pod-0', clock: mortal.clock });
    await world.during(first.wa.start(), 0);
    await world.during(first.wa.attach(world.connection('a')).ready, 0);
    await world.during(first.wa.attach(world.connection('b')).ready, 0);
    mortal.kill();
    const second = world.replica({ ...off, replicaId: 'pod-0' });
    const start = second.wa.start();
    await world.during(second.wa.attach(world.connection('a', { status: 'LOGGED_OUT' })).ready, 0);
    await world.during(start, 12_000);
    expect(await world.row('a')).toMatchObject({ status: 'LOGGED_OUT', evidence: 'observed' });
    expect(await world.row('b')).toMatchObject({ status: 'DISCONNECTED', evidence: 'expired', owner: null });
  });

  it('says once what the start of a killed process waits for, how long at most, and the fix', async () => {
    const world = createWorld();
    const mortal = createMortalClock(world.clock);
    const first = world.replica({ ...off, replicaId: 'pod-0', clock: mortal.clock });
    await world.during(first.wa.start(), 0);
    mortal.kill();
    const second = world.replica({ ...off, replicaId: 'pod-0' });
    let started = false;
    const start = second.wa.start().then(() => {
      started = true;
    });
    await world.clock.advance(0);
    const said = () => world.logged.filter(({ fields }) => fields.code === 'replica_id_waits');
    expect(said()).toEqual([
      {
        level: 'warn',
        fields: { code: 'replica_id_waits', replicaId: 'pod-0', waitMs: 10_000 },
        message: expect.stringMatching(
          /^Another lease of replica pod-0 is not over yet \(lease \S+, renewed at \d{4}-\S+Z\)\. start\(\) waits .* at most 10 s if .* dead;.* leave replicaId out, or give each process its own/,
        ),
      },
    ]);
    await world.clock.advance(9_900);
    expect(started).toBe(false);
    await world.during(start, 100);
    await world.clock.advance(60_000);
    expect(said()).toHaveLength(1);
    // A name of its own waits for nobody.
    await world.during(world.replica({ ...off, replicaId: 'pod-1' }).wa.start(), 0);
    expect(said()).toHaveLength(1);
  });

  it('refuses to start beside a living process of the same name, and leaves that one alone', async () => {
    const world = createWorld();
    const first = world.replica({ ...off, replicaId: 'pod-0' });
    await world.during(first.wa.start(), 0);
    await world.during(first.wa.attach(world.connection('a')).ready, 0);
    await world.clock.advance(60_000);
    const second = world.replica({ ...off, replicaId: 'pod-0' });
    await expect(world.during(second.wa.start(), 30_000)).rejects.toMatchObject({
      code: 'replica_id_in_use',
      message: expect.stringMatching(
        /^Another process runs as replica pod-0 \(lease \S+, renewed at \d{4}-\S+Z\): leave replicaId out, or give each process its own/,
      ),
    });
    await world.clock.advance(60_000);
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', effective: { status: 'CONNECTED' } });
    expect(first.events.filter((event) => event.name === 'lease:lost')).toEqual([]);
  });

  it('accepts one of two of one name that start together, the one that joined first', async () => {
    const world = createWorld();
    const starts = [1, 2, 3].map(() => world.replica({ ...off, replicaId: 'pod-0' }).wa.start());
    const settled = Promise.allSettled(starts);
    await world.clock.advance(60_000);
    expect((await settled).map((one) => (one.status === 'rejected' ? one.reason.code : 'started'))).toEqual([
      'started',
      'replica_id_in_use',
      'replica_id_in_use',
    ]);
  });

  it('writes nothing beside a process of its own name that has ended its lease, and goes on when that one is gone', async () => {
    const world = createWorld();
    const mortal = createMortalClock(world.clock);
    const first = world.replica({ ...off, replicaId: 'pod-0', clock: mortal.clock });
    await world.during(first.wa.start(), 0);
    const old = world.connection('a');
    await world.during(first.wa.attach(old).ready, 0);
    mortal.pause();
    // Restarted although the process before it still hangs.
    const second = world.replica({ ...off, replicaId: 'pod-0' });
    await world.during(second.wa.start(), 12_000);
    const newer = world.connection('a');
    await world.during(second.wa.attach(newer).ready, 0);
    const { version } = await world.row('a');
    mortal.resume();
    old.script.close('gone', 'DISCONNECTED');
    await world.clock.advance(60_000);
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', version });
    expect(world.logged.filter(({ fields }) => fields.code === 'replica_id_in_use')).toHaveLength(1);
    expect(first.events.map(({ name }) => name)).toContain('lease:lost');
    expect(first.events.map(({ name }) => name)).not.toContain('lease:back');
    await world.during(second.wa.stop(), 2_000);
    old.script.open();
    await world.clock.advance(60_000);
    expect(first.events.map(({ name }) => name)).toContain('lease:back');
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', evidence: 'observed' });
    await world.during(first.wa.stop(), 2_000);
  });

  it('writes nothing under an old tenure after a pause longer than the lease', async () => {
    const world = createWorld();
    const mortal = createMortalClock(world.clock);
    const paused = world.replica({ ...off, replicaId: 'one', clock: mortal.clock });
    const other = world.replica({ ...off, replicaId: 'two' });
    await world.during(paused.wa.start(), 0);
    await world.during(other.wa.start(), 0);
    const old = world.connection('a');
    const handle = paused.wa.attach(old);
    await world.during(handle.ready, 0);
    mortal.pause();
    await world.clock.advance(60_000);
    expect((await world.row('a')).status).toBe('DISCONNECTED');
    await world.during(other.wa.attach(world.connection('a')).ready, 0);
    const taken = await world.row('a');
    expect(taken.status).toBe('CONNECTED');
    // The first thing it does when it runs again is to write what it saw while it slept.
    old.script.close('connection_closed');
    mortal.resume();
    await world.clock.advance(30_000);
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', tenure: taken.tenure });
    expect(handle.lost.aborted).toBe(true);
    expect(paused.events.map((event) => event.name)).toContain('lease:back');
  });

  it('takes over from nobody when the store comes back after five minutes', async () => {
    const world = createWorld();
    const replicas = ['one', 'two', 'three'].map((replicaId) => world.replica({ ...off, replicaId }));
    for (const [index, { wa }] of replicas.entries()) {
      await world.during(wa.start(), 0);
      await world.during(wa.attach(world.connection(`s${index}`)).ready, 0);
    }
    const before = await Promise.all([0, 1, 2].map((index) => world.row(`s${index}`)));
    world.broken.calls.add('*');
    await world.clock.advance(300_000);
    await world.fix();
    await world.clock.advance(60_000);
    const after = await Promise.all([0, 1, 2].map((index) => world.row(`s${index}`)));
    expect(after.map((row) => row.tenure)).toEqual(before.map((row) => row.tenure));
    expect(after.every((row) => row.effective.status === 'CONNECTED')).toBe(true);
  });

  it('gives a session to the connection that WhatsApp has chosen, and notifies the loser', async () => {
    const world = createWorld();
    const first = world.replica({ ...off, replicaId: 'one' });
    const second = world.replica({ ...off, replicaId: 'two' });
    await world.during(first.wa.start(), 0);
    await world.during(second.wa.start(), 0);
    const loser = first.wa.attach(world.connection('a'));
    await world.during(loser.ready, 0);
    const next = world.connection('a', { status: 'CONNECTING' });
    await world.during(second.wa.attach(next).ready, 0);
    expect(loser.lost.aborted).toBe(false);
    next.script.open();
    await world.clock.settle();
    const { tenure } = await world.row('a');
    const report = await world.during(first.wa.syncNow('a'), 0);
    expect(report.totals.unknown).toBe(1);
    expect(loser.lost.aborted).toBe(true);
    await world.clock.advance(60_000);
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', tenure });
  });

  it('stops within its time: closes what it opened, writes it, releases the lease', async () => {
    const world = createWorld();
    const provider = world.provider();
    const { wa } = world.replica({ ...off, provider });
    await world.during(wa.start(), 0);
    await world.during(wa.sessions.create({ id: 'p' }), 0);
    provider.latest('p')?.connection.script.open();
    const attached = world.connection('a');
    await world.during(wa.attach(attached).ready, 0);
    await world.during(wa.stop(), 1_200);
    expect(await world.row('p')).toMatchObject({
      status: 'DISCONNECTED',
      evidence: 'observed',
      reason: { code: 'shutdown' },
    });
    expect(await world.row('a')).toMatchObject({ status: 'DISCONNECTED', evidence: 'unobserved', owner: null });
    expect(provider.latest('p')?.connection.script.link).toBe('closed');
    expect(attached.script.link).toBe('open');
    expect(world.clock.pendingTimers).toBe(0);
    expect(() => wa.attach(attached)).toThrow(expect.objectContaining({ code: 'not_running' }));
  });

  it('lets the lease run out where the store does not answer at the end', async () => {
    const world = createWorld();
    const { wa } = world.replica(off);
    await world.during(wa.start(), 0);
    await world.during(wa.attach(world.connection('a')).ready, 0);
    world.broken.calls.add('*');
    world.broken.hang = true;
    await world.during(wa.stop(), 1_300);
    await world.clock.advance(60_000);
    expect((await world.row('a')).effective.status).toBe('DISCONNECTED');
  });

  it('hands sessions over in a rolling update, never with two open at once', async () => {
    const world = createWorld();
    const providers = [world.provider(), world.provider()] as const;
    const [a, b] = providers.map((provider, index) => world.replica({ ...off, provider, replicaId: `r${index}` }));
    await world.during(a!.wa.start(), 0);
    await world.during(a!.wa.sessions.create({ id: 's' }), 0);
    providers[0].latest('s')?.connection.script.open();
    await world.during(b!.wa.start(), 0);
    await world.clock.advance(20_000);
    expect(providers[1].opened).toHaveLength(0);
    await world.during(a!.wa.stop(), 1_200);
    expect(providers[0].latest('s')?.connection.script.link).toBe('closed');
    await world.clock.advance(5_000);
    expect(providers[1].opened).toHaveLength(1);
    providers[1].latest('s')?.connection.script.open();
    await world.clock.settle();
    expect((await world.row('s')).status).toBe('CONNECTED');
  });

  it('opens on start, closes on stop, and leaves LOGGED_OUT to a person', async () => {
    const world = createWorld();
    const provider = world.provider();
    const { wa } = world.replica({ ...off, provider });
    await world.during(wa.start(), 0);
    await world.during(wa.sessions.create({ id: 's', desired: 'stopped' }), 0);
    expect(provider.opened).toHaveLength(0);
    await world.during(wa.sessions.start('s'), 0);
    provider.latest('s')?.connection.script.open();
    await world.clock.settle();
    expect((await world.row('s')).status).toBe('CONNECTED');
    await world.during(wa.sessions.stop('s'), 0);
    expect(await world.row('s')).toMatchObject({ status: 'DISCONNECTED', reason: { code: 'stopped' }, owner: null });
    await world.clock.advance(60_000);
    expect(provider.opened).toHaveLength(1);
    await world.during(wa.sessions.start('s'), 0);
    provider.latest('s')?.connection.script.close('logged_out', 'LOGGED_OUT');
    await world.clock.settle();
    await world.during(wa.stop(), 1_200);
    expect((await world.row('s')).status).toBe('LOGGED_OUT');
    await expect(wa.sessions.start('nobody')).rejects.toMatchObject({ code: 'session_not_found' });
    await expect(wa.sessions.create({ id: 's' })).rejects.toMatchObject({ code: 'session_exists' });
  });
});
