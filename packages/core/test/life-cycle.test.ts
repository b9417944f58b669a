import { createSeededRandom } from '@wa-sync/testing';
import { describe, expect, it } from 'vitest';
import type { WaSyncStore } from '../src/index.js';
import { heartbeats } from './heartbeats.js';
import { createWorld } from './world.js';

/** `MOMENTS=900` is the whole. */
const RUNS = Number(process.env.MOMENTS ?? 300);
const SEED = 7;

/** A store whose every call takes a while on both ways; a few never begin. */
function delayed(world: ReturnType<typeof createWorld>, ms: () => number): WaSyncStore {
  const wait = () => new Promise<void>((resolve) => void world.clock.schedule(resolve, ms()));
  const behind = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get(target, name) {
        const method = Reflect.get(target, name) as ((params: unknown) => Promise<unknown>) | undefined;
        if (typeof method !== 'function') return method;
        return async (params: unknown) => {
          await wait();
          const result = await method.call(target, params);
          await wait();
          return result;
        };
      },
    });
  const { sessions, leases, jobs } = world.store;
  return { ...world.store, init: wait, sessions: behind(sessions), leases: behind(leases), jobs: behind(jobs!) };
}

describe('a replica that is stopped', () => {
  it(`at any of ${RUNS} moments settles, and leaves no heartbeat, timer or rejection (seed ${SEED})`, async () => {
    const random = createSeededRandom(SEED);
    const between = (low: number, high: number) => low + Math.floor(random.next() * (high - low));
    const rejections: unknown[] = [];
    const note = (error: unknown) => void rejections.push(error);
    process.on('unhandledRejection', note);
    try {
      for (let run = 0; run < RUNS; run += 1) {
        const world = createWorld();
        const longestMs = between(1, 4) * 700;
        const store = delayed(world, () => between(0, longestMs));
        const { wa } = world.replica({ store, replicaId: 'r', provider: world.provider() });
        if (run % 3 === 0) await world.memory.leases.join({ incarnation: 'dead', replicaId: 'r', ttlMs: 30_000 });
        await world.memory.sessions.create({ sessions: [{ id: 'p', desired: 'running' }] });
        const settled: string[] = [];
        const follow = (name: string, promise: Promise<unknown>) =>
          void promise.then(
            () => settled.push(name),
            () => settled.push(name),
          );
        follow('start', wa.start());
        if (run % 2 === 0) follow('attach', wa.attach(world.connection('a')).ready);
        await world.clock.advance(between(0, 20_000));
        if (run % 4 === 1) {
          // Another replica ends its lease: it may be joining anew when it is stopped.
          const own = (await heartbeats(world.memory)).find(({ incarnation }) => incarnation !== 'dead');
          if (own) await world.memory.leases.fence(own);
          await world.clock.advance(between(3_000, 9_000));
        }
        follow('stop', wa.stop({ timeoutMs: between(1, 3_000) }));
        if (run % 5 === 0) follow('stop', wa.stop());
        await world.clock.advance(40_000);

        const names = ['start', 'stop', ...(run % 2 === 0 ? ['attach'] : []), ...(run % 5 === 0 ? ['stop'] : [])];
        expect(settled.sort(), `run ${run}`).toEqual(names.sort());
        const all = await heartbeats(world.memory);
        const left = all.filter(({ incarnation, fenced }) => incarnation !== 'dead' && !fenced);
        expect(left, `run ${run}`).toEqual([]);
        expect(world.clock.pendingTimers, `run ${run}`).toBe(0);
      }
      await new Promise((resolve) => setImmediate(resolve));
      expect(rejections).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});
