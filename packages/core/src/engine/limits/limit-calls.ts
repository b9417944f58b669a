import { WaSyncError } from '../../domain/errors.js';
import type { Clock } from '../../ports/clock.js';

/** Lets at most `limit` holders pass; each frees its place by the function it got. First come, first served. */
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

/**
 * Lets `perSecond` callers pass at once and as many again each second; the others wait for their turn, first come,
 * first served.
 */
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

/**
 * Runs `work` and returns its result. Once `timeoutMs` have passed, or `until` calls what it got, `late` says what
 * stands in its place: its result, or what it throws; without it `null`. What `work` comes to later is dropped on
 * purpose.
 *
 * @param options.until - subscribes to an earlier end of the waiting, and returns how to unsubscribe
 */
export async function withTimeout<Result, Late = null>(
  clock: Clock,
  timeoutMs: number,
  work: () => PromiseLike<Result> | Result,
  options: { late?: (why: 'timeout' | 'ended') => Late; until?: (end: () => void) => () => void } = {},
): Promise<Result | Late> {
  const { late = () => null as Late, until } = options;
  let release = (): void => {};
  const limit = new Promise<'timeout' | 'ended'>((resolve) => {
    const cancel = clock.schedule(() => resolve('timeout'), timeoutMs);
    const unsubscribe = until?.(() => resolve('ended'));
    release = () => {
      cancel();
      unsubscribe?.();
    };
  });
  const running = (async () => ({ result: await work() }))();
  running.catch(() => {});
  try {
    const first = await Promise.race([running, limit]);
    return typeof first === 'string' ? late(first) : first.result;
  } finally {
    release();
  }
}

/** The `until` of {@link withTimeout} that ends the waiting when one of them aborts. */
export function untilAborted(...signals: readonly AbortSignal[]): (end: () => void) => () => void {
  return (end) => {
    for (const signal of signals) signal.addEventListener('abort', end, { once: true });
    if (signals.some(({ aborted }) => aborted)) end();
    return () => {
      for (const signal of signals) signal.removeEventListener('abort', end);
    };
  };
}

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1_000;

/** How many entries a page may have, as a caller asked for it. */
export function pageLimit(limit: number = DEFAULT_PAGE): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= LARGEST_PAGE) return limit;
  throw new WaSyncError('config_invalid', `limit takes a whole number from 1 to ${LARGEST_PAGE}`);
}
