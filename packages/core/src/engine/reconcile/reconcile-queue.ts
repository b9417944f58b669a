/**
 * Sessions that wait for a reconcile pass, in the order in which they were first named.
 *
 * Owns: the sessions that wait. An event only names a session, so a thousand events before its turn are one pass; one
 * batch runs at a time, so two passes of this replica over one session never race. A batch that failed is followed by
 * smaller ones, because a row may take so long that the store is through with a few only, as with a trigger of the host.
 */
import type { SyncedSession } from '../../domain/report.js';
import { createBatcher } from '../limits/batch-calls.js';
import type { Held } from '../owned-sessions/held-sessions.js';
import type { Trigger } from '../owned-sessions/publish-changes.js';

const LARGEST = 1_000;
const SMALLEST = 10;

/** One session whose turn comes, and who waits for what was done. */
export interface Queued {
  held: Held;
  trigger: Trigger;
  readonly waiters: ((result: SyncedSession) => void)[];
}

/** `play` must not reject, and resolves to whether the store did what it was asked. */
export function createReconcileQueue(play: (batch: readonly Queued[]) => Promise<boolean>) {
  const queue = new Map<string, Queued>();
  let latest: Promise<void> = Promise.resolve();
  let size = LARGEST;
  const pass = createBatcher<Queued, void>({
    next: 'after',
    maxSize: () => size,
    async run(batch) {
      // What is named from here on is a pass of its own.
      for (const { held } of batch) queue.delete(held.id);
      // Not by how long it took: a store that is slow at every call would get as many calls as it has rows.
      const went = await play(batch);
      size = went ? Math.min(LARGEST, size * 2) : Math.max(SMALLEST, Math.floor(Math.min(size, batch.length) / 4));
      return [];
    },
  });

  return {
    enqueue(held: Held, trigger: Trigger, ...waiters: Queued['waiters']): void {
      const waiting = queue.get(held.id);
      const entry: Queued = waiting ?? { held, trigger, waiters: [] };
      if (entry.held !== held || trigger === 'sync') entry.trigger = trigger;
      entry.held = held;
      entry.waiters.push(...waiters);
      if (waiting) return;
      queue.set(held.id, entry);
      latest = pass(entry);
    },
    /** Settles when no pass is under way. They end in the order in which they came. */
    async finished(): Promise<void> {
      for (let seen: unknown = null; seen !== latest; await seen) seen = latest;
    },
  };
}
