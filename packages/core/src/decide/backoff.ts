/**
 * How long to wait before attempt number `attempt` (0 is the first): the ceiling doubles from `baseMs` up to `maxMs`, and the
 * wait is spread over its upper half, so that many sessions never come back at one moment and none comes back at once.
 * Source: "equal jitter", M. Brooker, Exponential Backoff And Jitter (AWS Architecture Blog, 2015).
 *
 * @param params.random - a number in [0, 1)
 * @returns milliseconds
 */
export function nextBackoffMs(params: { attempt: number; random: number; baseMs: number; maxMs: number }): number {
  const { attempt, random, baseMs, maxMs } = params;
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 52));
  return ceiling / 2 + random * (ceiling / 2);
}
