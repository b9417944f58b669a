import type { HistoryEntry } from '../history.js';
import type { Invariant } from './invariant.js';
import { createBeatTracker } from './own-leases.js';
import { lifeOf, livesOf } from './processes.js';

const BEGUN = new Set(['write', 'claim', 'beginSend', 'deactivate', 'markForPurge']);

/** Whose lease another ended begins nothing more under it, whichever of their clocks is the faster one. */
export const S21: Invariant = {
  name: 'S21',
  promise: 'no owner believes in a lease that another has ended, also where clocks differ by 5 %',
  check(history, bench) {
    const lives = livesOf(history);
    const endedAt = new Map<string, number>();
    const beats = createBeatTracker();
    for (const entry of history) {
      beats.follow(entry);
      // A fence that was lost ended nothing.
      if (entry.what === 'rollback') endedAt.clear();
      if (entry.what === 'commit' && entry.method === 'fence' && entry.result === true) {
        const { incarnation } = entry.params as { incarnation: string };
        const target = lifeOf(lives, incarnation);
        const twin = target?.replicaId === lives.get(entry.actor)?.replicaId;
        if (!target || twin || beats.wasTakenBack(target.name) || endedAt.has(incarnation) || target.endedMs < entry.t)
          continue;
        bench.tested();
        endedAt.set(incarnation, entry.t);
      }
      const owner = ownerOf(entry);
      const endedMs = owner === null ? undefined : endedAt.get(owner);
      const life = lives.get(entry.actor);
      if (endedMs === undefined || life?.suspendedIn(endedMs - 300_000, entry.t)) continue;
      // What a process that stood still had in its hands is judged by the store.
      if (life?.pausedIn(endedMs, entry.t + 1)) continue;
      bench.broken(entry.t, `${entry.actor} began a call ${entry.t - endedMs} ms after its lease was ended`);
    }
  },
};

/** Under whose lease a process begins something. */
function ownerOf(entry: HistoryEntry): string | null {
  if (entry.what !== 'call' || !BEGUN.has(entry.method)) return null;
  return (entry.params as { owner?: string }).owner ?? null;
}
