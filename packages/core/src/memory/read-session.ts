import type { Evidence, MirrorView, SessionStatus, StoredSession } from '../domain/session.js';
import type { LeaseBook } from './lease-book.js';
import type { SessionRow } from './session-table.js';

const NO_MIRROR: MirrorView = Object.freeze({ state: 'none', word: null });

function effectiveOf(row: SessionRow, leases: LeaseBook): { status: SessionStatus; evidence: Evidence } {
  if (row.owner === null || !leases.isOver(row.owner)) return { status: row.status, evidence: row.evidence };
  return { status: row.status === 'LOGGED_OUT' ? 'LOGGED_OUT' : 'DISCONNECTED', evidence: 'expired' };
}

/** A copy of a row as callers see it. Field by field: spreading a row took ten times as long. */
export function readSession(row: SessionRow, leases: LeaseBook): StoredSession {
  return {
    id: row.id,
    status: row.status,
    health: row.health,
    reason: row.reason,
    reconnectAttempt: row.reconnectAttempt,
    phone: row.phone,
    qr: row.qr,
    evidence: row.evidence,
    desired: row.desired,
    active: row.active,
    owner: row.owner,
    tenure: row.tenure,
    version: row.version,
    writeId: row.writeId,
    statusChangedAt: new Date(row.statusChangedAtMs),
    lastSeenAt: row.lastSeenAtMs === null ? null : new Date(row.lastSeenAtMs),
    createdAt: new Date(row.createdAtMs),
    effective: effectiveOf(row, leases),
    mirror: NO_MIRROR,
  };
}
