/** What each process may believe of its own lease, read from the renewals that it was answered. */
import type { HistoryEntry, WorldSettings } from '../history.js';
import type { ProcessLife } from './processes.js';

/** The part of its lease that an owner uses. */
const TRUSTED = 0.9;

export function createOwnLeases(
  { storeLimitMs, ttlMs }: Pick<WorldSettings, 'storeLimitMs' | 'ttlMs'>,
  lives: ReadonlyMap<string, ProcessLife>,
) {
  const sentAt = new Map<number, number>();
  const alive = new Map<number, boolean>();
  const renewedAt = new Map<string, number>();
  const rateOf = (actor: string): number => lives.get(actor)?.clockRate ?? 1;
  return {
    /** When the process began its last renewal that was answered in time. */
    renewedAt: (actor: string) => renewedAt.get(actor),
    /** Whether its lease is over by its own account; a clock that stood still with its machine knows of nothing. */
    isOver(actor: string, t: number): boolean {
      const fromMs = renewedAt.get(actor);
      if (fromMs === undefined || lives.get(actor)?.suspendedIn(fromMs, t)) return false;
      return (t - fromMs) * rateOf(actor) >= TRUSTED * ttlMs;
    },
    follow(entry: HistoryEntry): void {
      if (entry.what === 'call' && (entry.method === 'beat' || entry.method === 'join'))
        sentAt.set(entry.call, entry.t);
      if (entry.what === 'commit' && sentAt.has(entry.call))
        alive.set(entry.call, (entry.result as { alive?: boolean })?.alive === true);
      if (entry.what === 'answer' && entry.ok && alive.get(entry.call)) {
        const beganMs = sentAt.get(entry.call)!;
        // A process that stood still takes up the answer or its own time limit first.
        const tookMs = (entry.t - beganMs) * rateOf(entry.actor);
        const inTime = tookMs < storeLimitMs || lives.get(entry.actor)?.pausedIn(beganMs, entry.t + 1);
        if (inTime) renewedAt.set(entry.actor, Math.max(renewedAt.get(entry.actor) ?? 0, beganMs));
      }
    },
  };
}

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
