import type { Desired, Evidence, Health, MirrorView, SessionStatus, StoredSession } from '@wa-sync/core';
import { effectiveOf } from '@wa-sync/core/adapter';
import type { SessionsMirrorSql } from './mirror-sql-types.js';

/**
 * A session as the statements answer it: a JSON array, so that neither a host's type parsers nor its time zone touch
 * what is read, and so that ten thousand rows do not repeat twenty names each.
 */
export type SessionTuple = [
  id: string,
  status: SessionStatus,
  evidence: Evidence,
  health: Health,
  desired: Desired,
  reasonCode: string | null,
  reasonDetail: string | null,
  reconnectAttempt: number,
  phone: string | null,
  qr: string | null,
  active: boolean,
  owner: string | null,
  tenure: string | null,
  version: number,
  writeId: string | null,
  statusChangedAt: string,
  lastSeenAt: string | null,
  createdAt: string,
  leaseOver: boolean,
  hasHostRow: boolean,
  word: string | null,
];

/** How the row's host row is described: the same expressions in every statement, from different places. */
export interface HostExpressions {
  readonly present: string;
  readonly word: string;
  readonly stopped: string;
}

/** Statuses of a login that is under way: a host may have words of its own for what it waits for. */
export const LOGGING_IN: readonly SessionStatus[] = ['CONNECTING', 'QR_CODE', 'RECONNECTING'];

/** Whether a word may stand in the host's row of a session with this status. */
export function mayStand(mirror: SessionsMirrorSql, status: SessionStatus, word: string | null): boolean {
  if (word === mirror.words[status]) return true;
  return word !== null && mirror.leftAlone.includes(word) && LOGGING_IN.includes(status);
}

/** Expressions over a joined host row `m`. */
export function hostExpressions(mirror: SessionsMirrorSql | null): HostExpressions {
  if (mirror === null) return { present: 'false', word: 'NULL', stopped: 'false' };
  return { present: mirror.present, word: mirror.word, stopped: mirror.stopped };
}

/** What the host wants, by our column and by its own `active`. */
export function desiredSql(row: string, host: HostExpressions): string {
  return host.stopped === 'false'
    ? `${row}.desired`
    : `CASE WHEN ${host.stopped} THEN 'stopped' ELSE ${row}.desired END`;
}

/** Whether the lease of the owner of `row`, joined as `lease`, is over. */
export function leaseOverSql(row: string, lease: string): string {
  return `(${row}.owner IS NOT NULL AND (${lease}.incarnation IS NULL OR ${lease}.fenced_at IS NOT NULL
    OR clock_timestamp() > ${lease}.beat_at + ${lease}.ttl_ms * interval '1 millisecond'))`;
}

/** Whether nobody vouches for what the owner of `row`, joined as `lease`, wrote: its lease is over, or it cannot write. */
export function unvouchedSql(row: string, lease: string): string {
  return `(${leaseOverSql(row, lease)} OR coalesce(${lease}.stuck, false))`;
}

/**
 * A condition of rows that are found by their ids, opaque to the planner: it is no way to a row, and nothing follows
 * from it for how many there are. Statistics are of before, as where an incarnation has just joined and holds
 * everything: the planner takes that for one row, and walks all of it again for each id.
 */
export function opaqueSql(condition: string): string {
  return `coalesce(${condition}, false)`;
}

/** Whether `owner` holds a row that is found by its id. */
export function heldBySql(row: string, owner: string): string {
  return opaqueSql(`${row}.owner = ${owner}`);
}

/** Builds a {@link SessionTuple} from a session row. */
export function tupleSql(row: string, leaseOver: string, host: HostExpressions): string {
  const columns = [
    'id',
    'status',
    'evidence',
    'health',
    null,
    'reason_code',
    'reason_detail',
    'reconnect_attempt',
    'phone',
    'qr',
    'active',
    'owner',
    'tenure',
    'version',
    'write_id',
    'status_changed_at',
    'last_seen_at',
    'created_at',
  ].map((column) => (column === null ? desiredSql(row, host) : `${row}.${column}`));
  return `json_build_array(${columns.join(', ')}, ${leaseOver}, ${host.present}, ${host.word})`;
}

/** A tuple as callers see it. */
export function readTuple(tuple: SessionTuple, mirror: SessionsMirrorSql | null): StoredSession {
  const [id, status, evidence, health, desired, reasonCode, reasonDetail, reconnectAttempt, phone, qr] = tuple;
  const [, , , , , , , , , , active, owner, tenure, version, writeId, changedAt, seenAt, createdAt] = tuple;
  const [leaseOver, hasHostRow, word] = tuple.slice(18) as [boolean, boolean, string | null];
  return {
    id,
    status,
    evidence,
    health,
    desired,
    reason:
      reasonCode === null
        ? null
        : reasonDetail === null
          ? { code: reasonCode }
          : { code: reasonCode, detail: reasonDetail },
    reconnectAttempt,
    phone,
    qr,
    active,
    owner,
    tenure,
    version,
    writeId,
    statusChangedAt: new Date(changedAt),
    lastSeenAt: seenAt === null ? null : new Date(seenAt),
    createdAt: new Date(createdAt),
    effective: effectiveOf({ status, evidence }, leaseOver),
    mirror: mirrorView(mirror, status, hasHostRow, word),
  };
}

function mirrorView(
  mirror: SessionsMirrorSql | null,
  status: SessionStatus,
  hasHostRow: boolean,
  word: string | null,
): MirrorView {
  if (mirror === null) return { state: 'none', word: null };
  if (!hasHostRow) return { state: 'missing', word: null };
  return { state: mayStand(mirror, status, word) ? 'in_sync' : 'differs', word };
}
