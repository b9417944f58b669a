/**
 * The one timer that talks to the store: renew the lease, end the leases of the dead, open what stands free, run the
 * jobs that are due, and take up again what could not be written. Resuming after a suspend, catch-up and clock changes
 * are this one path, because every beat asks the store what time it is.
 */

import { WaSyncError } from '../../domain/errors.js';
import type { Config } from '../../options/config.js';
import type { BeatAnswer } from '../../ports/lease-store.js';
import type { SendOutgoing } from '../conversations/send-outgoing.js';
import type { InboxNotifications } from '../inbox/inbox-notifications.js';
import type { ForgetOld } from '../jobs/forget-old.js';
import type { JobSchedule } from '../jobs/schedule.js';
import type { MassGuard } from '../lease/guard-mass-outage.js';
import type { Lease } from '../lease/lease.js';
import type { ReleaseSessions } from '../lease/release-sessions.js';
import type { HeldSessions } from '../owned-sessions/held-sessions.js';
import type { Reconciler } from '../reconcile/reconcile.js';
import type { Provide } from '../sessions/provide.js';
import type { AnswerInbox } from '../sync/handle-requests.js';

type Alive = Extract<BeatAnswer, { alive: true }>;

const OWN_NAMES = 'leave replicaId out, or give each process its own, such as the name of its pod';

export type Tick = ReturnType<typeof createTick>;

export function createTick(deps: {
  config: Pick<Config, 'clock' | 'lease' | 'logger' | 'replicaId'>;
  held: HeldSessions;
  releaseSessions: ReleaseSessions;
  lease: Lease;
  reconciler: Reconciler;
  provide: Provide;
  schedule: JobSchedule;
  sendOutgoing: SendOutgoing;
  forgetOld: ForgetOld;
  guard: MassGuard;
  inbox: { answerInbox: AnswerInbox; notifications: InboxNotifications };
}) {
  const { lease, reconciler, provide, schedule } = deps;
  const { clock, logger } = deps.config;
  const { tickMs } = deps.config.lease;
  let cancel: (() => void) | null = null;
  let running: Promise<void> | null = null;
  let stopped = false;
  let failing = false;
  let saidThatItWaits = false;
  let start: { resolve(): void; reject(error: unknown): void } | null = null;
  const started = new Promise<void>((resolve, reject) => {
    start = { resolve, reject };
  });
  started.catch(() => {});

  async function work(): Promise<void> {
    await deps.guard.check();
    const answer = await lease.renew();
    if (failing) logger.info({ code: 'store_back' }, 'The store answers again');
    failing = false;
    await afterBeat(answer);
  }

  async function afterBeat(answer: Alive): Promise<void> {
    const freed = await lease.endOthers(answer.others);
    meetPredecessor(answer);
    reconciler.retryDeferred();
    watchTakeovers();
    await deps.releaseSessions.retry();
    if (freed.length > 0) for (const held of deps.held.all()) if (held.tenure === null) reconciler.enqueue(held);
    if (answer.claimable || freed.length > 0) await provide.openClaimable();
    deps.sendOutgoing.kick({ waiting: answer.outgoing === true });
    deps.inbox.notifications.kick();
    if (answer.inbox === true) deps.inbox.answerInbox.kick();
    deps.forgetOld.kick();
    await schedule.tick(answer.storeNow);
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

  async function beat(): Promise<void> {
    const startedMs = clock.monotonicMs();
    running = work().catch((error: unknown) => {
      if (!failing)
        logger.error({ code: 'store_unreachable', err: error }, 'The store does not answer; sockets are left alone');
      failing = true;
    });
    await running;
    running = null;
    if (!stopped) cancel = clock.schedule(() => void beat(), Math.max(0, tickMs - (clock.monotonicMs() - startedMs)));
  }

  return {
    /** Begins with the answer of the join. */
    async start(answer: Alive): Promise<void> {
      await afterBeat(answer);
      cancel = clock.schedule(() => void beat(), tickMs);
    },
    /** Settles once no other process of this replica's name lives, at the latest two ticks after it died. */
    predecessorsGone: () => started,
    /** No beat begins after this; settles when the one under way has ended. */
    async stop(): Promise<void> {
      stopped = true;
      cancel?.();
      await running;
    },
  };
}
