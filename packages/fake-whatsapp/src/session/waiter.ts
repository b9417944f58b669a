const DEFAULT_TIMEOUT_MS = 10_000;

export type WaitOptions = {
  /** Milliseconds until the wait gives up with an error. Default: 10,000. */
  timeoutMs?: number;
};

/** Lets promises wait until something is true of the server, without polling. */
export type Waiter = {
  /** Something has changed: all waits check again. */
  changed(): void;
  /** Resolves with the first value of `probe` that is neither undefined nor false. */
  until<T>(probe: () => T | undefined | false, what: string, options?: WaitOptions): Promise<T>;
  /** Rejects all waits. */
  close(): void;
};

/** @param describe Said in the error of a wait that ran out of time. */
export function createWaiter(describe: () => string): Waiter {
  const waits = new Set<{ check(): void; fail(error: Error): void }>();
  return {
    changed() {
      for (const wait of [...waits]) wait.check();
    },
    until<T>(probe: () => T | undefined | false, what: string, options: WaitOptions = {}) {
      const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      return new Promise<T>((resolve, reject) => {
        const wait = {
          check() {
            try {
              const value = probe();
              if (value === undefined || value === false) return;
              finish();
              resolve(value);
            } catch (error) {
              wait.fail(error as Error);
            }
          },
          fail(error: Error) {
            finish();
            reject(error);
          },
        };
        const timer = setTimeout(
          () => wait.fail(new Error(`Waited ${timeoutMs} ms in vain for ${what}. The server sees: ${describe()}`)),
          timeoutMs,
        );
        function finish(): void {
          clearTimeout(timer);
          waits.delete(wait);
        }
        waits.add(wait);
        wait.check();
      });
    },
    close() {
      for (const wait of [...waits]) wait.fail(new Error('The fake WhatsApp was closed during this wait'));
    },
  };
}
