import type { KnownObservation, Observation, StoredSession } from '../domain/session.js';
import type { StatusChange } from '../ports/session-store.js';

/** What has to happen to a row so that it says what is true. */
export type Decision =
  | { readonly kind: 'none'; readonly why: 'in_sync' | 'unknown' | 'logged_out_stays' | 'host_row_missing' }
  | { readonly kind: 'write'; readonly set: StatusChange }
  | { readonly kind: 'repair_mirror' };

/** Statuses that may follow `LOGGED_OUT`: only pairing or an observed open leave it. */
const LEAVES_LOGGED_OUT = new Set(['LOGGED_OUT', 'QR_CODE', 'CONNECTED']);

/**
 * Compares what was observed with what is stored. Pure and total: every pair has exactly one answer, and time does not
 * enter, because the store alone knows its time and stamps the row itself.
 */
export function decide(observed: Observation, stored: StoredSession): Decision {
  if (observed.kind === 'unknown') return { kind: 'none', why: 'unknown' };
  if (stored.status === 'LOGGED_OUT' && !LEAVES_LOGGED_OUT.has(observed.status)) {
    return beside(stored, 'logged_out_stays');
  }
  if (!saysTheSame(observed, stored)) return { kind: 'write', set: changeTo(observed, stored) };
  return beside(stored, 'in_sync');
}

/** Our row is right: what the host's row beside it needs. One that is not there shows nothing true to anybody. */
function beside({ mirror }: StoredSession, why: 'in_sync' | 'logged_out_stays'): Decision {
  if (mirror.state === 'differs') return { kind: 'repair_mirror' };
  return { kind: 'none', why: mirror.state === 'missing' ? 'host_row_missing' : why };
}

function saysTheSame(observed: KnownObservation, stored: StoredSession): boolean {
  return (
    stored.evidence === 'observed' &&
    stored.status === observed.status &&
    stored.health === observed.health &&
    (stored.reason?.code ?? null) === (observed.reason?.code ?? null) &&
    stored.reconnectAttempt === observed.reconnectAttempt &&
    stored.qr === qrOf(observed) &&
    (observed.phone === null || stored.phone === observed.phone)
  );
}

function changeTo(observed: KnownObservation, stored: StoredSession): StatusChange {
  return {
    status: observed.status,
    health: observed.health,
    reason: observed.reason,
    reconnectAttempt: observed.reconnectAttempt,
    phone: observed.phone ?? stored.phone,
    qr: qrOf(observed),
    seenAgoMs: stored.status === 'CONNECTED' && observed.status !== 'CONNECTED' ? seenAgoMs(observed, stored) : null,
  };
}

/**
 * Where an adapter counts no frames, a row that we vouched for was alive until now; otherwise the cleanup would date
 * its last proof of life too early.
 */
function seenAgoMs(observed: KnownObservation, stored: StoredSession): number | null {
  return observed.silentForMs ?? (stored.evidence === 'observed' ? 0 : null);
}

function qrOf(observed: KnownObservation): string | null {
  return observed.status === 'QR_CODE' ? observed.qr : null;
}
