import { createManualClock } from '@wa-sync/testing';
import { describeScheduler } from '@wa-sync/testing/conformance';
import { describe, expect, it } from 'vitest';
import { createTickScheduler } from '../src/engine/jobs/tick-scheduler.js';
import type { ClusterJobName, Scheduler, WaSyncOptions } from '../src/index.js';
import { createWorld } from './world.js';

const TICK_MS = 60_000;

describeScheduler({
  name: 'the tick',
  runner: { describe, it },
  async create({ startAt }) {
    const clock = createManualClock({ startAt });
    const scheduler = createTickScheduler<ClusterJobName>({ lastSlot: async () => startAt, onError: () => {} });
    let asleep = false;
    let cancel = () => {};
    function beat(): void {
      cancel = clock.schedule(beat, TICK_MS);
      if (!asleep) void scheduler.tick(clock.now());
    }
    beat();
    return {
      scheduler,
      now: clock.now,
      advance: clock.advance,
      async sleep(ms) {
        asleep = true;
        await clock.advance(ms);
        asleep = false;
      },
      close: async () => cancel(),
    };
  },
});

/** A queue of the host's: a test says when it calls. */
function createHostScheduler() {
  let given: Parameters<Scheduler['start']>[0] | null = null;
  const told: string[] = [];
  const scheduler: Scheduler = {
    async start(params) {
      told.push('start');
      given = params;
    },
    async stop() {
      told.push('stop');
    },
  };
  return {
    scheduler,
    told,
    rules: () => given?.rules,
    call: (job: ClusterJobName, slot: Date) => given!.run({ job, slot }),
  };
}

async function withScheduler(options: Partial<WaSyncOptions> = {}) {
  const host = createHostScheduler();
  const world = createWorld({ startAt: new Date('2025-05-05T00:59:00Z') });
  const jobs = { sync: '*/5 * * * *', cleanup: '0 1 * * *', inactivity: '0 * * * *' };
  const replica = async (replicaId: string) => {
    const made = world.replica({ jobs, replicaId, timeZone: 'UTC', scheduler: host.scheduler, ...options });
    await world.during(made.wa.start(), 0);
    return made;
  };
  const first = await replica('one');
  const slots = (name: string, job: string) =>
    first.events.filter((event) => event.name === name && (event.payload as { job: string }).job === job);
  return { ...world, host, first, replica, slots };
}

describe('a scheduler of the host’s', () => {
  it('calls for the cluster jobs in the place of the tick, which keeps the sync', async () => {
    const { host, first, slots, clock, during } = await withScheduler();
    expect(host.rules()).toEqual([
      { job: 'cleanup', expression: '0 1 * * *', timeZone: 'UTC' },
      { job: 'inactivity', expression: '0 * * * *', timeZone: 'UTC' },
    ]);
    await clock.advance(11 * 60_000);
    expect([slots('job:finished', 'sync').length, slots('job:started', 'inactivity').length]).toEqual([3, 0]);
    const slot = new Date('2025-05-05T01:00:00Z');
    expect(await during(host.call('inactivity', slot), 0)).toBe('done');
    expect(slots('job:finished', 'inactivity')).toMatchObject([{ payload: { slot } }]);
    await during(first.wa.stop(), 1_200);
    expect(host.told).toEqual(['start', 'stop']);
  });

  it('may call twice, and on every replica: one run', async () => {
    const { host, first, replica, slots, memory, during } = await withScheduler();
    const one = host.call;
    await replica('two');
    const slot = new Date('2025-05-05T01:00:00Z');
    const calls = [one('inactivity', slot), host.call('inactivity', slot), host.call('inactivity', slot)];
    await during(Promise.all(calls), 0);
    expect(await during(host.call('inactivity', slot), 0)).toBe('done');
    expect(await memory.jobs.list({ limit: 9 })).toHaveLength(1);
    expect(slots('job:failed', 'inactivity')).toEqual([]);
    expect(first.wa.replicaId).toBe('one');
  });

  it('learns that it is too early, or that the store does not answer: later', async () => {
    const { host, broken, clock, during, slots } = await withScheduler();
    const slot = new Date('2025-05-05T01:00:00Z');
    // Right after a start nobody is deactivated.
    expect(await during(host.call('cleanup', slot), 0)).toBe('later');
    await clock.advance(11 * 60_000);
    broken.calls.add('begin');
    expect(await during(host.call('cleanup', slot), 0)).toBe('later');
    broken.calls.clear();
    expect(await during(host.call('cleanup', slot), 0)).toBe('done');
    expect(slots('job:finished', 'cleanup')).toHaveLength(1);
  });

  it('is refused a call that makes no sense', async () => {
    const { host } = await withScheduler();
    const slots = [new Date('2025-05-07T01:00:00Z'), new Date(Number.NaN), '2025-05-05' as unknown as Date];
    for (const slot of slots) {
      await expect(host.call('inactivity', slot)).rejects.toMatchObject({ code: 'config_invalid' });
    }
    await expect(host.call('nope' as ClusterJobName, new Date(0))).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('that cannot start keeps the replica from starting, and one that cannot stop does not keep it running', async () => {
    const world = createWorld();
    const scheduler = (start: Scheduler['start'], stop: Scheduler['stop']) => ({ scheduler: { start, stop } });
    const refuse = () => Promise.reject(new Error('The queue is not there'));
    const failing = world.replica(scheduler(refuse, async () => {}));
    await expect(world.during(failing.wa.start(), 2_000)).rejects.toThrow('The queue is not there');
    const hanging = world.replica(scheduler(async () => {}, refuse));
    await world.during(hanging.wa.start(), 11_000);
    await world.during(hanging.wa.attach(world.connection('s')).ready, 0);
    await world.during(hanging.wa.stop(), 1_200);
    expect(await world.row('s')).toMatchObject({ status: 'DISCONNECTED', reason: { code: 'shutdown' } });
    expect(world.logged.map(({ fields }) => fields.code)).toContain('stop_failed');
  });

  it('is left alone by a replica that only observes', async () => {
    const { host, first, during } = await withScheduler({ observeOnly: true });
    await during(first.wa.stop(), 1_200);
    expect(host.told).toEqual([]);
  });
});
