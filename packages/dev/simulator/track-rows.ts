import type { StoredSession } from '@wa-sync/core';
import type { RowChange } from './history.js';

/** Everything of a row that a write may change. */
export function rowKey(row: StoredSession): string {
  const { id, status, health, evidence, desired, active, owner, tenure, version, writeId, qr, reconnectAttempt } = row;
  return `${id}|${status}|${health}|${evidence}|${desired}|${active}|${owner}|${tenure}|${version}|${writeId}|${qr}|${reconnectAttempt}|${row.reason?.code}|${row.lastSeenAt?.getTime()}|${row.statusChangedAt.getTime()}`;
}

/** The rows as they were read last. */
export function createRowTracker() {
  let known = new Map<string, { readonly row: StoredSession; readonly key: string }>();

  /** What is different from the read before. */
  function changesTo(rows: readonly StoredSession[]): RowChange[] {
    const changes: RowChange[] = [];
    const next = new Map<string, { row: StoredSession; key: string }>();
    for (const row of rows) {
      const key = rowKey(row);
      const before = known.get(row.id);
      next.set(row.id, { row, key });
      if (before?.key !== key) changes.push({ before: before?.row ?? null, after: row });
    }
    for (const [id, { row }] of known) if (!next.has(id)) changes.push({ before: row, after: null });
    known = next;
    return changes;
  }

  return {
    changesTo,
    get: (id: string): StoredSession | undefined => known.get(id)?.row,
    rows: (): StoredSession[] => [...known.values()].map(({ row }) => row),
  };
}
