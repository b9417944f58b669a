/**
 * Rows that somebody else had locked when they were to be written.
 *
 * Owns: the sessions that wait for their next turn because of a lock. A lock mostly ends within milliseconds (another
 * statement of ours, a short transaction of the host), so a row is tried again soon, and the less often the longer its
 * write has been owed. A job that locks the same rows in batches pauses for a tenth of what a batch took: a twentieth
 * of the time that a write is owed falls into the first such pause.
 */
import type { Clock } from '../../ports/clock.js';
import type { Queued } from './reconcile-queue.js';

const SHORTEST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 500;
const PART_OF_WAIT = 1 / 20;
/** Who asked for a session hears of a lock that lasts for longer. */
const ASKED_WAITS_MS = 1_000;

export function createLockRetry(deps: {
  clock: Pick<Clock, 'schedule'>;
  enqueue(entry: Queued): void;
  /** Reports to who asked that the row is still locked; it is tried again all the same. */
  onLasting(entry: Queued): void;
}) {
  const waiting = new Map<string, { readonly entry: Queued; cancel(): void }>();
  let stopped = false;

  function retry(id: string): void {
    const next = waiting.get(id);
    if (next === undefined) return;
    next.cancel();
    waiting.delete(id);
    deps.enqueue(next.entry);
  }

  return {
    /** Takes a locked row whose write, or claim, has been owed for so long. */
    add(locked: Queued, owedMs: number): null {
      const { id } = locked.held;
      const before = waiting.get(id);
      before?.cancel();
      const isLasting = owedMs >= ASKED_WAITS_MS;
      if (isLasting) deps.onLasting(locked);
      // One that an event, a sync or a tick had tried meanwhile still has its turn to come: those are one.
      const waiters = [...(before?.entry.waiters ?? []), ...(isLasting ? [] : locked.waiters)];
      const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, owedMs * PART_OF_WAIT));
      waiting.set(id, { entry: { ...locked, waiters }, cancel: deps.clock.schedule(() => retry(id), pauseMs) });
      if (stopped) retry(id);
      return null;
    },
    /** From now on nothing waits: a replica that stops writes no more, and reports that to who asked. */
    stop(): void {
      stopped = true;
      for (const id of [...waiting.keys()]) retry(id);
    },
  };
}
