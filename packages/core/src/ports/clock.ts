/** Time as the engine sees it. Durations come from `monotonicMs`; `now` is for reports and logs only. */
export interface Clock {
  /** Wall clock of this host. No decision uses it. */
  now(): Date;
  /** Milliseconds on a clock that never goes back. */
  monotonicMs(): number;
  /** Runs `run` once after `delayMs` and answers a function that cancels it. Never keeps the process alive. */
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
