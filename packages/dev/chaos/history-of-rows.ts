import type { StoredSession } from '@wa-sync/core';
import type { HistoryEntry, StoreMethod } from '../simulator/index.js';
import type { RawChange, RawReplica, RawRow } from './audit.js';

/** What the simulator calls a row, from a row of the table; `shown` is what the view for readers says of it. */
export function toStoredSession(row: RawRow, shown?: Pick<RawRow, 'status' | 'evidence'>): StoredSession {
  const instant = (text: string | null) => (text === null ? null : new Date(text));
  const stored = {
    id: row.id,
    status: row.status,
    evidence: row.evidence,
    health: row.health,
    desired: row.desired,
    active: row.active,
    reason: row.reason_code === null ? null : { code: row.reason_code, detail: row.reason_detail ?? undefined },
    reconnectAttempt: row.reconnect_attempt,
    phone: row.phone,
    qr: row.qr,
    owner: row.owner,
    tenure: row.tenure,
    version: Number(row.version),
    writeId: row.write_id,
    statusChangedAt: instant(row.status_changed_at),
    lastSeenAt: instant(row.last_seen_at),
    createdAt: instant(row.created_at),
    effective: { status: shown?.status ?? row.status, evidence: shown?.evidence ?? row.evidence },
    mirror: { state: 'none', word: null },
  };
  return stored as StoredSession;
}

/**
 * What the database committed, in the words of the simulator's histories. A writer is known by the name of its
 * database connection, and the tenure that it wrote under is the last one that it was itself given on that row: who
 * writes on somebody else's row, or on its own after it was taken away, has another one.
 */
export function historyOfRows(changes: readonly RawChange[], startedAt: Date): HistoryEntry[] {
  const incarnations = new Map<string, Set<string>>();
  const given = new Map<string, string | null>();
  return changes.flatMap((change): HistoryEntry[] => {
    const at = { t: change.at.getTime() - startedAt.getTime(), actor: change.actor };
    const common = { ...at, what: 'commit', call: change.no } as const;
    if (change.of === 'replica') {
      const before = change.before as RawReplica | null;
      const after = change.after as RawReplica | null;
      if (before === null && after !== null) {
        const { incarnation } = after;
        const own = incarnations.get(change.actor) ?? new Set();
        incarnations.set(change.actor, own.add(incarnation));
        const params = { incarnation };
        return [
          { ...at, what: 'call', call: change.no, method: 'join', params },
          { ...common, method: 'join', params, result: { alive: true }, changes: [] },
        ];
      }
      if (after === null || before?.fenced_at !== null || after.fenced_at === null) return [];
      const own = incarnations.get(change.actor)?.has(after.incarnation) === true;
      const params = { incarnation: after.incarnation };
      return [{ ...common, method: own ? 'leave' : 'fence', params, result: true, changes: [] }];
    }

    const before = change.before as RawRow | null;
    const after = change.after as RawRow | null;
    const changed = {
      before: before && toStoredSession(before),
      after: after && toStoredSession(after),
    };
    const key = JSON.stringify([change.actor, (after ?? before)?.id]);
    const method = methodOf(before, after, incarnations.get(change.actor));
    const commit = (params: unknown, result: unknown): HistoryEntry[] => [
      { ...common, method, params, result, changes: [changed] },
    ];
    if (before === null || after === null) return commit({}, null);
    if (method === 'claim') {
      given.set(key, after.tenure);
      const claims = [{ id: after.id, tenure: after.tenure, mode: 'free' }];
      return commit({ owner: after.owner, claims }, [{ id: after.id, claimed: true }]);
    }
    if (method === 'write') {
      const [owner] = [...(incarnations.get(change.actor) ?? [])].slice(-1);
      const write = {
        id: after.id,
        tenure: given.get(key) ?? null,
        version: Number(before.version),
        writeId: after.write_id,
      };
      return commit({ owner, writes: [write] }, [{ id: after.id, applied: true }]);
    }
    return commit({}, null);
  });
}

/** Which call of the store it was, by who was the owner before and after. */
function methodOf(before: RawRow | null, after: RawRow | null, own: ReadonlySet<string> | undefined): StoreMethod {
  if (before === null) return 'create';
  if (after === null) return 'purge';
  if (after.owner !== null && (after.owner !== before.owner || after.tenure !== before.tenure)) return 'claim';
  if (before.owner !== null && after.owner === null) return own?.has(before.owner) === true ? 'release' : 'freeFenced';
  if (before.write_id === after.write_id && before.status === after.status) return 'setDesired';
  if (before.owner === null) return 'closeUnheld';
  return 'write';
}
