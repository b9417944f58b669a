import type { Clock } from '../../ports/clock.js';

/** Runs `work` and answers its result, or `null` once `limitMs` have passed. A late failure is dropped on purpose. */
export async function waitAtMost<T>(clock: Clock, limitMs: number, work: () => Promise<T>): Promise<T | null> {
  let cancel = (): void => {};
  const limit = new Promise<null>((resolve) => {
    cancel = clock.schedule(() => resolve(null), limitMs);
  });
  const running = (async () => work())();
  running.catch(() => {});
  try {
    return await Promise.race([running, limit]);
  } finally {
    cancel();
  }
}
