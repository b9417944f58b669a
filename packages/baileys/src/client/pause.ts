import type { Clock } from '@wa-sync/core';

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
