import { createManualClock } from '@wa-sync/testing';
import { describe, expect, it } from 'vitest';

describe('the manual clock', () => {
  it('runs due timers in the order of their instants, equal ones as they were scheduled', async () => {
    const clock = createManualClock();
    const ran: string[] = [];
    const note = (what: string) => () => void ran.push(`${what}@${clock.monotonicMs()}`);
    clock.schedule(note('late'), 300);
    clock.schedule(note('first'), 100);
    clock.schedule(note('second'), 100);
    clock.schedule(note('beyond'), 301);
    clock.schedule(note('at once'), -5);
    clock.schedule(note('no number'), Number.NaN);
    await clock.advance(300);
    expect(ran).toEqual(['at once@0', 'no number@0', 'first@100', 'second@100', 'late@300']);
    expect(clock.pendingTimers).toBe(1);
    expect(clock.nextTimerInMs).toBe(1);
  });

  it('runs a timer that a timer made, at its own instant', async () => {
    const clock = createManualClock();
    const ran: number[] = [];
    const again = (): void => {
      ran.push(clock.monotonicMs());
      clock.schedule(again, 10);
    };
    clock.schedule(again, 10);
    await clock.advance(35);
    expect(ran).toEqual([10, 20, 30]);
    expect(clock.monotonicMs()).toBe(35);
  });

  it('lets chains of promises of any length and yields end before the next timer', async () => {
    const clock = createManualClock();
    const ran: string[] = [];
    clock.schedule(() => {
      void (async () => {
        for (let hop = 0; hop < 200; hop += 1) await Promise.resolve();
        for (let turn = 0; turn < 50; turn += 1) await clock.yield();
        await new Promise<void>((resolve) => setImmediate(resolve));
        for (let hop = 0; hop < 200; hop += 1) await null;
        ran.push(`chain@${clock.monotonicMs()}`);
      })();
    }, 10);
    clock.schedule(() => void ran.push('next'), 11);
    await clock.advance(20);
    expect(ran).toEqual(['chain@10', 'next']);
  });

  it('does not run what was cancelled', async () => {
    const clock = createManualClock();
    let ran = 0;
    const cancel = clock.schedule(() => {
      ran += 1;
    }, 10);
    cancel();
    cancel();
    expect(clock.pendingTimers).toBe(0);
    expect(clock.nextTimerInMs).toBeNull();
    await clock.advance(20);
    expect(ran).toBe(0);
  });

  it('moves the wall clock with time, and alone when it jumps', async () => {
    const startAt = new Date('2025-06-01T12:00:00Z');
    const clock = createManualClock({ startAt });
    await clock.advance(1_500);
    expect(clock.now()).toEqual(new Date('2025-06-01T12:00:01.500Z'));
    clock.jumpWallClock(-3_600_000);
    expect(clock.now()).toEqual(new Date('2025-06-01T11:00:01.500Z'));
    expect(clock.monotonicMs()).toBe(1_500);
  });

  it('reports a timer that threw, and goes on from there', async () => {
    const clock = createManualClock();
    clock.schedule(() => {
      throw new Error('thrown by a timer');
    }, 10);
    await expect(clock.advance(20)).rejects.toThrow('thrown by a timer');
    expect(clock.monotonicMs()).toBe(10);
    await clock.advance(10);
    expect(clock.monotonicMs()).toBe(20);
  });

  it('refuses to go back, and to advance twice at once', async () => {
    const clock = createManualClock();
    await expect(clock.advance(-1)).rejects.toThrow(RangeError);
    const first = clock.advance(10);
    await expect(clock.advance(10)).rejects.toThrow('already');
    await first;
  });
});
