import type { Evidence, MirrorView, SessionStatus, StoredSession } from '../domain/session.js';
import type { LeaseBook } from './lease-book.js';
import type { SessionRow } from './session-table.js';

const NO_MIRROR: MirrorView = Object.freeze({ state: 'none', word: null });

function effectiveOf(row: SessionRow, leases: LeaseBook): { status: SessionStatus; evidence: Evidence } {
  if (row.owner === null || !leases.isOver(row.owner)) return { status: row.status, evidence: row.evidence };
  return { status: row.status === 'LOGGED_OUT' ? 'LOGGED_OUT' : 'DISCONNECTED', evidence: 'expired' };
}

/** A copy of a row as callers see it. */
export function readSession(row: SessionRow, leases: LeaseBook): StoredSession {
  const { statusChangedAtMs, lastSeenAtMs, createdAtMs, ...fields } = row;
  return {
    ...fields,
    statusChangedAt: new Date(statusChangedAtMs),
    lastSeenAt: lastSeenAtMs === null ? null : new Date(lastSeenAtMs),
    createdAt: new Date(createdAtMs),
    effective: effectiveOf(row, leases),
    mirror: NO_MIRROR,
  };
}
