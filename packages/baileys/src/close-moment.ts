/** Calls `run` once the socket has closed, or at once if it has; answers what takes that back. */
export type WhenClosed = (run: () => void) => () => void;

/**
 * The moment at which a socket closes, for those who wait for it while they do something else.
 *
 * Owns: who waits now. It is no promise, because what has waited for one stays with it until it settles: 1 KB for each probe, and with
 * that megabytes a day in a connection that is quiet and healthy.
 */
export function createCloseMoment() {
  let waiting: (() => void)[] = [];
  let come = false;

  return {
    whenClosed(run: () => void): () => void {
      if (come) {
        run();
        return () => {};
      }
      // A function of its own, so that one that waits twice is two.
      const entry = () => run();
      waiting.push(entry);
      return () => {
        waiting = waiting.filter((other) => other !== entry);
      };
    },
    waiting: () => waiting.length,
    tell(): void {
      come = true;
      while (waiting.length > 0) waiting.shift()?.();
    },
  };
}

/** A promise of it, for whoever waits for nothing else. */
export function untilClosed(whenClosed: WhenClosed): Promise<void> {
  return new Promise((resolve) => void whenClosed(resolve));
}
