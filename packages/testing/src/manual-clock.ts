import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '@wa-sync/core';

/** A {@link Clock} that stands still until it is moved. */
export interface ManualClock extends Clock {
  /**
   * Moves time on by `ms`: runs each timer at its instant, the earlier first and equal ones in the order they were
   * scheduled, and settles (see {@link ManualClock.settle}) before the first, after each, and at the end. A timer that
   * throws makes it reject.
   */
  advance(ms: number): Promise<void>;
  /** Moves the wall clock alone, as an operator or NTP does; back where `ms` is negative. */
  jumpWallClock(ms: number): void;
  /**
   * Waits until what was begun has come to rest: turns of the event loop go by, each of which runs every promise
   * callback there is, until none of this clock's own `yield`s is awaited. Chains of promises of any length end in it;
   * real I/O does not, so a test that does some has to await it first.
   */
  settle(): Promise<void>;
  /** Timers that are scheduled and have neither run nor been cancelled. */
  readonly pendingTimers: number;
  /** Milliseconds until the next timer, `null` when there is none. */
  readonly nextTimerInMs: number | null;
}

interface Timer {
  readonly dueMs: number;
  readonly run: () => void;
}

// One turn ends every chain of promises; the others let a callback that setImmediate put off come in between.
const CALM_TURNS = 3;
const MAX_TURNS = 100_000;

/**
 * A clock for tests. It starts at `startAt`, with `monotonicMs` at 0.
 *
 * @defaultValue `startAt` 2025-01-01T00:00:00Z
 * @example
 * const clock = createManualClock();
 * clock.schedule(() => console.log('a minute later'), 60_000);
 * await clock.advance(60_000);
 */
export function createManualClock({
  startAt = new Date('2025-01-01T00:00:00Z'),
}: {
  startAt?: Date;
} = {}): ManualClock {
  const timers: Timer[] = [];
  let monotonicMs = 0;
  let wallOffsetMs = startAt.getTime();
  let yields = 0;
  let advancing = false;

  async function settle(): Promise<void> {
    for (let turns = 0, calmTurns = 0; calmTurns < CALM_TURNS; turns += 1) {
      if (turns === MAX_TURNS) throw new Error(`Code under the manual clock still yields after ${MAX_TURNS} turns`);
      await nextTurn();
      calmTurns = yields === 0 ? calmTurns + 1 : 0;
    }
  }

  /** The place behind every timer that is due no later. */
  function placeOf(dueMs: number): number {
    let low = 0;
    let high = timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (timers[middle]!.dueMs > dueMs) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  function schedule(run: () => void, delayMs: number): () => void {
    const timer = { dueMs: monotonicMs + (Number.isNaN(delayMs) ? 0 : Math.max(delayMs, 0)), run };
    timers.splice(placeOf(timer.dueMs), 0, timer);
    return () => {
      // Found from its instant: a search through the timers of 10,000 sessions at each cancellation takes most of a test.
      let index = placeOf(timer.dueMs) - 1;
      while (index >= 0 && timers[index] !== timer && timers[index]!.dueMs === timer.dueMs) index -= 1;
      if (timers[index] === timer) timers.splice(index, 1);
    };
  }

  async function advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw new RangeError('A manual clock advances by zero or more milliseconds');
    if (advancing) throw new Error('The manual clock is advancing already');
    advancing = true;
    try {
      const untilMs = monotonicMs + ms;
      await settle();
      for (let next = timers[0]; next !== undefined && next.dueMs <= untilMs; next = timers[0]) {
        timers.shift();
        monotonicMs = Math.max(monotonicMs, next.dueMs);
        next.run();
        await settle();
      }
      monotonicMs = untilMs;
      await settle();
    } finally {
      advancing = false;
    }
  }

  return {
    now: () => new Date(wallOffsetMs + monotonicMs),
    monotonicMs: () => monotonicMs,
    schedule,
    async yield() {
      yields += 1;
      try {
        await nextTurn();
      } finally {
        yields -= 1;
      }
    },
    advance,
    settle,
    jumpWallClock(ms) {
      wallOffsetMs += ms;
    },
    get pendingTimers() {
      return timers.length;
    },
    get nextTimerInMs() {
      const [next] = timers;
      return next === undefined ? null : next.dueMs - monotonicMs;
    },
  };
}
