import type { Clock } from '@wa-sync/core';
import { HttpProblem } from './problems.js';

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
