import { effectiveOf, type MirrorView, type StoredSession } from '../domain/session.js';
import type { Clock } from '../ports/clock.js';
import type { Claim, ClaimOutcome, GuardedWrite, SessionStore, WriteOutcome } from '../ports/session-store.js';
import { endRow, newRow, unheldRow, writtenRow } from './change-row.js';
import type { LeaseBook } from './lease-book.js';
import type { SessionRow, SessionTable } from './session-table.js';

/** Rows copied between two yields: a quarter of a millisecond or so of work. */
const ROWS_PER_TURN = 500;

/** The session part of the memory store. */
export function createMemorySessions(params: {
  table: SessionTable;
  leases: LeaseBook;
  clock: Clock;
  /** Sessions that are about to be deleted: a claim, or the desired state `running`, takes that back. */
  marks: Set<string>;
  onRemoved: (sessionId: string) => void;
}): SessionStore {
  const { table, leases, clock, marks, onRemoved } = params;
  const read = (row: SessionRow): StoredSession => readSession(row, leases);
  const nowMs = (): number => clock.now().getTime();

  function rowsOf(ids: Iterable<string>): SessionRow[] {
    const rows: SessionRow[] = [];
    for (const id of ids) {
      const row = table.get(id);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  // The rows are those of one instant; only the copying is spread over turns.
  async function readAll(rows: readonly SessionRow[]): Promise<StoredSession[]> {
    const sessions: StoredSession[] = [];
    for (let from = 0; from < rows.length; from += ROWS_PER_TURN) {
      if (from > 0) await clock.yield();
      for (const row of rows.slice(from, from + ROWS_PER_TURN)) sessions.push(read(row));
    }
    return sessions;
  }

  function writeOne(owner: string, write: GuardedWrite): WriteOutcome {
    const { id, tenure, version, writeId } = write;
    const row = table.get(id);
    if (row === undefined || row.owner !== owner || row.tenure !== tenure) return { id, applied: false };
    // Our own commit, whose answer was lost on its way.
    if (row.writeId === writeId) return { id, applied: true, session: read(row) };
    if (row.version !== version) return { id, applied: false };
    const next = writtenRow(row, write, nowMs());
    table.put(next);
    return { id, applied: true, session: read(next) };
  }

  function claimOne(owner: string, { id, tenure, mode }: Claim, late: boolean): ClaimOutcome {
    if (!leases.stands(owner)) return { id, claimed: false, why: 'fenced' };
    const row = table.get(id);
    if (row === undefined) return { id, claimed: false, why: 'missing' };
    if (row.owner === owner && row.tenure === tenure) return { id, claimed: true, session: read(row) };
    if (late) return { id, claimed: false, why: 'late' };
    if (mode === 'free' && row.owner !== null && row.owner !== owner) return { id, claimed: false, why: 'held' };
    if (mode === 'free' && !row.active) return { id, claimed: false, why: 'inactive' };
    const next = { ...row, owner, tenure, active: true, version: row.version + 1, settledAtMs: nowMs() };
    table.put(next);
    marks.delete(id);
    return { id, claimed: true, session: read(next) };
  }

  return {
    async create({ sessions }) {
      const created: string[] = [];
      for (const session of sessions) {
        if (table.get(session.id) !== undefined) continue;
        table.put(newRow(session, nowMs()));
        created.push(session.id);
      }
      return created;
    },
    get: ({ ids }) => readAll(rowsOf(new Set(ids))),
    list({ after, limit, owner }) {
      const ids = owner === undefined ? table.ids : table.ofOwner(owner)?.ids;
      return readAll(rowsOf(ids?.page(after, limit) ?? []));
    },
    async sweep({ owner, expected, otherIds }) {
      const owned = table.ofOwner(owner);
      if (owned === undefined) return { exceptions: [], count: 0, idHashSum: 0 };
      const { idHashSum } = owned;
      const count = owned.ids.size;
      const asked = rowsOf(new Set(otherIds)).filter((row) => row.owner === owner && !owned.differs(row, expected));
      return { exceptions: await readAll([...owned.differing(expected), ...asked]), count, idHashSum };
    },
    write: async ({ owner, writes }) => writes.map((write) => writeOne(owner, write)),
    async claim({ owner, claims, deadline }) {
      const late = deadline !== undefined && nowMs() >= deadline.getTime();
      return claims.map((claim) => claimOne(owner, claim, late));
    },
    async claimable({ limit, after }) {
      const ids = table.claimable.page(after, limit);
      const standing = ids.length === 0 ? [] : leases.all().filter(({ incarnation }) => !leases.isOver(incarnation));
      const living = standing.map(({ incarnation }) => incarnation);
      return { ids, next: ids.length < limit ? null : ids[limit - 1]!, living };
    },
    async release({ owner, sessions, unobservedIds, reason }) {
      const unobserved = new Set(unobservedIds);
      const named = sessions?.filter(({ id, tenure }) => table.get(id)?.tenure === tenure).map(({ id }) => id);
      const asked = named ?? table.ofOwner(owner)?.ids.page(undefined, Infinity) ?? [];
      const rows = rowsOf(new Set(asked)).filter((row) => row.owner === owner);
      const at = nowMs();
      for (const row of rows) {
        const evidence = unobserved.has(row.id) ? 'unobserved' : 'observed';
        // Under a live lease CONNECTED means proof of life until now.
        table.put(endRow(row, { reason, evidence, seenAtMs: at, nowMs: at }));
      }
      return rows.map((row) => row.id);
    },
    async setDesired({ id, desired }) {
      const row = table.get(id);
      if (row === undefined) return null;
      const next = { ...row, desired, active: row.active || desired === 'running', version: row.version + 1 };
      table.put(next);
      if (desired === 'running') marks.delete(id);
      return read(next);
    },
    async closeUnheld({ graceMs, limit }) {
      const at = nowMs();
      const rows = rowsOf(table.unheld).filter((row) => at - row.createdAtMs > graceMs);
      const taken = rows.slice(0, limit);
      for (const row of taken) table.put(unheldRow(row, at));
      return taken.map(({ id, status }) => ({ id, from: status }));
    },
    async remove({ id }) {
      onRemoved(id);
      marks.delete(id);
      return table.delete(id);
    },
  };
}

const NO_MIRROR: MirrorView = Object.freeze({ state: 'none', word: null });

/** A copy of a row as callers see it. Field by field: spreading a row took ten times as long. */
function readSession(row: SessionRow, leases: LeaseBook): StoredSession {
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
    effective: effectiveOf(row, row.owner !== null && !leases.vouches(row.owner)),
    mirror: NO_MIRROR,
  };
}
