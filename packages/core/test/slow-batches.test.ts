import { describe, expect, it } from 'vitest';
import { cleaning } from './cleaning.js';
import { HOUR, talking } from './talking.js';
import type { createWorld } from './world.js';

/** Makes a call take as long as it has rows, and notes how many each had. */
function slowDown<Params>(
  { clock }: Pick<ReturnType<typeof createWorld>, 'clock'>,
  call: (params: Params) => Promise<string[]>,
  rowsOf: (params: Params) => number,
  rowMs: () => number,
) {
  const sizes: number[] = [];
  const startsMs: number[] = [];
  const slow = async (params: Params) => {
    sizes.push(rowsOf(params));
    startsMs.push(clock.monotonicMs());
    await new Promise<void>((resolve) => void clock.schedule(resolve, rowsOf(params) * rowMs()));
    return call(params);
  };
  return { sizes, startsMs, slow };
}

describe('a batch', () => {
  it('of a cleanup begins small, grows where rows are cheap, and shrinks where they are not', async () => {
    const world = await cleaning();
    await world.add(1_000);
    await world.startAfter(40);
    let rowMs = 0;
    const cleanup = world.memory.cleanup!;
    const { sizes, slow } = slowDown(
      world,
      cleanup.deactivate,
      ({ ids }) => ids.length,
      () => rowMs,
    );
    cleanup.deactivate = (params) => {
      if (sizes.length === 6) rowMs = 10;
      return slow(params);
    };
    const report = await world.clean({ force: true });
    expect(report.totals.deactivated).toBe(1_000);
    expect(sizes.slice(0, 8)).toEqual([10, 20, 40, 80, 160, 200, 200, 50]);
    expect(Math.max(...sizes.slice(7))).toBe(50);
  });

  it('of conversations that are closed does so too, and lets what it locked be written before the next', async () => {
    const world = await talking({ farewell: null, maxPerRun: 1_000 });
    for (let index = 0; index < 200; index += 1) await world.say(`c${index}`);
    await world.inactive(HOUR + 1_000);
    const conversations = world.memory.conversations!;
    const { sizes, startsMs, slow } = slowDown(
      world,
      conversations.move,
      ({ moves }) => moves.length,
      () => 40,
    );
    conversations.move = slow;
    const report = await world.during(world.wa.checkInactiveConversations(), 30_000);
    expect(report.totals.closed).toBe(200);
    expect(sizes).toEqual(Array.from({ length: 20 }, () => 10));
    for (const [index, startMs] of startsMs.slice(1).entries()) expect(startMs - startsMs[index]!).toBe(440);
  });
});
