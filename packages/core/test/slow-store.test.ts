import { describe, expect, it } from 'vitest';
import type { WaSyncStore } from '../src/index.js';
import { createWorld } from './world.js';

/** The figure that is promised, and one at which a fourth call just begins within what is left of a lease. */
const SLOW_MS = [7_000, 6_600];
const MINUTES = 10;
/** Every job begins anew each minute. */
const jobs = { sync: '0 * * * * *', cleanup: '10 * * * * *', inactivity: '20 * * * * *' } as const;

type Side = 'before' | 'after';
type SlowCase = [words: string, sideOf: (call: number) => Side];

/** A store that takes its time for every call, on the way to it or on the way back. */
function slow(world: ReturnType<typeof createWorld>, slowMs: number, sideOf: () => Side): WaSyncStore {
  const wait = () => new Promise<void>((resolve) => void world.clock.schedule(resolve, slowMs));
  const delayed = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get(target, name) {
        const method = Reflect.get(target, name) as ((params: unknown) => Promise<unknown>) | undefined;
        if (typeof method !== 'function') return method;
        return async (params: unknown) => {
          const side = sideOf();
          if (side === 'before') await wait();
          const result = await method.call(target, params);
          if (side === 'after') await wait();
          return result;
        };
      },
    });
  const { sessions, leases, jobs, cleanup, conversations, history } = world.store;
  return {
    ...world.store,
    sessions: delayed(sessions),
    leases: delayed(leases),
    jobs: delayed(jobs!),
    cleanup: delayed(cleanup!),
    conversations: delayed(conversations!),
    history: delayed(history!),
  };
}

describe.each(SLOW_MS)('a store that takes %d ms for every call', (slowMs) => {
  it.each<SlowCase>([
    ['before it acts', () => 'before'],
    ['after it acted', () => 'after'],
    ['on changing sides', (call) => (call % 3 === 0 ? 'before' : 'after')],
  ])(`%s takes no lease in ${MINUTES} minutes, and events are written within 30 s`, async (_, sideOf) => {
    const world = createWorld();
    let calls = 0;
    const store = slow(world, slowMs, () => sideOf(calls++));
    const replicas = ['one', 'two'].map((replicaId) =>
      world.replica({ jobs, store, replicaId, provider: world.provider() }),
    );
    const starts = replicas.map(({ wa }) => wa.start());
    await world.clock.advance(60_000);
    await Promise.all(starts);
    const connections = ['a', 'b', 'c', 'd'].map((id) => world.connection(id));
    const attached = connections.map((one, index) => replicas[index % 2]!.wa.attach(one).ready);
    await world.clock.advance(60_000);
    await Promise.all(attached);
    /** Looks at every second as somebody who reads the rows together with the leases. */
    const readersBelieve = async (seconds: number) => {
      for (let second = 0; second < seconds; second += 1) {
        await world.clock.advance(1_000);
        for (const id of ['a', 'b', 'c', 'd']) expect((await world.row(id)).effective.evidence).toBe('observed');
      }
    };
    const owners = async () => Promise.all(['a', 'b', 'c', 'd'].map(async (id) => (await world.row(id)).owner));
    const before = await owners();
    expect(new Set(before).size).toBe(2);

    for (let minute = 0; minute < MINUTES; minute += 1) {
      const closed = connections[minute % 4]!;
      if (minute % 2 === 0) closed.script.close('lost');
      else connections[(minute - 1) % 4]!.script.open();
      // There is always something to claim, and somebody to free it from.
      await world.memory.sessions.create({ sessions: [{ id: `free-${minute}`, desired: 'running' }] });
      // Several at once: their leases are ended one after the other.
      for (const name of [1, 2, 3].map((no) => `gone-${minute}-${no}`)) {
        await world.memory.leases.join({ incarnation: name, replicaId: name, ttlMs: 30_000 });
      }
      await readersBelieve(30);
      const expected = minute % 2 === 0 ? 'RECONNECTING' : 'CONNECTED';
      const id = minute % 2 === 0 ? closed.sessionId : connections[(minute - 1) % 4]!.sessionId;
      expect((await world.row(id)).status, `minute ${minute}`).toBe(expected);
      await readersBelieve(30);
    }
    for (const { events } of replicas) {
      expect(events.filter(({ name }) => name === 'lease:lost' || name === 'ownership:lost')).toEqual([]);
    }
    expect(await owners()).toEqual(before);
    const stops = replicas.map(({ wa }) => wa.stop());
    await world.clock.advance(60_000);
    await Promise.all(stops);
  });

  it('lets a replica start although each beat brings more to do than a tick can take', async () => {
    const world = createWorld();
    const store = slow(world, slowMs, () => 'after');
    const { wa } = world.replica({ jobs, store, provider: world.provider() });
    let started = false;
    void wa.start().then(() => {
      started = true;
    });
    for (let second = 0; second < 150; second += 1) {
      const id = `${second}`;
      await world.memory.sessions.create({ sessions: [{ id, desired: 'running' }] });
      await world.memory.leases.join({ incarnation: id, replicaId: `gone-${id}`, ttlMs: 30_000 });
      await world.clock.advance(1_000);
    }
    expect(started).toBe(true);
    const stop = wa.stop();
    await world.clock.advance(60_000);
    await stop;
  });
});
