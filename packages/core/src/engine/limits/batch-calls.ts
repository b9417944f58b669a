/**
 * Collects the calls of one turn, so that they share one statement.
 *
 * Owns: the calls that wait for a batch, in the order in which they came. Each call settles with its own result; a
 * batch that fails fails the calls in it and no others.
 */

interface Call<Item, Result> {
  readonly item: Item;
  resolve(result: Result | Promise<Result>): void;
  reject(error: unknown): void;
}

/** How calls are collected. */
export interface BatchOptions<Item, Result> {
  /**
   * Carries out a batch: one result for each item, in their order, or the promise of one that takes longer than the
   * others; none where a call has no result.
   */
  run(items: readonly Item[]): Promise<readonly (Result | Promise<Result>)[]>;
  /** When the next batch may begin: after the one before has ended, while which calls gather; or beside it. */
  next: 'after' | 'beside';
  /** Calls in a batch; read anew for each. @defaultValue all that wait */
  maxSize?: () => number;
  /**
   * Called for each batch: returns what says of one item after the other whether it fits in. The first one must, or
   * the queue would never end. What does not fit keeps its place.
   */
  chooser?: () => (item: Item) => boolean;
}

/** Returns the function that puts an item into the next batch. */
export function createBatcher<Item, Result>(options: BatchOptions<Item, Result>): (item: Item) => Promise<Result> {
  const { run, next, maxSize = () => Number.POSITIVE_INFINITY, chooser } = options;
  let waiting: Call<Item, Result>[] = [];
  let working = false;

  function takeBatch(): Call<Item, Result>[] {
    if (!chooser) return waiting.splice(0, maxSize());
    const [fits, most] = [chooser(), maxSize()];
    const batch: Call<Item, Result>[] = [];
    const rest: Call<Item, Result>[] = [];
    for (const call of waiting) (batch.length < most && fits(call.item) ? batch : rest).push(call);
    waiting = rest;
    return batch;
  }

  async function settle(batch: readonly Call<Item, Result>[]): Promise<void> {
    try {
      const results = await run(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result | Promise<Result>);
      const slow = results.filter((result) => result instanceof Promise);
      if (slow.length > 0) await Promise.allSettled(slow);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  async function work(): Promise<void> {
    working = true;
    // Lets the calls of this turn arrive.
    await Promise.resolve();
    while (waiting.length > 0) {
      const settled = settle(takeBatch());
      if (next === 'after') await settled;
    }
    // In the same turn as the last read of the queue: a call that came in between would wait for ever.
    working = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!working) void work();
    });
}
