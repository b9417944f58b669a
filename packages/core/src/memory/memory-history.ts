/**
 * What became of the rows of the memory store.
 *
 * Owns: every entry kept, in the order of the changes, and from where on something was forgotten. The table reports
 * each row that takes the place of another, so no operation has to think of its entry.
 */
import type { Clock } from '../ports/clock.js';
import type { HistoryStore, Transition } from '../ports/history-store.js';
import type { SessionRow } from './session-table.js';

/** Nothing here survives the process, so its memory is worth more than old entries. */
const KEPT = 50_000;

interface Entry {
  readonly sequence: number;
  readonly transition: Transition;
  /** Its session's row is gone. */
  gone: boolean;
}

/** The history part of the memory store, with what the table has to report to it. */
export interface MemoryHistory extends HistoryStore {
  /** A row took the place of another. */
  replaced(before: SessionRow, after: SessionRow): void;
  /** A row is gone, and its entries with it. */
  forget(sessionId: string): void;
}

/** An empty history. */
export function createMemoryHistory({ clock }: { clock: Clock }): MemoryHistory {
  const bySession = new Map<string, Entry[]>();
  let entries: Entry[] = [];
  let lastSequence = 0;
  /** Entries up to here were pruned, or pushed out by newer ones. */
  let forgottenUpTo = 0;

  function replaced(before: SessionRow, after: SessionRow): void {
    if (
      before.status === after.status &&
      before.health === after.health &&
      before.evidence === after.evidence &&
      before.reason?.code === after.reason?.code
    )
      return;
    lastSequence += 1;
    const transition: Transition = {
      id: String(lastSequence),
      sessionId: after.id,
      at: clock.now(),
      from: before.status,
      to: after.status,
      evidence: after.evidence,
      health: after.health,
      reason: after.reason,
      owner: after.evidence === 'observed' ? (after.owner ?? before.owner) : null,
    };
    const entry = { sequence: lastSequence, transition, gone: false };
    entries.push(entry);
    const own = bySession.get(after.id);
    if (own === undefined) bySession.set(after.id, [entry]);
    else own.push(entry);
    // A quarter at once, so that an entry costs the same however many there are.
    if (entries.length > KEPT * 1.25) drop(entries.length - KEPT);
  }

  /** Forgets the oldest entries; returns how many of them were still to be read. */
  function drop(count: number): number {
    const dropped = entries.slice(0, count);
    entries = entries.slice(count);
    const last = dropped.at(-1);
    if (last === undefined) return 0;
    forgottenUpTo = last.sequence;
    const sessions = new Set(dropped.map(({ transition }) => transition.sessionId));
    for (const sessionId of sessions) {
      const kept = (bySession.get(sessionId) ?? []).filter(({ sequence }) => sequence > last.sequence);
      if (kept.length > 0) bySession.set(sessionId, kept);
      else bySession.delete(sessionId);
    }
    return dropped.filter(({ gone }) => !gone).length;
  }

  /** A copy: what a caller does to it reaches nobody else. */
  const read = ({ transition }: Entry): Transition => ({ ...transition, at: new Date(transition.at) });

  return {
    replaced,
    forget(sessionId) {
      for (const entry of bySession.get(sessionId) ?? []) entry.gone = true;
      bySession.delete(sessionId);
    },
    async ofSession({ sessionId, before, limit }) {
      const own = bySession.get(sessionId) ?? [];
      const end = before === undefined ? lastSequence + 1 : sequenceOf(before);
      if (end === null) return [];
      const found = own.filter(({ sequence }) => sequence < end);
      return found.slice(-limit).reverse().map(read);
    },
    async since({ after, limit }) {
      const from = after === null ? lastSequence : sequenceOf(after);
      if (from === null || from > lastSequence) return { transitions: [], next: String(lastSequence), missed: true };
      const start = firstAfter(entries, from);
      const found: Entry[] = [];
      for (let index = start; index < entries.length && found.length < limit; index += 1) {
        const entry = entries[index]!;
        if (!entry.gone) found.push(entry);
      }
      const next = found.length === limit ? found.at(-1)!.sequence : lastSequence;
      return { transitions: found.map(read), next: String(next), missed: from < forgottenUpTo };
    },
    async prune({ keepMs, limit }) {
      const oldestKept = clock.now().getTime() - keepMs;
      let count = 0;
      let old = 0;
      for (const { transition, gone } of entries) {
        if (old === limit || transition.at.getTime() >= oldestKept) break;
        count += 1;
        if (!gone) old += 1;
      }
      return drop(count);
    },
  };
}

/** The number behind a cursor of this store, or `null` where it gave out none such. */
function sequenceOf(cursor: string): number | null {
  return /^\d{1,15}$/.test(cursor) ? Number(cursor) : null;
}

/** Index of the first entry that comes after a sequence. */
function firstAfter(entries: readonly Entry[], sequence: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entries[middle]!.sequence > sequence) high = middle;
    else low = middle + 1;
  }
  return low;
}
