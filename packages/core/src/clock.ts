import type { Clock, RandomSource } from './ports/clock.js';

/** Time of this process: `performance.now()` for durations, unref'd timers, the wall clock for reports. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  schedule(run, delayMs) {
    const timer = setTimeout(run, delayMs);
    timer.unref?.();
    return () => clearTimeout(timer);
  },
  yield: () => new Promise((resolve) => setImmediate(resolve)),
};

/** Chance of this process; tokens come from the platform's cryptographic source. */
export const systemRandom: RandomSource = {
  next: () => Math.random(),
  // Node strings one together of 29 pieces, which would stay 1 KB for as long as it is kept; what makes one text of them is the change of case.
  token: () => globalThis.crypto.randomUUID().toLowerCase(),
};
