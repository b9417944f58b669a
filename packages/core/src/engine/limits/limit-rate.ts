import type { Clock } from '../../ports/clock.js';

/** Lets `perSecond` callers pass at once and as many again each second; the others wait for their turn, first come, first served. */
export function createTurns(clock: Clock, perSecond: number): () => Promise<void> {
  let left = perSecond;
  let countedAtMs = clock.monotonicMs();

  return async () => {
    const nowMs = clock.monotonicMs();
    left = Math.min(perSecond, left + ((nowMs - countedAtMs) / 1_000) * perSecond);
    countedAtMs = nowMs;
    left -= 1;
    // Below zero stand those who wait; each adds the time that its own turn takes.
    if (left < 0) await new Promise<void>((resolve) => void clock.schedule(resolve, (-left / perSecond) * 1_000));
  };
}
