/**
 * This replica's right to own.
 *
 * Owns: the incarnation, and how long its last renewal may be trusted.
 * States: not joined, trusted, untrusted (the store did not answer in time), gone (fenced by another; the next renewal
 * joins as a new incarnation). No decision uses a host's wall clock: trust runs on the monotonic clock from the
 * *start* of the renewal, and another's lease is over only after this replica itself saw its heartbeat stand still.
 */

import { WaSyncError } from '../../domain/errors.js';
import type { Config } from '../../options/config.js';
import type { BeatAnswer, Heartbeat } from '../../ports/lease-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Events } from '../events/emit-events.js';
import { createBatchSize } from '../limits/batch-size.js';
import { callLimitMs } from '../limits/limit-store.js';
import { type Answered, createHeartbeatWatch } from './watch-heartbeats.js';

/** Part of the lease that is never used, against clocks that run at different speeds and writes that take time. */
const MARGIN = 0.1;
/** What to do where two processes have one name. */
export const OWN_NAMES = 'leave replicaId out, or give each process its own, such as the name of its pod';

export type Lease = ReturnType<typeof createLease>;
type LostWhy = 'store_unreachable' | 'fenced';
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
  const watch = createHeartbeatWatch(deps.config);
  const ended = new Set<string>();
  const freeing = createBatchSize({ clock });
  let incarnation = random.token();
  let trustedUntilMs = Number.NEGATIVE_INFINITY;
  let storeAheadMs = 0;
  let joined = false;
  /** The number that our join drew. */
  let joinedAt = 0;
  /** After a fence: whether an older process of our name is, or may be, at work. Then everything is its own. */
  let outranked = false;
  let saidOutranked = false;
  /** A join under way: it may be committed although nobody waits for it any more. */
  let joining: Promise<unknown> | null = null;
  let heldSinceMs = 0;
  let retired = false;
  let lost: LostWhy | null = null;
  let massOutage = false;
  let stuck = false;
  /** Times that the trust had run out when it came back. */
  let gaps = 0;

  const trusted = () => joined && !retired && !outranked && clock.monotonicMs() < trustedUntilMs;

  function noteLost(why: LostWhy): void {
    if (lost) return;
    lost = why;
    logger.error({ code: 'lease_lost', why, replicaId }, 'The lease is lost: nothing is written until it is back');
    events.emit('lease:lost', { at: clock.now(), why });
  }

  function noteAlive(answer: Alive, beat: { after: Answered | null; begunMs: number }): void {
    const arrivedMs = clock.monotonicMs();
    if (arrivedMs >= trustedUntilMs) gaps += 1;
    storeAheadMs = answer.storeNow.getTime() - beat.begunMs;
    trustedUntilMs = beat.begunMs + lease.ttlMs * (1 - MARGIN);
    joinedAt = answer.joined;
    watch.note(answer, { ...beat, arrivedMs });
    if (lost === 'fenced') giveWay(answer.others);
    if (!lost || outranked) return;
    lost = null;
    logger.info({ code: 'lease_back', replicaId }, 'The lease is back');
    events.emit('lease:back', { at: clock.now() });
  }

  /** Who ended our lease may run under our name: then both of us would be its owner. */
  function giveWay(others: readonly Heartbeat[]): void {
    const verdict = predecessor(others);
    if (verdict === 'in_use' && !saidOutranked) {
      saidOutranked = true;
      const text = `Another process runs as replica ${replicaId} and has ended our lease: this one writes nothing while it lives. To have both at work, ${OWN_NAMES}`;
      logger.error({ code: 'replica_id_in_use', replicaId }, text);
    }
    outranked = verdict !== 'none';
  }

  /** Ended here; or by somebody who may, where this replica only observes. */
  function isGone(other: Heartbeat): boolean {
    return ended.has(other.incarnation) || (observeOnly && watch.isOver(other));
  }

  /**
   * Whether another process runs under our name: `none`, `waiting` while its heartbeat is not yet known to stand still,
   * `in_use` where it keeps renewing. Of two that start at once the one that joined first stays.
   */
  function predecessor(others: readonly Heartbeat[]): 'none' | 'waiting' | 'in_use' {
    const older = others.filter((other) => {
      return other.replicaId === replicaId && other.joined < joinedAt && !other.fenced && !isGone(other);
    });
    if (older.some(watch.isAtWork)) return 'in_use';
    return older.length > 0 ? 'waiting' : 'none';
  }

  async function join(): Promise<Alive> {
    if (retired) throw new WaSyncError('not_running', 'This replica is stopped: make a new one');
    const work = joinNow();
    joining = work.catch(() => {});
    return work;
  }

  async function joinNow(): Promise<Alive> {
    const begunMs = clock.monotonicMs();
    const answer = await store.leases.join({ incarnation, replicaId, ttlMs: lease.ttlMs });
    if (!answer.alive) throw new WaSyncError('store_failed', 'The store refused a new lease', { retryable: true });
    joined = true;
    heldSinceMs = begunMs;
    noteAlive(answer, { after: null, begunMs });
    return answer;
  }

  /** Renews the lease; after a fence it joins again as a new incarnation. */
  async function renew(): Promise<Alive> {
    const begunMs = clock.monotonicMs();
    const after = watch.after();
    try {
      const said = { massOutage, stuck };
      const who = { incarnation, replicaId, ttlMs: lease.ttlMs };
      const answer = await store.leases.beat({
        ...who,
        ...said,
        after: after?.number ?? null,
        last: joined ? watch.last() : null,
      });
      if (answer.alive) {
        // A join that was committed although it errored.
        if (!joined) heldSinceMs = begunMs;
        joined = true;
        noteAlive(answer, { after, begunMs });
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
  async function endOthers({ others, fencedLeft }: Alive): Promise<string[]> {
    // An observer must not: it would write the rows of the sessions that it frees.
    if (observeOnly) return [];
    let anyFenced = fencedLeft;
    for (const other of others) {
      if (other.fenced || !watch.isOver(other)) continue;
      const fenced = await store.leases.fence({ incarnation: other.incarnation, number: other.number });
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
      const limit = freeing.rows();
      const ids = await freeing.measure(() => store.leases.freeFenced({ limit }));
      freed.push(...ids);
      if (ids.length < limit || clock.monotonicMs() >= untilMs || !trusted()) return freed;
    }
  }

  return {
    join,
    renew,
    endOthers,
    addUnknown: () => store.leases.addUnknown({ ttlMs: lease.ttlMs }),
    trusted,
    incarnation: () => incarnation,
    joined: () => joined,
    mayHaveJoined: () => joined || joining !== null,
    predecessor,
    /** How long a dead process of our own name can make `predecessor` say `waiting`, from our join on. */
    predecessorOverMs: watch.predecessorOverMs,
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
    setStuck(cannotWrite: boolean): void {
      stuck = cannotWrite;
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
