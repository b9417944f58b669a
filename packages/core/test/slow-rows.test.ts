import { describe, expect, it } from 'vitest';
import { type Clock, WaSyncError } from '../src/index.js';
import { besideTheDead } from './beside-the-dead.js';
import { createWorld } from './world.js';

/** Beyond it a statement of the store is given up, and what it did is taken back. */
const LIMIT_MS = 2_000;
const jobs = { sync: false, cleanup: false, inactivity: false } as const;

/** A store whose rows cost so many milliseconds each, and the rows that its statements were asked for. */
function slowStore(params: { clock: Clock; msOfARow: number }) {
  const { clock, msOfARow } = params;
  const takes = (ms: number) => new Promise<void>((resolve) => void clock.schedule(resolve, ms));
  const asked: number[] = [];
  return {
    asked,
    slow<Params, Row>(work: (params: Params) => Promise<Row[]>, rowsOf: (params: Params) => number) {
      return async (params: Params): Promise<Row[]> => {
        const rows = rowsOf(params);
        asked.push(rows);
        if (rows * msOfARow > LIMIT_MS) {
          await takes(LIMIT_MS);
          throw new WaSyncError('store_timeout', 'Given up', { retryable: true });
        }
        const done = await work(params);
        await takes(done.length * msOfARow);
        return done;
      };
    },
  };
}

describe.each([3, 20])('where a row costs the store %i ms, as by a trigger of the host, a replica', (msOfARow) => {
  it('frees the sessions of the dead in slices, the smaller the slower a row is', async () => {
    const world = await besideTheDead({ sessions: 1_500 });
    const { slow, asked } = slowStore({ clock: world.clock, msOfARow });
    world.memory.leases.freeFenced = slow(world.memory.leases.freeFenced, ({ limit }) => limit);
    await world.clock.advance(38_000);
    expect(Math.max(...asked.slice(8)) * msOfARow).toBeLessThanOrEqual(640);
    expect(await world.free()).toBeGreaterThan(0);
    await world.clock.advance(60_000);
    expect(await world.free()).toBe(1_500);
    await world.wa.stop();
  });

  it('closes rows that nobody holds in slices as well', async () => {
    const world = createWorld();
    const { slow, asked } = slowStore({ clock: world.clock, msOfARow });
    world.memory.sessions.closeUnheld = slow(world.memory.sessions.closeUnheld!, ({ limit }) => limit);
    const { wa } = world.replica({ jobs: { ...jobs, sync: '*/5 * * * *' } });
    await world.during(wa.start(), 0);
    const ids = Array.from({ length: 1_000 }, (_, index) => `s${index}`);
    const rows = ids.map((id) => ({ id, desired: 'running' as const, status: 'CONNECTED' as const }));
    await world.memory.sessions.create({ sessions: rows });
    await world.clock.advance(16 * 60_000);
    const left = (await world.memory.sessions.get({ ids })).filter(({ status }) => status === 'CONNECTED');
    expect(left).toEqual([]);
    expect(Math.max(...asked) * msOfARow).toBeLessThanOrEqual(LIMIT_MS);
    await wa.stop();
  });

  it('claims and writes what it holds, in smaller batches after one that failed', async () => {
    const world = createWorld();
    const { slow, asked } = slowStore({ clock: world.clock, msOfARow });
    world.memory.sessions.write = slow(world.memory.sessions.write, ({ writes }) => writes.length);
    world.memory.sessions.claim = slow(world.memory.sessions.claim, ({ claims }) => claims.length);
    const { wa } = world.replica({ jobs });
    await world.during(wa.start(), 0);
    const ids = Array.from({ length: 1_000 }, (_, index) => `s${index}`);
    const sockets = ids.map((id) => world.connection(id));
    for (const socket of sockets) wa.attach(socket);
    const right = async (status: string) =>
      (await world.memory.sessions.get({ ids })).filter((row) => row.status === status).length;
    await world.clock.advance(90_000);
    expect(await right('CONNECTED')).toBe(1_000);
    for (const socket of sockets) socket.script.close('connection_lost');
    await world.clock.advance(90_000);
    expect(await right('RECONNECTING')).toBe(1_000);
    const inVain = asked.filter((rows) => rows * msOfARow > LIMIT_MS);
    expect(inVain.length).toBeLessThan(asked.length / 2);
    await world.during(wa.stop(), 30_000);
  });
});
