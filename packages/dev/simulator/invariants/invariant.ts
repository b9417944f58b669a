/** A promise of the design as a pure function over a history. */
import type { SessionStatus, StoredSession } from '@wa-sync/core';
import type { EntryOf, HistoryEntry, RowChange, WorldSettings } from '../history.js';

export interface Violation {
  readonly invariant: string;
  readonly t: number;
  readonly words: string;
}

/** Said for each place at which the promise was really put to the test, and where it did not hold. */
export interface Bench {
  tested(count?: number): void;
  broken(t: number, words: string): void;
}

export interface Invariant {
  readonly name: string;
  readonly promise: string;
  check(history: readonly HistoryEntry[], bench: Bench): void;
}

export function settingsOf(history: readonly HistoryEntry[]): WorldSettings {
  const first = history.find((entry) => entry.what === 'settings');
  if (first?.what !== 'settings') throw new Error('A history begins with its settings');
  return first.settings;
}

/** The row changes of an entry, none for most. */
export function changesOf(entry: HistoryEntry): readonly RowChange[] {
  return entry.what === 'commit' || entry.what === 'foreign' || entry.what === 'rollback' ? entry.changes : [];
}

/** Rows as they stand while a history is read; call `follow` with each entry once it was judged. */
export function createRowFollower(): {
  readonly rows: ReadonlyMap<string, StoredSession>;
  follow(entry: HistoryEntry): void;
} {
  const rows = new Map<string, StoredSession>();
  return {
    rows,
    follow(entry) {
      for (const { before, after } of changesOf(entry)) {
        if (after) rows.set(after.id, after);
        else if (before) rows.delete(before.id);
      }
    },
  };
}

interface Beat {
  readonly incarnation: string;
  readonly alive: boolean;
}

/** Leases as the commits made them. */
export function createLeaseFollower(ttlMs: number): {
  /** Whether a reader may still believe this owner. */
  stands(incarnation: string | null, t: number): boolean;
  suspects(incarnation: string | null): boolean;
  follow(entry: HistoryEntry): void;
} {
  const beats = new Map<string, number>();
  const over = new Set<string>();
  const suspicious = new Set<string>();
  return {
    stands: (incarnation, t) =>
      incarnation !== null && !over.has(incarnation) && t - (beats.get(incarnation) ?? -Infinity) <= ttlMs,
    suspects: (incarnation) => incarnation !== null && suspicious.has(incarnation),
    follow(entry) {
      // What a beat reported may be lost with it, until the next one.
      if (entry.what === 'rollback') suspicious.clear();
      if (entry.what !== 'commit') return;
      const beat = beatOf(entry);
      if (beat?.alive) {
        beats.set(beat.incarnation, entry.t);
        if (entry.method === 'beat') {
          if ((entry.params as { massOutage: boolean }).massOutage) suspicious.add(beat.incarnation);
          else suspicious.delete(beat.incarnation);
        }
      } else if ((entry.method === 'fence' && entry.result === true) || entry.method === 'leave') {
        over.add((entry.params as { incarnation: string }).incarnation);
      }
    },
  };
}

/** A renewal or a join. */
function beatOf(entry: EntryOf<'commit'>): Beat | null {
  if (entry.method !== 'beat' && entry.method !== 'join') return null;
  const { incarnation } = entry.params as { incarnation: string };
  return { incarnation, alive: (entry.result as { alive?: boolean })?.alive === true };
}

/**
 * Whether a status may be written for what a connection says: the same; a link that is dead although the client does
 * not know; or, of a session that was connected before, that it is being repaired.
 */
export function mayFollow(status: SessionStatus, word: string): boolean {
  return status === word || (status === 'RECONNECTING' && (word === 'CONNECTED' || word === 'CONNECTING'));
}

/** Whether a row agrees with what its owner's connection says. `LOGGED_OUT` stays until it is paired or open again. */
export function agrees(row: StoredSession, word: string): boolean {
  if (row.status === 'LOGGED_OUT') return word !== 'CONNECTED' && word !== 'QR_CODE';
  return mayFollow(row.status, word) && (word !== 'CONNECTED' || row.status === word || row.reason?.code === 'silent');
}
