import { isWaSyncError, type SyncedSession, type SyncReport } from '@wa-sync/core';

/** Sessions of a scoped bulk call worked on at once. */
const AT_ONCE = 16;
/** A report names as many as core's own do. */
const NAMED = 1_000;

/**
 * A bulk sync narrowed to some sessions: one report of many. Ids without a row are left out; one failure stops no
 * other.
 */
export async function syncScope(
  ids: readonly string[],
  sync: (id: string) => Promise<SyncReport>,
  now: () => Date,
): Promise<SyncReport> {
  const startedAt = now();
  const waiting = ids.values();
  const reports: SyncReport[] = [];

  async function worker(): Promise<void> {
    for (const id of waiting) {
      try {
        reports.push(await sync(id));
      } catch (error) {
        if (!isWaSyncError(error) || error.code === 'not_running') throw error;
        if (error.code !== 'session_not_found') reports.push(failedReport(id, error.code));
      }
    }
  }

  await Promise.all(Array.from({ length: Math.min(AT_ONCE, ids.length) }, worker));
  return mergeReports(reports, startedAt, now());

  function failedReport(id: string, reason: string): SyncReport {
    const totals = { checked: 1, inSync: 0, corrected: 0, unknown: 0, healed: 0, failed: 1 };
    const session: SyncedSession = { id, stored: null, actual: null, action: 'failed', reason, tookMs: 0 };
    return { startedAt, tookMs: 0, totals, sessions: [session], omitted: 0 };
  }
}

function mergeReports(reports: readonly SyncReport[], startedAt: Date, endedAt: Date): SyncReport {
  const totals = { checked: 0, inSync: 0, corrected: 0, unknown: 0, healed: 0, failed: 0 };
  for (const report of reports) {
    for (const word of Object.keys(totals) as (keyof typeof totals)[]) totals[word] += report.totals[word];
  }
  const all = reports.flatMap((report) => report.sessions);
  const sessions = [
    ...all.filter(({ action }) => action !== 'none'),
    ...all.filter(({ action }) => action === 'none'),
  ].slice(0, NAMED);
  const tookMs = Math.max(0, endedAt.getTime() - startedAt.getTime());
  return { startedAt, tookMs, totals, sessions, omitted: totals.checked - sessions.length };
}
