/**
 * The rows and their indexes. Owns every session row of one memory store; only `put` and `delete` change it, and both
 * keep the indexes true in the same step. Rows never leave the store: they hold instants as numbers, and callers get
 * copies.
 */
import type { Evidence, Reason, SessionRecord } from '../domain/session.js';
import { sessionIdHash } from '../domain/session.js';
import type { ExpectedState } from '../ports/session-store.js';
import { createOrderedIds, type OrderedIds } from './ordered-ids.js';

/** One row, instants in milliseconds since the epoch. */
export interface SessionRow extends Omit<SessionRecord, 'statusChangedAt' | 'lastSeenAt' | 'createdAt'> {
  readonly statusChangedAtMs: number;
  readonly lastSeenAtMs: number | null;
  readonly createdAtMs: number;
  /** Last change of status, health or owner: what the gate of conversations counts from. */
  readonly settledAtMs: number;
}

/** The rows of one owner. */
export interface OwnerRows {
  readonly ids: OrderedIds;
  readonly idHashSum: number;
  /** Rows whose judged fields differ from what is expected. */
  differing(expected: ExpectedState): SessionRow[];
  /** Whether a row differs from what is expected. */
  differs(row: SessionRow, expected: ExpectedState): boolean;
}

/** Hears of each row that takes the place of another, and of each that is gone. */
export interface RowWatcher {
  replaced(before: SessionRow, after: SessionRow): void;
  forget(sessionId: string): void;
}

/** All rows of a store. */
export interface SessionTable {
  /** From here on `watcher` is notified, in the same step as the change. */
  watch(watcher: Partial<RowWatcher>): void;
  get(id: string): SessionRow | undefined;
  put(row: SessionRow): void;
  delete(id: string): boolean;
  readonly ids: OrderedIds;
  /** Ids of rows that nobody owns and that should be opened. */
  readonly claimable: OrderedIds;
  /** Ids of rows that nobody owns and that still say what an earlier system said. */
  readonly unheld: ReadonlySet<string>;
  owners(): readonly string[];
  ofOwner(owner: string): OwnerRows | undefined;
}

interface Entry {
  row: SessionRow;
  readonly idHash: number;
  judged: string;
}

interface OwnerIndex {
  readonly ids: OrderedIds;
  readonly byJudged: Map<string, Map<string, Entry>>;
  idHashSum: number;
}

type Judged = ExpectedState & { readonly evidence: Evidence; readonly desired: SessionRecord['desired'] };

function judgedKey({ status, health, evidence, desired, reason }: Judged): string {
  return `${status} ${health} ${evidence} ${desired} ${reasonKey(reason)}`;
}

function reasonKey(reason: Reason | null): string {
  return reason === null ? '-' : `+${reason.code}`;
}

function expectedKey(expected: ExpectedState): string {
  const { status, health, reason } = expected;
  return judgedKey({ status, health, reason, evidence: 'observed', desired: 'running' });
}

function isClaimable(row: SessionRow): boolean {
  return row.owner === null && row.active && row.desired === 'running' && row.status !== 'LOGGED_OUT';
}

function isUnheld({ owner, evidence, status }: SessionRow): boolean {
  return owner === null && evidence === 'unobserved' && status !== 'DISCONNECTED' && status !== 'LOGGED_OUT';
}

function readOwner(index: OwnerIndex): OwnerRows {
  return {
    ids: index.ids,
    idHashSum: index.idHashSum,
    differing(expected) {
      const key = expectedKey(expected);
      const rows: SessionRow[] = [];
      for (const [judged, bucket] of index.byJudged) {
        if (judged === key) continue;
        for (const entry of bucket.values()) rows.push(entry.row);
      }
      return rows;
    },
    differs: (row, expected) => judgedKey(row) !== expectedKey(expected),
  };
}

/** An empty table. */
export function createSessionTable(): SessionTable {
  const entries = new Map<string, Entry>();
  const ids = createOrderedIds();
  const claimable = createOrderedIds();
  const unheld = new Set<string>();
  const owners = new Map<string, OwnerIndex>();
  const watchers: Partial<RowWatcher>[] = [];

  function addToOwner(entry: Entry): void {
    const { owner, id } = entry.row;
    if (owner === null) return;
    let index = owners.get(owner);
    if (index === undefined) {
      index = { ids: createOrderedIds(), byJudged: new Map(), idHashSum: 0 };
      owners.set(owner, index);
    }
    index.ids.add(id);
    index.idHashSum += entry.idHash;
    addToBucket(index, entry);
  }

  function addToBucket(index: OwnerIndex, entry: Entry): void {
    const bucket = index.byJudged.get(entry.judged);
    if (bucket === undefined) index.byJudged.set(entry.judged, new Map([[entry.row.id, entry]]));
    else bucket.set(entry.row.id, entry);
  }

  function dropFromBucket(index: OwnerIndex, entry: Entry): void {
    const bucket = index.byJudged.get(entry.judged);
    bucket?.delete(entry.row.id);
    if (bucket?.size === 0) index.byJudged.delete(entry.judged);
  }

  function dropFromOwner(entry: Entry): void {
    const { owner, id } = entry.row;
    const index = owner === null ? undefined : owners.get(owner);
    if (owner === null || index === undefined) return;
    index.ids.delete(id);
    index.idHashSum -= entry.idHash;
    dropFromBucket(index, entry);
    if (index.ids.size === 0) owners.delete(owner);
  }

  function replace(entry: Entry, row: SessionRow): void {
    const judged = judgedKey(row);
    if (entry.row.owner !== row.owner) {
      dropFromOwner(entry);
      entry.row = row;
      entry.judged = judged;
      addToOwner(entry);
      return;
    }
    const index = row.owner === null ? undefined : owners.get(row.owner);
    if (index === undefined || entry.judged === judged) {
      entry.row = row;
      entry.judged = judged;
      return;
    }
    dropFromBucket(index, entry);
    entry.row = row;
    entry.judged = judged;
    addToBucket(index, entry);
  }

  return {
    ids,
    claimable,
    unheld,
    watch: (watcher) => void watchers.push(watcher),
    get: (id) => entries.get(id)?.row,
    put(row) {
      const entry = entries.get(row.id);
      if (entry === undefined) {
        const added = { row, idHash: sessionIdHash(row.id), judged: judgedKey(row) };
        entries.set(row.id, added);
        ids.add(row.id);
        addToOwner(added);
      } else {
        const before = entry.row;
        replace(entry, row);
        for (const watcher of watchers) watcher.replaced?.(before, row);
      }
      if (isClaimable(row)) claimable.add(row.id);
      else claimable.delete(row.id);
      if (isUnheld(row)) unheld.add(row.id);
      else unheld.delete(row.id);
    },
    delete(id) {
      const entry = entries.get(id);
      if (entry === undefined) return false;
      dropFromOwner(entry);
      entries.delete(id);
      ids.delete(id);
      claimable.delete(id);
      unheld.delete(id);
      for (const watcher of watchers) watcher.forget?.(id);
      return true;
    },
    owners: () => [...owners.keys()],
    ofOwner(owner) {
      const index = owners.get(owner);
      return index === undefined ? undefined : readOwner(index);
    },
  };
}
