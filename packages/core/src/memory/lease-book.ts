/** The heartbeat rows. Ages come from the monotonic clock, so that a step of the wall clock ends no lease. */
import type { Clock } from '../ports/clock.js';
import type { Heartbeat } from '../ports/lease-store.js';

interface HeartbeatRow extends Omit<Heartbeat, 'beatAt'> {
  readonly beatAtMs: number;
  readonly beatMonotonicMs: number;
}

/** Heartbeats by incarnation. */
export interface LeaseBook {
  /** Whether a row stands and nobody has fenced it. */
  stands(incarnation: string): boolean;
  /** Whether a reader may no longer believe what this owner wrote. */
  isOver(incarnation: string): boolean;
  /** Whether it said of itself, with its last beat, that its network may be the culprit. */
  suspects(incarnation: string): boolean;
  lastBeatAtMs(incarnation: string): number | null;
  all(): Heartbeat[];
  /** Adds a row, or renews the one that stands. Returns false where it is fenced. */
  join(params: { incarnation: string; replicaId: string; ttlMs: number }): boolean;
  /** Returns false where the row is fenced or gone. */
  beat(params: { incarnation: string; massOutage: boolean }): boolean;
  fence(params: { incarnation: string; beats: number }): boolean;
  delete(incarnation: string): void;
}

/** An empty book. */
export function createLeaseBook({ clock }: { clock: Clock }): LeaseBook {
  const rows = new Map<string, HeartbeatRow>();

  function renew(row: HeartbeatRow, massOutage: boolean): boolean {
    if (row.fenced) return false;
    rows.set(row.incarnation, { ...row, ...stamp(), beats: row.beats + 1, massOutage });
    return true;
  }

  function stamp(): Pick<HeartbeatRow, 'beatAtMs' | 'beatMonotonicMs'> {
    return { beatAtMs: clock.now().getTime(), beatMonotonicMs: clock.monotonicMs() };
  }

  function stands(incarnation: string): boolean {
    return rows.get(incarnation)?.fenced === false;
  }

  return {
    stands,
    isOver(incarnation) {
      const row = rows.get(incarnation);
      return row === undefined || row.fenced || clock.monotonicMs() - row.beatMonotonicMs > row.ttlMs;
    },
    suspects: (incarnation) => rows.get(incarnation)?.massOutage === true,
    lastBeatAtMs: (incarnation) => rows.get(incarnation)?.beatAtMs ?? null,
    all: () =>
      [...rows.values()].map(({ beatAtMs, beatMonotonicMs: _, ...row }) => ({ ...row, beatAt: new Date(beatAtMs) })),
    join({ incarnation, replicaId, ttlMs }) {
      const row = rows.get(incarnation);
      // The caller trusts its lease from the start of this call: a repeated join has to renew what the lost one began.
      if (row !== undefined) return renew(row, row.massOutage);
      rows.set(incarnation, { incarnation, replicaId, ttlMs, ...stamp(), beats: 0, fenced: false, massOutage: false });
      return true;
    },
    beat({ incarnation, massOutage }) {
      const row = rows.get(incarnation);
      return row !== undefined && renew(row, massOutage);
    },
    fence({ incarnation, beats }) {
      const row = rows.get(incarnation);
      if (row === undefined) return false;
      if (row.fenced) return true;
      if (row.beats !== beats) return false;
      rows.set(incarnation, { ...row, fenced: true });
      return true;
    },
    delete: (incarnation) => void rows.delete(incarnation),
  };
}
