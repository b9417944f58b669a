import type { Clock } from '@wa-sync/core';
import { HttpProblem } from '../reply/problems.js';

/** Callers remembered at once; the one not seen for longest is forgotten. */
const REMEMBERED = 10_000;

/** Takes one from the caller's allowance, or throws `rate_limited`. */
export type RateLimit = (caller: string) => void;

/** A token bucket for each caller: `perMinute` at once, filled again evenly. */
export function createRateLimit(limit: { perMinute: number } | false, clock: Clock): RateLimit {
  if (limit === false) return () => {};
  const { perMinute } = limit;
  const msPerRun = 60_000 / perMinute;
  const buckets = new Map<string, { left: number; atMs: number }>();

  return (caller) => {
    const nowMs = clock.monotonicMs();
    const before = buckets.get(caller) ?? { left: perMinute, atMs: nowMs };
    const left = Math.min(perMinute, before.left + (nowMs - before.atMs) / msPerRun);
    buckets.delete(caller);
    buckets.set(caller, { left: left < 1 ? left : left - 1, atMs: nowMs });
    if (buckets.size > REMEMBERED) buckets.delete(buckets.keys().next().value!);
    if (left >= 1) return;
    const seconds = Math.max(1, Math.ceil(((1 - left) * msPerRun) / 1_000));
    throw new HttpProblem('rate_limited', `At most ${perMinute} runs a minute; again in ${seconds} s`, {
      headers: { 'retry-after': String(seconds) },
    });
  };
}

const AGAIN_IN_S = 30;

export type StreamLimit = ReturnType<typeof createStreamLimit>;

/** Counts the streams of events that somebody reads now: all together, and those of each caller. */
export function createStreamLimit(limit: { readonly total: number; readonly perCaller: number }) {
  const byCaller = new Map<string, number>();
  let open = 0;

  function isFull(caller: string): string | null {
    if ((byCaller.get(caller) ?? 0) >= limit.perCaller) return `You have ${limit.perCaller} streams open already`;
    return open >= limit.total ? `${limit.total} streams are open already` : null;
  }

  return {
    /**
     * Before a stream is answered.
     *
     * @throws HttpProblem `rate_limited`
     */
    assertFree(caller: string): void {
      const full = isFull(caller);
      if (full === null) return;
      throw new HttpProblem('rate_limited', full, { headers: { 'retry-after': String(AGAIN_IN_S) } });
    },
    /** Takes a place; `false` where others took the last one since {@link assertFree}. */
    enter(caller: string): boolean {
      if (isFull(caller) !== null) return false;
      open += 1;
      byCaller.set(caller, (byCaller.get(caller) ?? 0) + 1);
      return true;
    },
    /** Frees the place that `enter` took. */
    leave(caller: string): void {
      open -= 1;
      const left = (byCaller.get(caller) ?? 0) - 1;
      if (left > 0) byCaller.set(caller, left);
      else byCaller.delete(caller);
    },
  };
}
