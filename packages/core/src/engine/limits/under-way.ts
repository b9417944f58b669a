/**
 * Calls that were given up although their work goes on: a statement that nobody waits for still has its connection, or
 * its place in the queue of a pool. The error of such a call carries the work, so that whoever bounds calls can count
 * it until it has ended. The key is registered, because errors cross builds of this package.
 */
const UNDER_WAY = Symbol.for('@wa-sync/under-way');
/** A chain of causes is followed so far. */
const DEEPEST = 10;

/** Returns `error`, which says from now on that `work` is still under way. */
export function markUnderWay<Failure extends Error>(error: Failure, work: PromiseLike<unknown>): Failure {
  // One error may stand for several calls, such as the last one that a client emitted.
  Object.defineProperty(error, UNDER_WAY, { value: work, configurable: true });
  return error;
}

/** Resolves once nothing of a failed call is under way; `null` where nothing is. */
export function whenEnded(error: unknown): Promise<void> | null {
  const works: PromiseLike<unknown>[] = [];
  let link: unknown = error;
  for (let depth = 0; depth < DEEPEST && link instanceof Error; depth += 1) {
    const work = (link as Error & { [UNDER_WAY]?: PromiseLike<unknown> })[UNDER_WAY];
    if (work) works.push(work);
    link = link.cause;
  }
  if (works.length === 0) return null;
  // What fails late may itself have given up on something.
  const ended = works.map(async (work) => {
    try {
      await work;
    } catch (late) {
      await whenEnded(late);
    }
  });
  return Promise.all(ended).then(() => {});
}
