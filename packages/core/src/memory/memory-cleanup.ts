import { eligibleForCleanup } from '../decide/eligible-for-cleanup.js';
import type { CleanupCandidate, CleanupRule, CleanupStore } from '../ports/cleanup-store.js';
import type { Clock } from '../ports/clock.js';
import { endRow } from './change-row.js';
import type { LeaseBook } from './lease-book.js';
import { compareIds } from './ordered-ids.js';
import type { SessionRow, SessionTable } from './session-table.js';

const PAGE = 1_000;

/** The cleanup part of the memory store; `marks` are the sessions that are about to be deleted. */
export function createMemoryCleanup(params: {
  table: SessionTable;
  leases: LeaseBook;
  clock: Clock;
  marks: Set<string>;
  onRemoved: (sessionId: string) => void;
}): CleanupStore {
  const { table, leases, clock, marks, onRemoved } = params;

  function describe(row: SessionRow): CleanupCandidate {
    const aliveAtMs = row.lastSeenAtMs ?? row.createdAtMs;
    return {
      id: row.id,
      status: row.status,
      aliveAt: new Date(aliveAtMs),
      inactiveForMs: clock.now().getTime() - aliveAtMs,
    };
  }

  function holds(row: SessionRow | undefined, rule: CleanupRule): row is SessionRow {
    if (row === undefined) return false;
    const { status, active, owner } = row;
    const facts = {
      ...{ status, active, owned: owner !== null, ownerSuspects: owner !== null && leases.suspects(owner) },
      inactiveForMs: describe(row).inactiveForMs,
      unchangedForMs: clock.now().getTime() - row.settledAtMs,
    };
    return eligibleForCleanup(facts, rule);
  }

  return {
    async census() {
      let total = 0;
      let active = 0;
      for (const row of allRows(table)) {
        total += 1;
        if (row.active) active += 1;
      }
      return { total, active };
    },
    async candidates({ after, limit, ...rule }) {
      const found: CleanupCandidate[] = [];
      for (const row of allRows(table, after)) {
        if (found.length === limit) break;
        if (holds(row, rule) && !marks.has(row.id)) found.push(describe(row));
      }
      return found;
    },
    async deactivate({ ids, ...times }) {
      const nowMs = clock.now().getTime();
      return ids.filter((id) => {
        const row = table.get(id);
        if (!holds(row, { stage: 'deactivate', ...times })) return false;
        const ended = endRow(row, { reason: { code: 'inactive' }, evidence: 'unobserved', seenAtMs: nowMs, nowMs });
        table.put({ ...ended, active: false });
        return true;
      });
    },
    async markForPurge({ ids, ...times }) {
      const taken = ids.filter((id) => holds(table.get(id), { stage: 'purge', ...times }));
      for (const id of taken) {
        marks.add(id);
      }
      return taken;
    },
    async marked({ after, limit }) {
      const rows = [...marks].map((id) => table.get(id)).filter((row) => row !== undefined);
      return rows
        .filter(({ id }) => after === undefined || compareIds(id, after) > 0)
        .sort((a, b) => compareIds(a.id, b.id))
        .slice(0, limit)
        .map(describe);
    },
    async purge({ ids }) {
      return ids.filter((id) => {
        const row = table.get(id);
        if (row === undefined || !marks.has(id) || row.active || row.owner !== null) return false;
        marks.delete(id);
        onRemoved(id);
        return table.delete(id);
      });
    },
  };
}

function* allRows(table: SessionTable, after?: string): Generator<SessionRow> {
  for (let from = after, full = true; full; ) {
    const ids = table.ids.page(from, PAGE);
    for (const id of ids) yield table.get(id)!;
    from = ids.at(-1);
    full = ids.length === PAGE;
  }
}
