import { WaSyncError } from '../../domain/errors.js';
import type { Clock } from '../../ports/clock.js';

/** Lets at most `limit` holders pass; each gives its place back by the function it got. First come, first served. */
export function createSlots(limit: number): () => Promise<() => void> {
  let free = limit;
  const waiting: (() => void)[] = [];

  function freePlace(): void {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  }

  return async () => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    let held = true;
    return () => {
      if (held) freePlace();
      held = false;
    };
  };
}

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

/** Runs `work` and returns its result, or `null` once `limitMs` have passed. A late failure is dropped on purpose. */
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

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1_000;

/** How many entries a page may have, as a caller asked for it. */
export function pageLimit(limit: number = DEFAULT_PAGE): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= LARGEST_PAGE) return limit;
  throw new WaSyncError('config_invalid', `limit takes a whole number from 1 to ${LARGEST_PAGE}`);
}
