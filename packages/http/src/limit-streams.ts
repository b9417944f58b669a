import { HttpProblem } from './problems.js';

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
