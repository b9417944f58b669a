import type { Evidence, Reason, SessionState } from '../domain/session.js';
import type { GuardedWrite, NewSession, StatusChange } from '../ports/session-store.js';
import type { SessionRow } from './session-table.js';

function copyReason(reason: Reason | null): Reason | null {
  if (reason === null) return null;
  const { code, detail } = reason;
  return Object.freeze(detail === undefined ? { code } : { code, detail });
}

/** The row of a session that nobody has held. */
export function newRow({ id, desired, phone, status, lastSeenAt }: NewSession, nowMs: number): SessionRow {
  return {
    id,
    status: status ?? 'DISCONNECTED',
    health: 'healthy',
    reason: null,
    reconnectAttempt: 0,
    phone: phone ?? null,
    qr: null,
    evidence: 'unobserved',
    desired,
    active: true,
    owner: null,
    tenure: null,
    version: 1,
    writeId: null,
    statusChangedAtMs: nowMs,
    lastSeenAtMs: lastSeenAt ? Math.min(lastSeenAt.getTime(), nowMs) : null,
    createdAtMs: nowMs,
    settledAtMs: nowMs,
  };
}

/** The row of a session that nobody has held, at the end of its adoption grace. */
export function unheldRow(row: SessionRow, nowMs: number): SessionRow {
  const reason = copyReason({ code: 'not_held' });
  const state = { status: 'DISCONNECTED', health: 'healthy', reason, reconnectAttempt: 0, qr: null } as const;
  return { ...row, ...state, version: row.version + 1, statusChangedAtMs: nowMs, settledAtMs: nowMs };
}

function stateOf(change: StatusChange): SessionState {
  const { status, health, reason, reconnectAttempt, phone, qr } = change;
  return { status, health, reason: copyReason(reason), reconnectAttempt, phone, qr: status === 'QR_CODE' ? qr : null };
}

/** The row after a write whose guard held. */
export function writtenRow(row: SessionRow, { set, writeId }: GuardedWrite, nowMs: number): SessionRow {
  const marked = { ...row, version: row.version + 1, writeId };
  if (set === null) return marked;
  return {
    ...marked,
    ...stateOf(set),
    evidence: 'observed',
    statusChangedAtMs: set.status === row.status ? row.statusChangedAtMs : nowMs,
    settledAtMs: set.status === row.status && set.health === row.health ? row.settledAtMs : nowMs,
    lastSeenAtMs: set.seenAgoMs === null ? row.lastSeenAtMs : nowMs - set.seenAgoMs,
  };
}

/** The row after its owner released it or was declared gone. `seenAtMs` counts only where the row was `CONNECTED`. */
export function endRow(
  row: SessionRow,
  end: { reason: Reason; evidence: Evidence; seenAtMs: number; nowMs: number },
): SessionRow {
  const { status } = row;
  // Why a login ended says more than who held it last.
  const stays = status === 'LOGGED_OUT';
  return {
    ...row,
    owner: null,
    tenure: null,
    version: row.version + 1,
    evidence: end.evidence,
    status: stays ? status : 'DISCONNECTED',
    health: stays ? row.health : 'healthy',
    reason: stays ? row.reason : copyReason(end.reason),
    reconnectAttempt: stays ? row.reconnectAttempt : 0,
    qr: null,
    settledAtMs: end.nowMs,
    statusChangedAtMs: stays || status === 'DISCONNECTED' ? row.statusChangedAtMs : end.nowMs,
    // What an import said of it is no proof of life.
    lastSeenAtMs: status === 'CONNECTED' && row.evidence === 'observed' ? end.seenAtMs : row.lastSeenAtMs,
  };
}
