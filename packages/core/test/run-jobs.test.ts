import { describe, expect, it } from 'vitest';
import { at, HOUR, hourly, MINUTE, running } from './running.js';
import { createMortalClock, createWorld } from './world.js';

/** A policy that keeps its run going until it is let go. */
function held() {
  let letGo = () => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  return { letGo: () => letGo(), gate };
}

describe('the schedule of cluster jobs', () => {
  it('F27: runs a slot once among replicas, records it, and publishes its start and end', async () => {
    const world = await running();
    const second = world.replica({ ...hourly, replicaId: 'two' });
    await world.during(second.wa.start(), 0);
    await world.clock.advance(3 * HOUR);
    const runs = await world.runs();
    expect(runs.map(({ slot, outcome }) => [slot?.toISOString().slice(11, 16), outcome])).toEqual([
      ['03:00', 'finished'],
      ['02:00', 'finished'],
      ['01:00', 'finished'],
    ]);
    expect(runs[0]).toMatchObject({ counts: { checked: 0 }, error: null });
    const told = [...world.events, ...second.events].map(({ name }) => name).sort();
    expect(told).toEqual([...Array(3).fill('job:finished'), ...Array(3).fill('job:started')]);
  });

  it('runs a slot that was missed while nothing ran within 60 s of the start, several as one', async () => {
    const world = await running();
    await world.clock.advance(2 * MINUTE);
    await world.during(world.wa.stop(), 1_200);
    await world.clock.advance(5 * HOUR);
    const next = world.replica(hourly);
    await world.during(next.wa.start(), MINUTE);
    expect((await world.runs()).map(({ slot }) => slot?.toISOString().slice(11, 16))).toEqual(['06:00', '01:00']);
  });

  it('misses nothing at the first start, and runs nothing for the past', async () => {
    const world = await running({}, '01:00:01');
    await world.clock.advance(58 * MINUTE);
    expect(await world.runs()).toEqual([]);
    await world.clock.advance(2 * MINUTE);
    expect(world.slots('job:finished')).toEqual(['02:00:00']);
  });

  it('F27: takes a run that outlasts its interval for one, and makes up for the slots it covered by one run', async () => {
    let [running_, most] = [0, 0];
    const world = await running({
      jobs: { sync: false, cleanup: false, inactivity: '* * * * *' },
      inactivity: {
        inactiveAfterMs: 10 * MINUTE,
        policy: async () => {
          running_ += 1;
          most = Math.max(most, running_);
          await new Promise<void>((resolve) => void world.clock.schedule(resolve, 4_000));
          running_ -= 1;
          return null;
        },
      },
    });
    // 16 at once, 4 s each: 150 s a run.
    await world.during(world.wa.attach(world.connection('s')).ready, 0);
    const message = { sessionId: 's', from: 'contact' as const, at: world.clock.now() };
    const ids = Array.from({ length: 600 }, (_, index) => `c${index}`);
    await Promise.all(ids.map((conversationId) => world.wa.recordMessage({ ...message, conversationId })));
    await world.clock.advance(10 * MINUTE);
    const before = (await world.runs()).length;
    await world.clock.advance(8 * MINUTE);
    const runs = (await world.runs()).slice(0, -before);
    expect(most).toBe(16);
    // 01:10 until 01:12:30, then what was missed at once, and so on: 01:12:35, 01:15:10.
    expect(runs.map(({ slot }) => slot?.toISOString().slice(14, 16)).reverse()).toEqual(['10', '12', '15']);
    const spans = runs.map(({ startedAt, endedAt }) => [startedAt.getTime(), endedAt?.getTime() ?? Infinity]).reverse();
    for (const [index, [from = 0]] of spans.entries()) {
      expect(from).toBeGreaterThanOrEqual(spans[index - 1]?.[1] ?? 0);
    }
  });

  it('waits with a slot for the run that is under way elsewhere, then runs it once', async () => {
    const world = await running();
    const owner = 'somebody';
    await world.memory.leases.join({ incarnation: owner, replicaId: 'other', ttlMs: 10 * HOUR });
    const begun = await world.memory.jobs.begin({ runId: 'long', job: 'inactivity', slot: null, owner });
    expect(begun.begun).toBe(true);
    await world.clock.advance(3 * HOUR);
    expect((await world.runs()).map(({ id }) => id)).toEqual(['long']);
    await world.memory.jobs.end({ runId: 'long', owner, outcome: 'finished', counts: {}, error: null });
    await world.clock.advance(10_000);
    expect((await world.runs()).map(({ slot }) => slot?.toISOString().slice(11, 16))).toEqual(['03:00', undefined]);
  });

  it('takes over where the owner of a run died: the run is abandoned, and its slot is not run again', async () => {
    const world = createWorld({ startAt: at('00:59:00') });
    const mortal = createMortalClock(world.clock);
    const first = world.replica({ ...hourly, replicaId: 'one', clock: mortal.clock });
    const second = world.replica({ ...hourly, replicaId: 'two' });
    await world.during(first.wa.start(), 0);
    world.broken.calls.add('inactive');
    world.broken.hang = true;
    await world.clock.advance(61_000);
    mortal.kill();
    await world.fix();
    await world.during(second.wa.start(), 0);
    await world.clock.advance(HOUR);
    const runs = await world.memory.jobs.list({ limit: 10 });
    expect(runs.map(({ slot, outcome }) => [slot?.toISOString().slice(11, 16), outcome])).toEqual([
      ['02:00', 'finished'],
      ['01:00', 'abandoned'],
    ]);
  });

  it('stops a run whose lease had a gap: another may have begun the same', async () => {
    const world = createWorld({ startAt: at('00:50:00') });
    const policy = held();
    let judged = 0;
    const inactivity = {
      inactiveAfterMs: MINUTE,
      policy: async () => {
        judged += 1;
        await policy.gate;
        return {};
      },
    };
    const lease = { ttlMs: 3_000, tickMs: 1_000 };
    const first = world.replica({ ...hourly, replicaId: 'one', lease, inactivity });
    await world.during(first.wa.start(), 0);
    const second = world.replica({ jobs: { ...hourly.jobs, inactivity: false }, replicaId: 'two' });
    await world.during(second.wa.start(), 0);
    // Held by the other one, so that the gate is open all the time.
    await world.during(second.wa.attach(world.connection('s')).ready, 0);
    await second.wa.recordMessage({ conversationId: 'c', sessionId: 's', from: 'contact', at: world.clock.now() });
    await world.clock.advance(10 * MINUTE);
    expect(judged).toBe(1);
    // The store answers no beat for longer than the lease, and is back before anybody ended it.
    world.broken.calls.add('beat');
    await world.clock.advance(3_500);
    world.broken.calls.delete('beat');
    await world.clock.advance(1_000);
    expect(first.events.map(({ name }) => name)).toEqual(['job:started', 'lease:lost', 'lease:back']);
    policy.letGo();
    await world.clock.advance(100);
    expect(first.events.at(-1)).toMatchObject({ name: 'job:failed', payload: { error: 'lease_lost' } });
    expect((await world.memory.conversations.get({ ids: ['c'] }))[0]).toMatchObject({ state: 'OPEN' });
  });
});

describe('runs that somebody asks for', () => {
  it('share the run that is under way on this replica, scheduled or asked for', async () => {
    const world = await running({}, '00:01:00');
    const reports = await Promise.all(Array.from({ length: 20 }, () => world.wa.checkInactiveConversations()));
    expect(new Set(reports).size).toBe(1);
    expect(await world.runs()).toHaveLength(1);
  });

  it('make a forced cleanup wait for one that is not, and share it among its equals', async () => {
    const world = await running({}, '00:01:00');
    await world.clock.advance(11 * MINUTE);
    const calls = [{}, { force: true }, { force: true }, {}].map((options) => world.wa.cleanupSessions(options));
    const [plain, first, second, last] = await world.during(Promise.all(calls), 0);
    expect(first).toBe(second);
    expect(plain).not.toBe(first);
    expect(last).toBe(plain);
    expect((await world.runs()).map(({ job, outcome }) => [job, outcome])).toEqual([
      ['cleanup', 'finished'],
      ['cleanup', 'finished'],
    ]);
  });

  it('say so where another replica runs the same', async () => {
    const world = await running({}, '00:01:00');
    await world.memory.leases.join({ incarnation: 'x', replicaId: 'other', ttlMs: HOUR });
    await world.memory.jobs.begin({ runId: 'r', job: 'inactivity', slot: null, owner: 'x' });
    expect(await world.wa.checkInactiveConversations()).toMatchObject({
      postponed: 'running_elsewhere',
      totals: { checked: 0 },
    });
    expect(await world.wa.runJob('inactivity')).toEqual({ ran: false });
  });

  it('begin nothing without a lease', async () => {
    const world = await running({}, '00:01:00');
    world.broken.calls.add('beat');
    await world.clock.advance(MINUTE);
    expect(await world.wa.checkInactiveConversations()).toMatchObject({ postponed: 'lease_lost' });
    expect(await world.wa.cleanupSessions()).toMatchObject({ postponed: 'lease_lost' });
    expect(await world.runs()).toEqual([]);
  });

  it('run once for an instant of the host’s own scheduler, on whichever replica', async () => {
    const off = { jobs: { sync: false, cleanup: false, inactivity: false } } as const;
    const world = await running(off);
    const second = world.replica({ ...off, replicaId: 'two' });
    await world.during(second.wa.start(), 0);
    const slot = at('00:58:00');
    const answers = await Promise.all([world.wa, second.wa].map((wa) => wa.runJob('inactivity', { slot })));
    expect(answers.filter(({ ran }) => ran)).toHaveLength(1);
    expect(await world.wa.runJob('inactivity', { slot })).toEqual({ ran: false });
    expect(await world.wa.runJob('inactivity', { slot: at('00:57:00') })).toEqual({ ran: false });
    expect(await world.wa.runJob('inactivity', { slot: at('00:59:00') })).toEqual({ ran: true });
    expect(await world.wa.runJob('sync')).toEqual({ ran: true });
  });

  it('refuse an instant that makes no sense, which would block the job for years', async () => {
    const world = await running();
    for (const slot of [new Date(Number.NaN), new Date('2099-01-01T00:00:00Z')]) {
      await expect(world.wa.runJob('inactivity', { slot })).rejects.toMatchObject({ code: 'config_invalid' });
    }
  });

  it('leave the sync’s report alone where the cleanup fails', async () => {
    const world = await running({}, '00:01:00');
    await world.clock.advance(11 * MINUTE);
    world.broken.calls.add('census');
    const report = await world.during(world.wa.forceSync(), 0);
    expect(report.totals.checked).toBe(0);
    expect(world.events.map(({ name }) => name)).toContain('job:failed');
    expect((await world.runs()).map(({ job, outcome }) => [job, outcome])).toEqual([
      ['inactivity', 'finished'],
      ['cleanup', 'failed'],
    ]);
  });
});
