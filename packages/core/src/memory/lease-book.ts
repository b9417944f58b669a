/** The heartbeat rows. Ages come from the monotonic clock, so that a step of the wall clock ends no lease. */
import type { Clock } from '../ports/clock.js';
import type { Beat, Heartbeat } from '../ports/lease-store.js';

interface HeartbeatRow extends Omit<Heartbeat, 'beatAt'> {
  readonly beatAtMs: number;
  readonly beatMonotonicMs: number;
}

/** Heartbeats by incarnation. */
export interface LeaseBook {
  /** Whether a row stands and nobody has fenced it. */
  stands(incarnation: string): boolean;
  isFenced(incarnation: string): boolean;
  /** Whether the lease is fenced, gone, or was not renewed in time. */
  isOver(incarnation: string): boolean;
  /** Whether a reader may believe what this owner wrote. */
  vouches(incarnation: string): boolean;
  /** Whether it said of itself, with its last beat, that its network may be the culprit, or that it cannot write. */
  suspects(incarnation: string): boolean;
  lastBeatAtMs(incarnation: string): number | null;
  numberOf(incarnation: string): number | null;
  all(): Heartbeat[];
  /** Adds a row, or renews the one that stands. Returns false where it is fenced. */
  join(params: { incarnation: string; replicaId: string; ttlMs: number }): boolean;
  /** Returns false where the row is fenced, or gone and `ownsSome` is false. */
  beat(params: Beat, ownsSome: boolean): boolean;
  fence(params: { incarnation: string; number: number }): boolean;
  /** Adds a row for an owner that has none. */
  addUnknown(params: { incarnation: string; ttlMs: number }): void;
  /** Fences it, whatever its number. */
  end(incarnation: string): void;
  delete(incarnation: string): void;
}

/** An empty book. */
export function createLeaseBook({ clock }: { clock: Clock }): LeaseBook {
  const rows = new Map<string, HeartbeatRow>();
  /** The last number of the sequence that all renewals share. */
  let drawn = 0;

  function renew(row: HeartbeatRow, said: Partial<HeartbeatRow>): boolean {
    if (row.fenced) return false;
    rows.set(row.incarnation, { ...row, ...said, ...stamp() });
    return true;
  }

  function add(row: Pick<HeartbeatRow, 'incarnation' | 'replicaId' | 'ttlMs' | 'massOutage' | 'stuck'>): boolean {
    const drawn = stamp();
    rows.set(row.incarnation, { ...row, ...drawn, joined: drawn.number, fenced: false });
    return true;
  }

  function stamp(): Pick<HeartbeatRow, 'number' | 'beatAtMs' | 'beatMonotonicMs'> {
    drawn += 1;
    return { number: drawn, beatAtMs: clock.now().getTime(), beatMonotonicMs: clock.monotonicMs() };
  }

  function stands(incarnation: string): boolean {
    return rows.get(incarnation)?.fenced === false;
  }

  function end(incarnation: string): void {
    const row = rows.get(incarnation);
    if (row !== undefined) rows.set(incarnation, { ...row, fenced: true });
  }

  function isOver(incarnation: string): boolean {
    const row = rows.get(incarnation);
    return row === undefined || row.fenced || clock.monotonicMs() - row.beatMonotonicMs > row.ttlMs;
  }

  return {
    stands,
    isFenced: (incarnation) => rows.get(incarnation)?.fenced === true,
    isOver,
    vouches: (incarnation) => !isOver(incarnation) && rows.get(incarnation)?.stuck === false,
    suspects(incarnation) {
      const row = rows.get(incarnation);
      return row?.massOutage === true || row?.stuck === true;
    },
    lastBeatAtMs: (incarnation) => rows.get(incarnation)?.beatAtMs ?? null,
    numberOf: (incarnation) => rows.get(incarnation)?.number ?? null,
    all: () =>
      [...rows.values()].map(({ beatAtMs, beatMonotonicMs: _, ...row }) => ({ ...row, beatAt: new Date(beatAtMs) })),
    join({ incarnation, replicaId, ttlMs }) {
      const row = rows.get(incarnation);
      // The caller trusts its lease from the start of this call: a repeated join has to renew what the lost one began.
      if (row !== undefined) return renew(row, {});
      return add({ incarnation, replicaId, ttlMs, massOutage: false, stuck: false });
    },
    beat({ after: _, last: __, ...said }, ownsSome) {
      const row = rows.get(said.incarnation);
      if (row !== undefined) return renew(row, said);
      return ownsSome && add(said);
    },
    fence({ incarnation, number }) {
      const row = rows.get(incarnation);
      if (row === undefined) return false;
      if (row.fenced) return true;
      if (row.number !== number) return false;
      end(incarnation);
      return true;
    },
    end,
    addUnknown({ incarnation, ttlMs }) {
      add({ incarnation, replicaId: 'unknown', ttlMs, massOutage: false, stuck: true });
    },
    delete: (incarnation) => void rows.delete(incarnation),
  };
}
