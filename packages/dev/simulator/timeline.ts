/** Virtual time of one world: a heap of what is to happen, and a pump that runs it one step at a time. */
export interface Timeline {
  nowMs(): number;
  /**
   * Runs `run` at an instant (now, where that is over); returns the way to cancel. Equal instants run in the order
   * they were asked for.
   */
  at(dueMs: number, run: () => void): () => void;
  after(delayMs: number, run: () => void): () => void;
  /**
   * Moves time to `untilMs`. Every promise callback that a step set off has run before the next step.
   */
  run(untilMs: number): Promise<void>;
  /** Jumps over time in which nothing may happen: what is due in between runs late, at once. */
  skip(ms: number): void;
  readonly steps: number;
  readonly pending: number;
}

interface Entry {
  readonly dueMs: number;
  readonly order: number;
  run: (() => void) | null;
}

// One turn of the event loop runs many immediates, and Node empties the queue of promise callbacks after each of them.
// A turn a step was measured to take three times as long.
const STEPS_PER_TURN = 128;

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/** An empty timeline that starts at 0. */
export function createTimeline(): Timeline {
  const heap: Entry[] = [];
  let now = 0;
  let order = 0;
  let steps = 0;

  function push(entry: Entry): void {
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  function pop(): void {
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }

  function at(dueMs: number, run: () => void): () => void {
    const entry: Entry = { dueMs: Number.isNaN(dueMs) ? now : Math.max(dueMs, now), order: order++, run };
    push(entry);
    return () => {
      entry.run = null;
    };
  }

  /** Runs the next thing that is due; returns false when there is none before `untilMs`. */
  function step(untilMs: number): boolean {
    while (heap.length > 0) {
      const next = heap[0]!;
      if (next.run !== null && next.dueMs > untilMs) break;
      pop();
      if (next.run === null) continue;
      now = Math.max(now, next.dueMs);
      steps += 1;
      next.run();
      return true;
    }
    return false;
  }

  return {
    nowMs: () => now,
    at,
    after: (delayMs, run) => at(now + (Number.isNaN(delayMs) ? 0 : Math.max(0, delayMs)), run),
    run: (untilMs) =>
      new Promise((resolve, reject) => {
        let over = false;
        const once = (): void => {
          if (over) return;
          try {
            if (step(untilMs)) return;
          } catch (error) {
            over = true;
            reject(error);
            return;
          }
          over = true;
          now = Math.max(now, untilMs);
          resolve();
        };
        const turn = (): void => {
          if (over) return;
          for (let count = 0; count < STEPS_PER_TURN; count += 1) setImmediate(once);
          setImmediate(turn);
        };
        setImmediate(turn);
      }),
    skip(ms) {
      now += ms;
    },
    get steps() {
      return steps;
    },
    get pending() {
      return heap.length;
    },
  };
}
