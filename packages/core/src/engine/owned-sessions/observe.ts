import { logText } from '../../domain/safe-text.js';
import {
  type KnownObservation,
  type Observation,
  type Reason,
  SESSION_STATUSES,
  type StoredSession,
} from '../../domain/session.js';
import { containCall } from '../../logging/contain-call.js';
import type { WhatsAppConnection } from '../../ports/connection.js';
import type { Held } from './held-sessions.js';

/**
 * What is true of a held session now, without I/O: the connection's own word, corrected by the verdict of its probes.
 */
export function observe(held: Held): Observation {
  const seen = readSnapshot(held.connection);
  if (seen.kind === 'unknown') return seen;
  if (seen.status === 'CONNECTING') return asRepair(seen, held.stored);
  if (seen.status !== 'CONNECTED' || held.deadSinceMs === null) return seen;
  return { ...seen, status: 'RECONNECTING', reason: { code: 'silent', detail: 'No answer to a probe' } };
}

/** The host's next socket knows nothing of the one before; the row does: what was connected is being repaired. */
function asRepair(seen: KnownObservation, stored: StoredSession | null): KnownObservation {
  if (stored?.status !== 'RECONNECTING' && stored?.status !== 'CONNECTED') return seen;
  return { ...seen, status: 'RECONNECTING', reason: seen.reason ?? stored.reason };
}

/** The state that most connections share; the sweep asks the store only for rows that differ from it. */
export function stateKey(state: Pick<StoredSession, 'status' | 'health' | 'reason'>): string {
  return `${state.status}|${state.health}|${state.reason?.code ?? ''}`;
}

const STATUSES = new Set<unknown>(SESSION_STATUSES);
const MOST_ATTEMPTS = 2 ** 31 - 1;

/**
 * What a connection says of itself, checked: an adapter's mistake must not reach a row, where it would stop the writes
 * of every other session in its batch. A snapshot that throws or makes no sense is unknown, never dead.
 */
export function readSnapshot(connection: Pick<WhatsAppConnection, 'snapshot'>): Observation {
  let failed = false;
  const seen = containCall(
    () => connection.snapshot(),
    () => {
      failed = true;
    },
  );
  if (failed) return { kind: 'unknown', why: 'snapshot_failed' };
  if (seen === undefined || !makesSense(seen)) return { kind: 'unknown', why: 'snapshot_invalid' };
  if (seen.kind === 'unknown') return seen;
  const { reason, restartRequested } = seen;
  return {
    ...seen,
    reason: inPlainText(reason),
    ...(restartRequested && { restartRequested: inPlainText(restartRequested) }),
  };
}

/** Whether an observation is one of a connection that failed to make sense. */
export function isBadSnapshot(seen: Observation): boolean {
  return seen.kind === 'unknown' && (seen.why === 'snapshot_failed' || seen.why === 'snapshot_invalid');
}

function makesSense(seen: Observation): boolean {
  if (seen?.kind === 'unknown') return typeof seen.why === 'string';
  return (
    seen?.kind === 'known' &&
    STATUSES.has(seen.status) &&
    (seen.health === 'healthy' || seen.health === 'degraded') &&
    isReasonOrNull(seen.reason) &&
    isReasonOrNull(seen.restartRequested ?? null) &&
    Number.isInteger(seen.reconnectAttempt) &&
    seen.reconnectAttempt >= 0 &&
    seen.reconnectAttempt <= MOST_ATTEMPTS &&
    isTextOrNull(seen.phone) &&
    isTextOrNull(seen.qr) &&
    (seen.silentForMs === null || (Number.isFinite(seen.silentForMs) && seen.silentForMs >= 0))
  );
}

function isReasonOrNull(reason: Reason | null): boolean {
  if (reason === null) return true;
  if (typeof reason !== 'object' || typeof reason.code !== 'string' || reason.code === '') return false;
  return reason.detail === undefined || typeof reason.detail === 'string';
}

/**
 * Texts of an adapter may come from a server or from the host's code: rows, events, answers and logs get them in one
 * line, with numbers masked.
 */
function inPlainText<R extends Reason | null>(reason: R): R {
  if (reason === null) return reason;
  const { code, detail } = reason;
  // Nearly every text is plain already, and this runs at each tick: then it returns the same object.
  if (logText(code) === code && (detail === undefined || logText(detail) === detail)) return reason;
  return { code: logText(code), ...(detail === undefined ? {} : { detail: logText(detail) }) } as R;
}

function isTextOrNull(text: string | null): boolean {
  return text === null || typeof text === 'string';
}
