import { type Clock, WaSyncError } from '@wa-sync/core';
import { withTimeout } from '@wa-sync/core/adapter';

/**
 * Waits for a call to a store of credentials, but no longer than `timeoutMs`.
 *
 * @throws WaSyncError `store_timeout` when time is up; the late outcome of `work` is dropped
 */
export function awaitStore<T>(params: {
  clock: Clock;
  timeoutMs: number;
  what: string;
  work(): Promise<T> | T;
}): Promise<T> {
  const { clock, timeoutMs, what, work } = params;
  return withTimeout(clock, timeoutMs, work, {
    late() {
      throw new WaSyncError('store_timeout', `${what} took longer than ${timeoutMs} ms`, { retryable: true });
    },
  });
}

/** The one timer of a socket: a new one takes the place of the last, and none rings once the socket is over. */
export class OneTimer {
  private stop: (() => void) | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly owner: { alive(): boolean },
  ) {}

  set(run: () => unknown, delayMs: number): void {
    this.cancel();
    this.stop = this.clock.schedule(() => {
      this.stop = null;
      if (this.owner.alive()) run();
    }, delayMs);
  }

  cancel(): void {
    this.stop?.();
    this.stop = null;
  }
}

/** Waits `delayMs`, or until `signal` aborts; leaves neither a timer nor a listener. */
export function pause(params: { clock: Clock; delayMs: number; signal: AbortSignal }): Promise<void> {
  const { clock, delayMs, signal } = params;
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.schedule(done, signal.aborted ? 0 : delayMs);
    signal.addEventListener('abort', done, { once: true });
  });
}
