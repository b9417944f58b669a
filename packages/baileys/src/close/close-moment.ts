/** Calls `run` once the socket has closed, or at once if it has; returns a function that cancels it. */
export type WhenClosed = (run: () => void) => () => void;

/**
 * The moment at which a socket closes, for those who wait for it while they do something else.
 *
 * Owns: who waits now. It is no promise, because what has waited for one stays with it until it settles: 1 KB for each
 * probe, and with that megabytes a day in a connection that is silent and healthy.
 */
export class CloseMoment {
  private entries: (() => void)[] = [];
  private come = false;

  whenClosed(run: () => void): () => void {
    if (this.come) {
      run();
      return () => {};
    }
    // A function of its own, so that one that waits twice is two.
    const entry = () => run();
    this.entries.push(entry);
    return () => {
      this.entries = this.entries.filter((other) => other !== entry);
    };
  }

  waiting(): number {
    return this.entries.length;
  }

  notify(): void {
    this.come = true;
    while (this.entries.length > 0) this.entries.shift()?.();
  }
}

/** The same as a promise, for a caller that waits for nothing else. */
export function untilClosed(whenClosed: WhenClosed): Promise<void> {
  return new Promise((resolve) => void whenClosed(resolve));
}
