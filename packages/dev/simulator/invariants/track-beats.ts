import type { HistoryEntry } from '../history.js';

/** Which replicas believe in a beat that a roll-back has taken from the store: their lease may end before they think. */
export function createBeatTracker() {
  const actorOf = new Map<number, string>();
  const takenBack = new Set<string>();
  return {
    /** Until its next beat is committed. */
    wasTakenBack: (actor: string): boolean => takenBack.has(actor),
    follow(entry: HistoryEntry): void {
      if (entry.what === 'commit' && (entry.method === 'beat' || entry.method === 'join')) {
        actorOf.set(entry.call, entry.actor);
        takenBack.delete(entry.actor);
      }
      if (entry.what !== 'rollback') return;
      for (const call of entry.calls) {
        const actor = actorOf.get(call);
        if (actor !== undefined) takenBack.add(actor);
      }
    },
  };
}
