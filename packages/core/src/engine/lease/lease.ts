/**
 * This replica's right to own.
 *
 * Owns: the incarnation, how long its last renewal may be trusted, and what it has seen of the others' heartbeats.
 * States: not joined, trusted, untrusted (the store did not answer in time), gone (fenced by another; the next renewal
 * joins as a new incarnation). No decision uses a host's wall clock: trust runs on the monotonic clock from the
 * *start* of the renewal, and another's lease is over only after this replica itself saw its heartbeat stand still.
 */

import { WaSyncError } from '../../domain/errors.js';
import type { Config } from '../../options/config.js';
import type { BeatAnswer, Heartbeat } from '../../ports/lease-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Events } from '../events/emit-events.js';
import { LARGEST_BATCH, nextBatchSize } from '../limits/batch-size.js';
import { callLimitMs } from '../limits/limit-store.js';

/** Part of the lease that is never used, against clocks that run at different speeds and writes that take time. */
const MARGIN = 0.1;
/**
 * Ticks without a renewal that a challenger must see, so that the first replica back after an outage takes no session
 * over.
 */
const SIGHTINGS = 3;
/** A process of our own name is over after two ticks without a renewal: the first sighting, and one per tick. */
const PREDECESSOR_SIGHTINGS = 3;
/**
 * Timers fire a little early or late; two ticks need not be two ticks to the millisecond. What is lost is less than
 * the owner's margin.
 */
const TICK_TOLERANCE = 0.9;

interface Sighting {
  beats: number;
  sinceMs: number;
  times: number;
  renewals: number;
}

export type Lease = ReturnType<typeof createLease>;
type Alive = Extract<BeatAnswer, { alive: true }>;

export function createLease(deps: {
  config: Pick<Config, 'lease' | 'clock' | 'logger' | 'random' | 'replicaId' | 'observeOnly'>;
  store: WaSyncStore;
  events: Events;
  /** Called when the incarnation is another one now: nothing is owned any more. */
  onRejoin(): void;
}) {
  const { store, events } = deps;
  const { clock, logger, random, replicaId, lease, observeOnly } = deps.config;
  const sightings = new Map<string, Sighting>();
  const ended = new Set<string>();
  const predecessorOverMs = (PREDECESSOR_SIGHTINGS - 1) * lease.tickMs;
  let incarnation = random.token();
  let trustedUntilMs = Number.NEGATIVE_INFINITY;
  let lastAnsweredMs = Number.NEGATIVE_INFINITY;
  let storeAheadMs = 0;
  let renewals = 0;
  let joined = false;
  /** A join under way: it may be committed although nobody waits for it any more. */
  let joining: Promise<unknown> | null = null;
  let heldSinceMs = 0;
  let retired = false;
  let freeBatch = LARGEST_BATCH;
  let lost: 'store_unreachable' | 'fenced' | null = null;
  let massOutage = false;
  /** Times that the trust had run out when it came back. */
  let gaps = 0;

  const trusted = () => joined && !retired && clock.monotonicMs() < trustedUntilMs;

  function noteLost(why: 'store_unreachable' | 'fenced'): void {
    if (lost) return;
    lost = why;
    logger.error({ code: 'lease_lost', why, replicaId }, 'The lease is lost: nothing is written until it is back');
    events.emit('lease:lost', { at: clock.now(), why });
  }

  function noteAlive(answer: Alive, startedMs: number): void {
    // After a gap of our own the others may have been cut off as well: what was seen before it proves nothing.
    if (startedMs - lastAnsweredMs > 2 * lease.tickMs + 1_000) sightings.clear();
    if (clock.monotonicMs() >= trustedUntilMs) gaps += 1;
    lastAnsweredMs = startedMs;
    storeAheadMs = answer.storeNow.getTime() - startedMs;
    trustedUntilMs = startedMs + lease.ttlMs * (1 - MARGIN);
    renewals += 1;
    see(answer.others, startedMs);
    if (!lost) return;
    lost = null;
    logger.info({ code: 'lease_back', replicaId }, 'The lease is back');
    events.emit('lease:back', { at: clock.now() });
  }

  function see(others: readonly Heartbeat[], nowMs: number): void {
    const present = new Set(others.map((other) => other.incarnation));
    for (const known of sightings.keys()) if (!present.has(known)) sightings.delete(known);
    for (const other of others) {
      const seen = sightings.get(other.incarnation);
      if (seen && seen.beats === other.beats) seen.times += 1;
      else {
        const renewed = seen ? seen.renewals + 1 : 0;
        sightings.set(other.incarnation, { beats: other.beats, sinceMs: nowMs, times: 1, renewals: renewed });
      }
    }
  }

  function isOver(other: Heartbeat): boolean {
    const seen = sightings.get(other.incarnation);
    if (!seen) return false;
    const stoodStillMs = lastAnsweredMs - seen.sinceMs;
    if (other.replicaId === replicaId && seen.times >= PREDECESSOR_SIGHTINGS) {
      return stoodStillMs >= predecessorOverMs * TICK_TOLERANCE;
    }
    return stoodStillMs >= other.ttlMs - lease.tickMs * (1 - TICK_TOLERANCE) && seen.times >= SIGHTINGS;
  }

  /** Ended here; or by somebody who may, where this replica only observes. */
  function isGone(other: Heartbeat): boolean {
    return ended.has(other.incarnation) || (observeOnly && isOver(other));
  }

  async function join(): Promise<Alive> {
    if (retired) throw new WaSyncError('not_running', 'This replica is stopped: make a new one');
    const work = joinNow();
    joining = work.catch(() => {});
    return work;
  }

  async function joinNow(): Promise<Alive> {
    const startedMs = clock.monotonicMs();
    const answer = await store.leases.join({ incarnation, replicaId, ttlMs: lease.ttlMs });
    if (!answer.alive) throw new WaSyncError('store_failed', 'The store refused a new lease', { retryable: true });
    joined = true;
    heldSinceMs = startedMs;
    noteAlive(answer, startedMs);
    return answer;
  }

  /** Renews the lease; after a fence it joins again as a new incarnation. */
  async function renew(): Promise<Alive> {
    const startedMs = clock.monotonicMs();
    try {
      const answer = await store.leases.beat({ incarnation, massOutage });
      if (answer.alive) {
        // A join that was committed although it errored.
        if (!joined) heldSinceMs = startedMs;
        joined = true;
        noteAlive(answer, startedMs);
        return answer;
      }
    } catch (error) {
      if (!trusted()) noteLost('store_unreachable');
      throw error;
    }
    noteLost('fenced');
    joined = false;
    incarnation = random.token();
    deps.onRejoin();
    return join();
  }

  /** Ends the leases that stood still and frees what they held. Returns the freed sessions. */
  async function endOthers(others: readonly Heartbeat[]): Promise<string[]> {
    // An observer must not: it would write the rows of the sessions that it frees.
    if (observeOnly) return [];
    let anyFenced = others.some((other) => other.fenced);
    for (const other of others) {
      if (other.fenced || !isOver(other)) continue;
      const fenced = await store.leases.fence({ incarnation: other.incarnation, beats: other.beats });
      anyFenced ||= fenced;
      if (fenced) {
        ended.add(other.incarnation);
        const fields = { code: 'owner_lost', replicaId: other.replicaId, incarnation: other.incarnation };
        logger.warn(fields, `Replica ${other.replicaId} shows no sign of life: its sessions are free`);
      }
    }
    return anyFenced ? freeOrphans() : [];
  }

  /**
   * Frees what belongs to leases that are over, also where their replica died between two statements. In slices, and for
   * a tick at most: what is left is told by the next beat, and another replica may take it up.
   */
  async function freeOrphans(): Promise<string[]> {
    const freed: string[] = [];
    const untilMs = clock.monotonicMs() + lease.tickMs;
    for (;;) {
      const limit = freeBatch;
      const startedMs = clock.monotonicMs();
      const ids = await store.leases.freeFenced({ limit });
      freed.push(...ids);
      const nowMs = clock.monotonicMs();
      freeBatch = nextBatchSize(limit, nowMs - startedMs);
      if (ids.length < limit || nowMs >= untilMs || !trusted()) return freed;
    }
  }

  return {
    join,
    renew,
    endOthers,
    trusted,
    incarnation: () => incarnation,
    joined: () => joined,
    mayHaveJoined: () => joined || joining !== null,
    /**
     * Whether another process runs under our name: `none`, `waiting` while its heartbeat is not yet known to stand
     * still, `in_use` where it keeps renewing. Of two that start at once the one with the smaller incarnation stays.
     */
    predecessor(others: readonly Heartbeat[]): 'none' | 'waiting' | 'in_use' {
      const rivals = others.filter((other) => other.replicaId === replicaId && !other.fenced && !isGone(other));
      if (rivals.length === 0) return 'none';
      const living = rivals.filter((other) => (sightings.get(other.incarnation)?.renewals ?? 0) >= 2);
      if (living.some((other) => other.beats > renewals + 1)) return 'in_use';
      if (living.some((other) => other.beats >= renewals - 1 && other.incarnation < incarnation)) return 'in_use';
      return living.length === rivals.length ? 'none' : 'waiting';
    },
    /** How long a dead process of our own name can make `predecessor` say `waiting`, from our join on. */
    predecessorOverMs,
    /**
     * Returns a check that holds for as long as this lease stands without a gap from now on: a run depends on it,
     * because a replica that saw the gap may have begun another run.
     */
    watch(): () => boolean {
      const [mine, then] = [incarnation, gaps];
      return () => trusted() && incarnation === mine && gaps === then;
    },
    /** Ends our own trust for good: nothing is claimed or written from here on. */
    retire(): void {
      retired = true;
    },
    /**
     * How long this incarnation has had its lease: right after a start, what seems unused may only not be back yet.
     */
    heldForMs: () => clock.monotonicMs() - heldSinceMs,
    /** The store's time, carried on from its last answer by our monotonic clock. */
    storeNow: () => new Date(storeAheadMs + clock.monotonicMs()),
    /** The instant of store time at which a call that begins now will have been given up. */
    callDeadline: () => new Date(storeAheadMs + clock.monotonicMs() + callLimitMs(lease)),
    suspectsItself: () => massOutage,
    setMassOutage(suspected: boolean): void {
      massOutage = suspected;
    },
    noteFenced: () => {
      trustedUntilMs = Number.NEGATIVE_INFINITY;
    },
    /** Gives the lease up; where a join is still under way, once that is over. */
    async leave(): Promise<void> {
      await joining;
      if (!joined) return;
      joined = false;
      await store.leases.leave({ incarnation });
    },
  };
}
