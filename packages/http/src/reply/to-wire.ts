import type {
  CleanupReport,
  InactivityReport,
  JobRun,
  Reason,
  StoredSession,
  SyncReport,
  Transition,
} from '@wa-sync/core';
import { logText } from '@wa-sync/core/adapter';
import type * as z from 'zod/mini';
import type {
  cleanupReport,
  historyAnswer,
  inactivityReport,
  jobRun,
  sessionAnswer,
  syncReport,
} from './wire-schemas.js';

export function reportToWire(report: SyncReport): z.infer<typeof syncReport> {
  return {
    startedAt: report.startedAt.toISOString(),
    tookMs: report.tookMs,
    totals: { ...report.totals },
    sessions: report.sessions.map(({ foreignWord, reason, ...session }) => ({
      ...session,
      ...(foreignWord === undefined ? {} : { foreignWord: logText(foreignWord) }),
      reason: logText(reason),
    })),
    omitted: report.omitted,
    ...(report.failedJobs ? { failedJobs: report.failedJobs.map((one) => ({ ...one })) } : {}),
  };
}

/** Tenure and write id stay inside (they are what a write is guarded by), and so does the pairing code. */
export function sessionToWire(row: StoredSession): z.infer<typeof sessionAnswer> {
  const { id, health, desired, active, reconnectAttempt, owner, reason } = row;
  return {
    id,
    stored: { status: row.status, evidence: row.evidence },
    effective: { ...row.effective },
    health,
    reason: reasonToWire(reason),
    desired,
    active,
    phone: row.phone === null ? null : logText(row.phone),
    reconnectAttempt,
    owner,
    mirror: { ...row.mirror, word: row.mirror.word && logText(row.mirror.word) },
    statusChangedAt: row.statusChangedAt.toISOString(),
    lastSeenAt: row.lastSeenAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
  };
}

export function transitionToWire(transition: Transition): z.infer<typeof historyAnswer>['transitions'][number] {
  const { sessionId: _, at, reason, ...rest } = transition;
  return { ...rest, at: at.toISOString(), reason: reasonToWire(reason) };
}

function reasonToWire(reason: Reason | null): z.infer<typeof sessionAnswer>['reason'] {
  if (reason === null) return null;
  // A code is an adapter's own word, and so may have a number in it.
  const code = logText(reason.code);
  return reason.detail === undefined ? { code } : { code, detail: logText(reason.detail) };
}

export function cleanupToWire(report: CleanupReport): z.infer<typeof cleanupReport> {
  return {
    startedAt: report.startedAt.toISOString(),
    tookMs: report.tookMs,
    dryRun: report.dryRun,
    postponed: report.postponed,
    totals: { ...report.totals },
    sessions: report.sessions.map(({ aliveAt, ...session }) => ({ ...session, aliveAt: aliveAt.toISOString() })),
  };
}

export function inactivityToWire(report: InactivityReport): z.infer<typeof inactivityReport> {
  return {
    startedAt: report.startedAt.toISOString(),
    tookMs: report.tookMs,
    dryRun: report.dryRun,
    postponed: report.postponed,
    open: report.open,
    totals: { ...report.totals },
    conversations: report.conversations.map(({ reason, ...conversation }) => ({
      ...conversation,
      reason: logText(reason),
    })),
  };
}

export function jobRunToWire(run: JobRun): z.infer<typeof jobRun> {
  return {
    kind: 'job',
    id: run.id,
    job: run.job,
    slot: run.slot?.toISOString() ?? null,
    owner: run.owner,
    outcome: run.outcome,
    startedAt: run.startedAt.toISOString(),
    endedAt: run.endedAt?.toISOString() ?? null,
    counts: { ...run.counts },
    error: run.error === null ? null : logText(run.error),
  };
}
