/**
 * The states of a replica: new, starting, running, stopping, stopped. `start` is over when the replica has a lease,
 * has dealt with a predecessor of its own name and has synced once; `stop` when its rows say that it is gone.
 */

import type { WaSync } from '../../api/wa-sync.js';
import { WaSyncError } from '../../domain/errors.js';
import type { Config } from '../../options/config.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { SendOutgoing } from '../conversations/send-outgoing.js';
import type { AskOwner } from '../inbox/ask-owner.js';
import type { InboxNotifications } from '../inbox/inbox-notifications.js';
import type { ForgetOld } from '../jobs/forget-old.js';
import type { RunJobs } from '../jobs/run-jobs.js';
import type { JobSchedule } from '../jobs/schedule.js';
import type { Lease } from '../lease/lease.js';
import type { HostCalls } from '../limits/host-calls.js';
import { withTimeout } from '../limits/limit-calls.js';
import type { FollowMessages } from '../messages/follow-messages.js';
import { closeUnawaited } from '../owned-sessions/close-connection.js';
import type { HeldSessions } from '../owned-sessions/held-sessions.js';
import type { PublishChanges } from '../owned-sessions/publish-changes.js';
import type { Liveness } from '../reconcile/liveness.js';
import type { Reconciler } from '../reconcile/reconcile.js';
import type { StallWatch } from '../reconcile/watch-stalls.js';
import type { Provide } from '../sessions/provide.js';
import type { AnswerInbox } from '../sync/handle-requests.js';
import type { SyncCalls } from '../sync/sync-calls.js';
import { giveUpLease } from './give-up-lease.js';
import type { Tick } from './tick.js';

const DEFAULT_STOP_MS = 1_200;

/** Starts and stops a replica, and says whether a call may be made now. */
interface RunState extends Pick<WaSync, 'start' | 'stop' | 'stopping'> {
  /** @throws WaSyncError `not_running` */
  assertStarted(): void;
  /** @throws WaSyncError `not_running` */
  assertNotStopped(): void;
}

export function createRunState(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'replicaId' | 'observeOnly' | 'lease'>;
  store: WaSyncStore;
  held: HeldSessions;
  lease: Lease;
  reconciler: Reconciler;
  liveness: Liveness;
  provide: Provide;
  stalls: StallWatch;
  tick: Tick;
  publish: PublishChanges;
  jobs: RunJobs;
  schedule: JobSchedule;
  sendOutgoing: SendOutgoing;
  forgetOld: ForgetOld;
  messages: FollowMessages;
  calls: SyncCalls;
  host: HostCalls;
  inbox: { askOwner: AskOwner; answerInbox: AnswerInbox; notifications: InboxNotifications };
}): RunState {
  const { store, held: sessions, lease, liveness, provide, stalls, tick, calls } = deps;
  const { clock } = deps.config;
  const ending = new AbortController();
  let state: 'new' | 'starting' | 'running' | 'stopped' = 'new';
  let stopping: Promise<void> | null = null;
  const stopped = new Promise<never>((_, reject) => {
    ending.signal.addEventListener('abort', () => reject(notRunning('stopped')), { once: true });
  });
  stopped.catch(() => {});

  /** Waits for a step of the start; a stop in its midst ends the waiting, whatever the step waits for. */
  function unlessStopped<Result>(step: Promise<Result>): Promise<Result> {
    return Promise.race([stopped, step]);
  }

  async function start(): Promise<void> {
    if (state !== 'new')
      throw new WaSyncError('already_started', `This replica is ${state}: make a new one to start again`);
    state = 'starting';
    try {
      await unlessStopped(store.init());
      const answer = await unlessStopped(lease.join());
      stalls.start();
      liveness.start();
      await unlessStopped(deps.schedule.start());
      await unlessStopped(tick.start(answer));
      await unlessStopped(tick.predecessorsGone());
    } catch (error) {
      await stop({ timeoutMs: DEFAULT_STOP_MS });
      throw error;
    }
    state = 'running';
    await calls.sync(undefined, false);
  }

  /** A second call waits for the first. */
  function stop({ timeoutMs = DEFAULT_STOP_MS } = {}): Promise<void> {
    stopping ??= end(timeoutMs);
    return stopping;
  }

  async function end(timeoutMs: number): Promise<void> {
    state = 'stopped';
    ending.abort();
    liveness.stop();
    stalls.stop();
    deps.inbox.notifications.stop();
    deps.inbox.askOwner.stop();
    // The sockets get half of the time, so that the rows are written even where a socket will not close.
    lease.retire();
    const untilMs = clock.monotonicMs() + timeoutMs;
    await withTimeout(clock, timeoutMs / 2, async () => {
      await Promise.all([
        tick.stop(),
        deps.schedule.stop({ timeoutMs: timeoutMs / 4 }),
        provide.closeAll(),
        deps.reconciler.finished(),
        deps.jobs.finished(),
        deps.sendOutgoing.finished(),
        deps.forgetOld.finished(),
        deps.inbox.answerInbox.finished(),
      ]);
      // Messages that a socket hands over at its end were received, so they are recorded too.
      await Promise.all([...sessions.all()].map(({ connection }) => deps.messages.recorded(connection)));
    });
    deps.messages.stop();
    if (lease.mayHaveJoined()) await giveUpLease(deps, { untilMs });
    for (const held of [...sessions.all()]) {
      if (held.mode === 'attached') closeUnawaited(held.connection, 'shutdown', deps.host);
      sessions.remove(held);
    }
  }

  return {
    start,
    stop,
    stopping: ending.signal,
    assertStarted(): void {
      if (state === 'new' || state === 'stopped') throw notRunning(state);
    },
    assertNotStopped(): void {
      if (state === 'stopped') throw notRunning(state);
    },
  };
}

function notRunning(state: 'new' | 'stopped'): WaSyncError {
  const fix = state === 'new' ? 'call start() first' : 'make a new one';
  return new WaSyncError('not_running', `This replica is ${state}: ${fix}`);
}
