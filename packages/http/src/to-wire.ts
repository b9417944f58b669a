import { maskNumbers, type StoredSession, type SyncReport } from '@wa-sync/core';
import type * as z from 'zod';
import type { sessionAnswer, syncReport } from './wire-schemas.js';

export function reportToWire(report: SyncReport): z.infer<typeof syncReport> {
  return {
    startedAt: report.startedAt.toISOString(),
    tookMs: report.tookMs,
    totals: { ...report.totals },
    sessions: report.sessions.map((session) => ({ ...session })),
    omitted: report.omitted,
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
    reason: reason && {
      code: reason.code,
      ...(reason.detail === undefined ? {} : { detail: maskNumbers(reason.detail) }),
    },
    desired,
    active,
    phone: row.phone === null ? null : maskNumbers(row.phone),
    reconnectAttempt,
    owner,
    mirror: { ...row.mirror },
    statusChangedAt: row.statusChangedAt.toISOString(),
    lastSeenAt: row.lastSeenAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
  };
}

/** One line for people: `Checked 3 sessions: 2 in sync, 1 corrected`. */
export function describeReport({ totals }: SyncReport): string {
  const parts = [`${totals.inSync} in sync`];
  for (const word of ['corrected', 'healed', 'unknown', 'failed'] as const) {
    if (totals[word] > 0) parts.push(`${totals[word]} ${word}`);
  }
  return `Checked ${totals.checked} session${totals.checked === 1 ? '' : 's'}: ${parts.join(', ')}`;
}
