/**
 * What this replica has seen of the others' heartbeats.
 *
 * Every renewal of anybody draws the next number of one sequence. A beat names the number of our second-last answered
 * one, and hears of those who have not drawn since; of the living it hears nothing. Whoever is listed began its last
 * renewal before that beat of ours was answered, so the watch counts from that answer. Numbers are compared, never
 * clocks; time is our own monotonic one.
 */

import type { Config } from '../../options/config.js';
import type { BeatAnswer, Heartbeat } from '../../ports/lease-store.js';

type Alive = Extract<BeatAnswer, { alive: true }>;

/**
 * Ticks without a renewal that a challenger must see, so that the first replica back after an outage takes no session
 * over. Being listed for the first time is worth three: our two beats before this one drew later numbers.
 */
const SIGHTINGS = 3;
/** A process of our own name is over after two ticks without a renewal: the first sighting, and one per tick. */
const PREDECESSOR_SIGHTINGS = 3;
/**
 * Timers fire a little early or late; two ticks need not be two ticks to the millisecond. What is lost is less than
 * the owner's margin.
 */
const TICK_TOLERANCE = 0.9;

/** A beat of ours that was answered. */
export interface Answered {
  readonly number: number;
  readonly arrivedMs: number;
}

interface Sighting {
  number: number;
  /** When an answer arrived that proves that this number had been drawn. */
  sinceMs: number;
  times: number;
  /** Renewals that were seen; those of other names are not listed. */
  renewals: number;
}

export function createHeartbeatWatch(config: Pick<Config, 'lease' | 'replicaId'>) {
  const { replicaId, lease } = config;
  const sightings = new Map<string, Sighting>();
  const predecessorOverMs = (PREDECESSOR_SIGHTINGS - 1) * lease.tickMs;
  let answered: readonly Answered[] = [];
  let lastBegunMs = Number.NEGATIVE_INFINITY;

  function see(other: Heartbeat, after: Answered | null, arrivedMs: number): void {
    const seen = sightings.get(other.incarnation);
    if (seen?.number === other.number) {
      seen.times += 1;
      return;
    }
    const still = after !== null && other.number < after.number;
    sightings.set(other.incarnation, {
      number: other.number,
      sinceMs: still ? after.arrivedMs : arrivedMs,
      times: still ? SIGHTINGS : 1,
      renewals: seen ? seen.renewals + 1 : 0,
    });
  }

  return {
    /** What the next beat names; `null` while too few were answered without a gap. */
    after: (): Answered | null => (answered.length === 2 ? answered[0]! : null),
    /** The number of the last answered beat. */
    last: (): number | null => answered.at(-1)?.number ?? null,
    /** How long a dead process of our own name can seem to live, from our join on. */
    predecessorOverMs,
    /** Takes in an answer; `after` is what its beat named. */
    note(answer: Alive, beat: { after: Answered | null; begunMs: number; arrivedMs: number }): void {
      const { after, begunMs, arrivedMs } = beat;
      const last = answered.at(-1);
      // After a gap of our own the others may have been cut off as well: what was seen before it proves nothing. Nor
      // does it where the store went back, as with a replica of the database that was behind when it took over: numbers
      // are drawn again then.
      const gap = begunMs - lastBegunMs > 2 * lease.tickMs + 1_000;
      const wentBack = !answer.lastKnown || (last !== undefined && answer.number <= last.number);
      const anew = gap || wentBack;
      if (anew) sightings.clear();
      const present = new Set(answer.others.map(({ incarnation }) => incarnation));
      for (const known of sightings.keys()) if (!present.has(known)) sightings.delete(known);
      for (const other of answer.others) see(other, anew ? null : after, arrivedMs);
      answered = [...(anew ? [] : answered.slice(-1)), { number: answer.number, arrivedMs }];
      lastBegunMs = begunMs;
    },
    /** Whether it has stood still for so long that its owner no longer trusts it. */
    isOver(other: Heartbeat): boolean {
      const seen = sightings.get(other.incarnation);
      if (seen?.number !== other.number) return false;
      const stoodStillMs = lastBegunMs - seen.sinceMs;
      if (other.replicaId === replicaId && seen.times >= PREDECESSOR_SIGHTINGS) {
        return stoodStillMs >= predecessorOverMs * TICK_TOLERANCE;
      }
      return seen.times >= SIGHTINGS && stoodStillMs >= other.ttlMs - lease.tickMs * (1 - TICK_TOLERANCE);
    },
    /** Whether it was seen to renew more than once: by then its process is at work. */
    isAtWork: (other: Heartbeat): boolean => (sightings.get(other.incarnation)?.renewals ?? 0) >= 2,
  };
}
