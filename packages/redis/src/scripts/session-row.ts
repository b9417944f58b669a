import type { Desired, Evidence, Health, Heartbeat, SessionStatus, StoredSession } from '@wa-sync/core';
import { maskNumbers, WaSyncError } from '@wa-sync/core';
import { effectiveOf } from '@wa-sync/core/adapter';

/**
 * A row as the scripts keep it; the places are those of `script-parts.ts`. Instants are milliseconds since the epoch.
 */
export type SessionTuple = [
  status: SessionStatus,
  health: Health,
  evidence: Evidence,
  desired: Desired,
  reasonCode: string | null,
  owner: string | null,
  idHash: number,
  version: number,
  tenure: string | null,
  active: boolean,
  writeId: string | null,
  statusChangedAt: number,
  lastSeenAt: number | null,
  createdAt: number,
  settledAt: number,
  reconnectAttempt: number,
  phone: string | null,
  qr: string | null,
  reasonDetail: string | null,
];

type HeartbeatTuple = [
  replicaId: string,
  number: number,
  joined: number,
  beatAt: number,
  ttlMs: number,
  fenced: boolean,
  massOutage: boolean,
  stuck: boolean,
];

/** Rows as a script returns them, and the leases that they are read with. */
export interface RowAnswer {
  readonly texts: readonly string[];
  readonly nowMs: number;
  readonly leases: ReadonlyMap<string, Heartbeat>;
}

/** The answer of `answerRows` in a script. */
export function readRowAnswer(answer: unknown, nowMs: number): RowAnswer {
  const [texts, heartbeats] = listOf(answer);
  return { texts: listOf(texts).map(String), nowMs, leases: readHeartbeats(heartbeats) };
}

/**
 * A row as callers see it.
 *
 * @throws WaSyncError `store_failed` where the row is damaged
 */
export function readSession(id: string, text: string, { nowMs, leases }: RowAnswer): StoredSession {
  const [status, health, evidence, desired, code, owner, , version, tenure, active, writeId, ...rest] = parseRow(
    id,
    text,
  );
  const [changedAt, seenAt, createdAt, , reconnectAttempt, phone, qr, detail] = rest;
  const lease = owner === null ? undefined : leases.get(owner);
  const unvouched = owner !== null && !vouches(lease, nowMs);
  return {
    id,
    status,
    evidence,
    health,
    desired,
    reason: code === null ? null : detail === null ? { code } : { code, detail },
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
    effective: effectiveOf({ status, evidence }, unvouched),
    mirror: { state: 'none', word: null },
  };
}

/**
 * Sessions of an answer whose texts are pairs of id and row. A damaged row is reported and left out: it must not hold
 * up the others.
 */
export function readPairs(answer: RowAnswer, report: (error: unknown) => void): StoredSession[] {
  const { texts } = answer;
  const sessions: StoredSession[] = [];
  for (let at = 0; at < texts.length; at += 2) {
    try {
      sessions.push(readSession(texts[at]!, texts[at + 1]!, answer));
    } catch (error) {
      report(error);
    }
  }
  return sessions;
}

/** Heartbeats by incarnation, from a flat list of incarnation and tuple. */
export function readHeartbeats(flat: unknown): Map<string, Heartbeat> {
  const texts = listOf(flat).map(String);
  const heartbeats = new Map<string, Heartbeat>();
  for (let at = 0; at < texts.length; at += 2) {
    const tuple = JSON.parse(texts[at + 1]!) as HeartbeatTuple;
    const [replicaId, number, joined, beatAt, ttlMs, fenced, massOutage, stuck] = tuple;
    const incarnation = texts[at]!;
    const said = { ttlMs, fenced, massOutage, stuck };
    heartbeats.set(incarnation, { incarnation, replicaId, number, joined, beatAt: new Date(beatAt), ...said });
  }
  return heartbeats;
}

function vouches(lease: Heartbeat | undefined, nowMs: number): boolean {
  return lease !== undefined && !lease.fenced && !lease.stuck && nowMs - lease.beatAt.getTime() <= lease.ttlMs;
}

const ROW_LENGTH = 19;

function parseRow(id: string, text: string): SessionTuple {
  try {
    const row = JSON.parse(text) as SessionTuple;
    if (Array.isArray(row) && row.length === ROW_LENGTH && typeof row[7] === 'number') return row;
  } catch {
    // The text itself may be a credential that was put in the wrong place.
  }
  throw new WaSyncError(
    'store_failed',
    `The row of session ${maskNumbers(id)} in Redis is damaged; remove the session`,
  );
}

/** A list that a script answered; an empty one may come as nothing. */
export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/**
 * JSON for a script. A half of a surrogate pair (a text that was cut in the middle of an emoji) is no JSON for Lua,
 * and one bad text must not fail a thousand writes.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'string' ? part.replace(/\p{Cs}/gu, '\uFFFD') : part,
  );
}
