/** Time as the engine sees it. Durations come from `monotonicMs`; `now` is for reports and logs only. */
export interface Clock {
  /** Wall clock of this host. No decision uses it. */
  now(): Date;
  /** Milliseconds on a clock that never goes back. */
  monotonicMs(): number;
  /** Runs `run` once after `delayMs` and returns a function that cancels it. Never keeps the process alive. */
  schedule(run: () => void, delayMs: number): () => void;
  /** Lets pending I/O run. */
  yield(): Promise<void>;
}

/** Where chance comes from. */
export interface RandomSource {
  /** A number in [0, 1). */
  next(): number;
  /** A fresh token that nobody can guess or meet again. */
  token(): string;
}

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
  // Node strings one together of 29 pieces, which would stay 1 KB for as long as it is kept; what makes one text of
  // them is the change of case.
  token: () => globalThis.crypto.randomUUID().toLowerCase(),
};
