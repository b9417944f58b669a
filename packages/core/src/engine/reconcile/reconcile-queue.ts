/**
 * Sessions that wait for a reconcile pass, in the order in which they were first named.
 *
 * Owns: the queue and the one batch under way. An event only names a session, so a thousand events before its turn are
 * one pass; one batch runs at a time, so two passes of this replica over one session never race.
 */
import type { SyncedSession } from '../../domain/report.js';
import type { Held } from '../owned-sessions/held-sessions.js';
import type { Trigger } from '../owned-sessions/publish-changes.js';

const BATCH = 1_000;

/** One session whose turn comes, and who waits for what was done. */
export interface Queued {
  readonly held: Held;
  trigger: Trigger;
  readonly waiters: ((result: SyncedSession) => void)[];
}

/** `play` must not reject. */
export function createReconcileQueue(play: (batch: readonly Queued[]) => Promise<void>) {
  const queue = new Map<string, Queued>();
  let running: Promise<void> | null = null;

  async function drain(): Promise<void> {
    // Lets the events of one moment arrive, so that they share a batch.
    await Promise.resolve();
    while (queue.size > 0) await play(takeBatch());
    // In the same turn as the last check of the queue: an entry added in between would wait for ever.
    running = null;
  }

  function takeBatch(): Queued[] {
    const batch: Queued[] = [];
    for (const [id, entry] of queue) {
      batch.push(entry);
      queue.delete(id);
      if (batch.length === BATCH) break;
    }
    return batch;
  }

  return {
    enqueue(held: Held, trigger: Trigger, waiter?: (result: SyncedSession) => void): void {
      const waiting = queue.get(held.id);
      const entry: Queued = waiting?.held === held ? waiting : { held, trigger, waiters: waiting?.waiters ?? [] };
      if (trigger === 'sync') entry.trigger = 'sync';
      if (waiter) entry.waiters.push(waiter);
      queue.set(held.id, entry);
      running ??= drain();
    },
    /** Settles when no pass is under way. */
    finished: async (): Promise<void> => {
      while (running) await running;
    },
  };
}
