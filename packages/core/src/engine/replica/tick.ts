/**
 * The one timer that talks to the store. Each tick beats: it renews the lease. What comes of the answer is done beside
 * the beats: end the leases of the dead, open what stands free, run the jobs that are due, take up again what could not
 * be written. However long that takes, the next beat goes out at its time: with a store that is slow for every call,
 * the order of our own work would otherwise take the lease. Wake-up after a suspend, catch-up and clock changes are
 * this one path, because every beat asks the store what time it is.
 */

import { WaSyncError } from '../../domain/errors.js';
import type { Config } from '../../options/config.js';
import type { BeatAnswer } from '../../ports/lease-store.js';
import type { SendOutgoing } from '../conversations/send-outgoing.js';
import type { InboxNotifications } from '../inbox/inbox-notifications.js';
import type { ForgetOld } from '../jobs/forget-old.js';
import type { JobSchedule } from '../jobs/schedule.js';
import type { MassGuard } from '../lease/guard-mass-outage.js';
import { type Lease, OWN_NAMES } from '../lease/lease.js';
import type { ReleaseSessions } from '../lease/release-sessions.js';
import type { HeldSessions } from '../owned-sessions/held-sessions.js';
import type { Liveness } from '../reconcile/liveness.js';
import type { Reconciler } from '../reconcile/reconcile.js';
import type { Provide } from '../sessions/provide.js';
import type { AnswerInbox } from '../sync/handle-requests.js';

type Alive = Extract<BeatAnswer, { alive: true }>;

/** How soon a beat that was withheld is tried again. */
const WITHHELD_MS = 500;

export type Tick = ReturnType<typeof createTick>;

export function createTick(deps: {
  config: Pick<Config, 'clock' | 'lease' | 'logger' | 'observeOnly' | 'replicaId'>;
  held: HeldSessions;
  releaseSessions: ReleaseSessions;
  lease: Lease;
  reconciler: Reconciler;
  liveness: Pick<Liveness, 'isBehind'>;
  provide: Provide;
  schedule: JobSchedule;
  sendOutgoing: SendOutgoing;
  forgetOld: ForgetOld;
  stopGone: () => Promise<void>;
  guard: MassGuard;
  inbox: { answerInbox: AnswerInbox; notifications: InboxNotifications };
}) {
  const { lease, reconciler, provide, schedule } = deps;
  const { clock, logger, observeOnly } = deps.config;
  const { tickMs, ttlMs } = deps.config.lease;
  let cancel: (() => void) | null = null;
  let beating: Promise<void> | null = null;
  let working: Promise<void> | null = null;
  /** What the newest beat brought, while the work for an earlier one still goes on. */
  let newer: Alive | null = null;
  let workedOnce = () => {};
  const firstWork = new Promise<void>((resolve) => {
    workedOnce = resolve;
  });
  let findUnknownAtMs = Number.NEGATIVE_INFINITY;
  let stopped = false;
  let failing = false;
  let withheld = false;
  /** Steps that failed when they were last taken: a failure is logged once until the step works again. */
  const failedSteps = new Set<string>();
  let saidThatItWaits = false;
  let start: { resolve(): void; reject(error: unknown): void } | null = null;
  const started = new Promise<void>((resolve, reject) => {
    start = { resolve, reject };
  });
  started.catch(() => {});

  /** What is done for an answer, in this order. A step that fails keeps none of the others from being taken. */
  const steps: readonly (readonly [name: string, take: (answer: Alive) => Promise<void> | void])[] = [
    ['find owners without a heartbeat', findUnknown],
    ['end the leases of the dead', endTheDead],
    ['meet a predecessor', meetPredecessor],
    ['write what could not be written', () => reconciler.retryDeferred()],
    ['watch takeovers', watchTakeovers],
    ['release sessions', () => deps.releaseSessions.retry()],
    ['open sessions', () => provide.openClaimable()],
    ['stop sessions without a row of the host', () => deps.stopGone()],
    ['start what works by itself', kickOthers],
    ['run the jobs', ({ storeNow }) => schedule.tick(storeNow)],
  ];

  async function work(answer: Alive): Promise<void> {
    for (const [name, take] of steps) {
      // Nothing is begun for a lease that may be over; the next answered beat comes back here.
      if (stopped || !lease.trusted()) return;
      try {
        await take(answer);
        failedSteps.delete(name);
      } catch (error) {
        if (failedSteps.has(name)) continue;
        failedSteps.add(name);
        logger.error({ code: 'tick_failed', step: name, err: error }, `Could not ${name}; trying again with each tick`);
      }
    }
  }

  /** Does what an answer asks for; where work for an earlier one is under way, the newest one is next. */
  function kickWork(answer: Alive): void {
    newer = answer;
    working ??= (async () => {
      for (let next: Alive | null = answer; next !== null; next = newer) {
        newer = null;
        await work(next);
        workedOnce();
      }
      working = null;
    })();
  }

  /** One that was deleted by hand or by a restore; seldom, so once a lease is enough. */
  async function findUnknown(): Promise<void> {
    const nowMs = clock.monotonicMs();
    if (observeOnly || nowMs < findUnknownAtMs) return;
    const found = await lease.addUnknown();
    findUnknownAtMs = nowMs + ttlMs;
    if (found === 0) return;
    const text = `${found} owners of sessions had no heartbeat: who lives goes on, the others' sessions are free in one lease`;
    logger.warn({ code: 'owner_unknown', owners: found }, text);
  }

  async function endTheDead(answer: Alive): Promise<void> {
    const freed = await lease.endOthers(answer);
    if (freed.length > 0) for (const held of deps.held.all()) if (held.tenure === null) reconciler.enqueue(held);
  }

  function kickOthers(answer: Alive): void {
    deps.sendOutgoing.kick({ waiting: answer.outgoing === true });
    deps.inbox.notifications.kick();
    if (answer.inbox === true) deps.inbox.answerInbox.kick();
    deps.forgetOld.kick();
  }

  /**
   * A connection that another login replaced may have lost its session to the replica that opened it: report it to the
   * host, do not take the session over again.
   */
  function watchTakeovers(): void {
    for (const held of deps.held.all()) {
      if (held.mode !== 'attached' || held.stored?.status !== 'REPLACED') continue;
      held.stored = null;
      reconciler.enqueue(held);
    }
  }

  function meetPredecessor(answer: Alive): void {
    if (!start) return;
    const verdict = lease.predecessor(answer.others);
    if (verdict === 'waiting') {
      sayWhatIsWaitedFor(answer);
      return;
    }
    if (verdict === 'none') start.resolve();
    else {
      const message = `Another process runs as replica ${deps.config.replicaId}${leaseOfTwin(answer)}: ${OWN_NAMES}; wa-sync doctor lists them`;
      start.reject(new WaSyncError('replica_id_in_use', message));
    }
    start = null;
  }

  /** Logged once: a start that waits in silence seems to hang. */
  function sayWhatIsWaitedFor(answer: Alive): void {
    if (saidThatItWaits) return;
    saidThatItWaits = true;
    const { replicaId } = deps.config;
    const waitMs = lease.predecessorOverMs;
    const message = `Another lease of replica ${replicaId} is not over yet${leaseOfTwin(answer)}. start() waits for that, at most ${waitMs / 1_000} s if its process is dead; if it lives, start() ends with replica_id_in_use. To wait for nothing, ${OWN_NAMES}`;
    logger.warn({ code: 'replica_id_waits', replicaId, waitMs }, message);
  }

  function leaseOfTwin({ others }: Alive): string {
    const other = others.find((one) => one.replicaId === deps.config.replicaId && !one.fenced);
    return other ? ` (lease ${other.incarnation.slice(0, 8)}, renewed at ${other.beatAt.toISOString()})` : '';
  }

  async function renew(): Promise<void> {
    await deps.guard.check();
    lease.setStuck(reconciler.isStuck());
    const answer = await lease.renew();
    if (failing) logger.info({ code: 'store_back' }, 'The store answers again');
    failing = false;
    kickWork(answer);
  }

  async function beat(): Promise<void> {
    if (deps.liveness.isBehind()) {
      withhold();
      return;
    }
    withheld = false;
    const startedMs = clock.monotonicMs();
    beating = renew().catch((error: unknown) => {
      if (!failing)
        logger.error({ code: 'store_unreachable', err: error }, 'The store does not answer; sockets are left alone');
      failing = true;
    });
    await beating;
    beating = null;
    if (!stopped) beatIn(Math.max(0, tickMs - (clock.monotonicMs() - startedMs)));
  }

  /** Nobody may believe rows that nobody checks. */
  function withhold(): void {
    if (!withheld) {
      const text = 'The connections are not being checked: the lease is not renewed until they are';
      logger.error({ code: 'beat_withheld', replicaId: deps.config.replicaId }, text);
    }
    withheld = true;
    beatIn(WITHHELD_MS);
  }

  function beatIn(ms: number): void {
    cancel = clock.schedule(() => void beat(), ms);
  }

  return {
    /**
     * Begins with the answer of the join; settles when what comes of it is done, and not later: where every beat brings
     * more than a tick can take, the work is never at its end.
     */
    async start(answer: Alive): Promise<void> {
      beatIn(tickMs);
      kickWork(answer);
      await firstWork;
    },
    /** Settles once no other process of this replica's name lives, at the latest two ticks after it died. */
    predecessorsGone: () => started,
    /** No beat begins after this; settles when the beat and the step under way have ended. */
    async stop(): Promise<void> {
      stopped = true;
      cancel?.();
      await Promise.all([beating, working]);
    },
  };
}
