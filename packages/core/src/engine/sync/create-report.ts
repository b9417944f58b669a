import type { SyncedSession, SyncReport, SyncTotals } from '../../domain/report.js';
import type { SessionStatus } from '../../domain/session.js';
import type { Clock } from '../../ports/clock.js';

/** A report names at most this many sessions, so that a sync of 100,000 stays small. */
const NAMED = 1_000;

/** Gathers results into a {@link SyncReport}. */
export function createReport(clock: Clock) {
  const startedAt = clock.now();
  const startedMs = clock.monotonicMs();
  const off: SyncedSession[] = [];
  const fine: SyncedSession[] = [];
  const totals = { checked: 0, inSync: 0, corrected: 0, unknown: 0, healed: 0, failed: 0 } satisfies Record<
    keyof SyncTotals,
    number
  >;

  return {
    /** A session whose row the store found right. */
    addInSync(id: string, status: SessionStatus): void {
      totals.checked += 1;
      totals.inSync += 1;
      if (fine.length >= NAMED) return;
      fine.push({ id, stored: status, actual: status, action: 'none', reason: 'in_sync', tookMs: 0 });
    },
    add(results: readonly SyncedSession[]): void {
      for (const result of results) {
        totals.checked += 1;
        totals[countedAs(result.action)] += 1;
        const list = result.action === 'none' ? fine : off;
        if (list.length < NAMED) list.push(result);
      }
    },
    finish(): SyncReport {
      const sessions = [...off, ...fine].slice(0, NAMED);
      return {
        startedAt,
        tookMs: clock.monotonicMs() - startedMs,
        totals,
        sessions,
        omitted: totals.checked - sessions.length,
      };
    },
  };
}

function countedAs(action: SyncedSession['action']): keyof Omit<SyncTotals, 'checked'> {
  switch (action) {
    case 'none':
      return 'inSync';
    case 'mirror_repaired':
    case 'corrected':
    case 'would_correct':
      return 'corrected';
    default:
      return action;
  }
}
