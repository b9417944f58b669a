import { type Clock, WaSyncError } from '@wa-sync/core';

/**
 * Waits for `work`, but no longer than `timeoutMs`.
 *
 * @throws WaSyncError `store_timeout` when time is up; the late outcome of `work` is dropped
 */
export async function awaitAtMost<T>(params: {
  clock: Clock;
  timeoutMs: number;
  what: string;
  work(): Promise<T> | T;
}): Promise<T> {
  const { clock, timeoutMs, what, work } = params;
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    cancel = clock.schedule(
      () => reject(new WaSyncError('store_timeout', `${what} took longer than ${timeoutMs} ms`, { retryable: true })),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([(async () => work())(), late]);
  } finally {
    cancel();
  }
}
