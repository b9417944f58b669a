import type { WaSync } from './api/wa-sync.js';
import { WaSyncError } from './domain/errors.js';
import { checkSessionId } from './domain/session.js';
import { createCloseConversations } from './engine/conversations/close-conversations.js';
import { createSendOutgoing } from './engine/conversations/send-outgoing.js';
import { createEvents } from './engine/events/emit-events.js';
import { createAskOwner } from './engine/inbox/ask-owner.js';
import { createInboxNotifications } from './engine/inbox/inbox-notifications.js';
import { createCleanUp } from './engine/jobs/clean-up.js';
import { createForgetOld } from './engine/jobs/forget-old.js';
import { createHistoryApi, createRunsApi } from './engine/jobs/history-api.js';
import { createJobBodies, createJobCalls } from './engine/jobs/job-calls.js';
import { createRunJobs } from './engine/jobs/run-jobs.js';
import { createSchedule } from './engine/jobs/schedule.js';
import { createCloseUnheld } from './engine/lease/close-unheld.js';
import { createMassGuard } from './engine/lease/guard-mass-outage.js';
import { createLease } from './engine/lease/lease.js';
import { createReleaseSessions } from './engine/lease/release-sessions.js';
import { createLinkWatch } from './engine/lease/watch-links.js';
import { createHostCalls } from './engine/limits/host-calls.js';
import { callLimitMs, limitStore } from './engine/limits/limit-store.js';
import { createFollowMessages } from './engine/messages/follow-messages.js';
import { createRecordMessages } from './engine/messages/record-messages.js';
import { createHeldSessions, type Held } from './engine/owned-sessions/held-sessions.js';
import { createPublishChanges } from './engine/owned-sessions/publish-changes.js';
import { createLiveness } from './engine/reconcile/liveness.js';
import { createReconciler } from './engine/reconcile/reconcile.js';
import { createStallWatch } from './engine/reconcile/watch-stalls.js';
import { createRunState } from './engine/replica/run-state.js';
import { createTick } from './engine/replica/tick.js';
import { createAttach } from './engine/sessions/attach.js';
import { createProvide } from './engine/sessions/provide.js';
import { createSessionsApi } from './engine/sessions/sessions-api.js';
import { createAskStatus } from './engine/sync/ask-status.js';
import { createAnswerInbox } from './engine/sync/handle-requests.js';
import { createStopGone } from './engine/sync/stop-gone.js';
import { createSweep } from './engine/sync/sweep.js';
import { createSyncCalls } from './engine/sync/sync-calls.js';
import { parseConfig, type WaSyncOptions } from './options/config.js';

/**
 * Makes a replica: the object that keeps the rows of its sessions true once it is started.
 *
 * @throws WaSyncError `config_invalid` that names each wrong option and what it takes
 * @example
 * const wa = createWaSync({ store: createMemoryStore(), logger: consoleLogger() });
 * wa.attach(observeBaileysSocket({ sessionId: 'sales', socket, onDead: 'end' }));
 * await wa.start();
 */
export function createWaSync(options: WaSyncOptions): WaSync {
  const config = parseConfig(options);
  const { clock, logger } = config;
  for (const part of [config.store, config.provider]) part?.useLogger?.({ logger });
  const store = limitStore(config.store, clock, callLimitMs(config.lease));
  const host = createHostCalls(config);
  const events = createEvents(host);
  const held = createHeldSessions();
  const publish = createPublishChanges({ config, held, events, onLost });
  const lease = createLease({ config, store, events, onRejoin });
  const reconciler = createReconciler({ config, store, held, lease, publish });
  const stalls = createStallWatch(clock);
  const liveness = createLiveness({ config, held, stalls, events, onVerdict: reconciler.enqueue });
  const recorder = createRecordMessages({ config, store });
  const messages = createFollowMessages({ config, store, recorder, host });
  const releaseSessions = createReleaseSessions({ config, store, held, lease, publish });
  const provide = createProvide({ config, store, held, releaseSessions, lease, publish, messages, host, onChange });
  const sweep = createSweep({
    config,
    store,
    held,
    lease,
    liveness,
    reconciler,
    publish,
    onStray: provide.releaseStray,
  });
  const closeUnheld = createCloseUnheld({ config, store, lease, events });
  const askOwner = createAskOwner({ config, store, lease });
  const calls = createSyncCalls({ config, store, held, sweep, provide, askOwner });
  const cleanUp = createCleanUp({ config, store, lease, host });
  const close = createCloseConversations({ config, store, lease, events, host });
  const parts = { sync: calls, cleanUp, close, closeUnheld };
  const jobs = createRunJobs({ config, store, lease, events, bodies: createJobBodies(parts) });
  const schedule = createSchedule({ config, store, jobs, host });
  const jobCalls = createJobCalls({ ...parts, config, jobs, store });
  const recorded = (entry: Held) => messages.recorded(entry.connection);
  const sendOutgoing = createSendOutgoing({ config, store, held, lease, events, recorded });
  const links = createLinkWatch({ config, events });
  const guard = createMassGuard({ config, held, lease, links, events });
  const status = createAskStatus({ config, store, held, liveness, askOwner });
  const answerInbox = createAnswerInbox({ config, store, held, lease, status, sweep, provide });
  const notifications = createInboxNotifications({ config, lease, onNotification });
  const inbox = { askOwner, answerInbox, notifications };
  const forgetOld = createForgetOld({ config, store, lease });
  const stopGone = createStopGone({ config, store, held, lease, reconciler, provide });
  const both = { config, held, lease, reconciler, provide, sendOutgoing, forgetOld, stopGone, inbox };
  const tick = createTick({ ...both, schedule, releaseSessions, guard, liveness });
  const run = createRunState({
    ...both,
    jobs,
    schedule,
    publish,
    store,
    liveness,
    stalls,
    tick,
    messages,
    calls,
    host,
  });

  const attach = createAttach({ config, held, releaseSessions, reconciler, messages, links, host, onChange });

  function onChange(entry: Held): void {
    liveness.refresh(entry);
    links.note(entry);
    reconciler.enqueue(entry);
  }

  function onNotification(): void {
    askOwner.check();
    answerInbox.kick();
  }

  function onLost(entry: Held): void {
    if (entry.mode === 'provided') provide.drop(entry);
    // Its next claim shows whether another replica has it for good.
    else reconciler.enqueue(entry);
  }

  function onRejoin(): void {
    for (const entry of [...held.all()]) {
      if (entry.tenure !== null) publish.lost(entry, 'fenced');
      else if (entry.mode === 'attached') reconciler.enqueue(entry);
    }
  }

  const { history, ofSession } = createHistoryApi({ store });

  return {
    replicaId: config.replicaId,
    logger,
    currentSession: config.currentSession,
    start: run.start,
    stop: run.stop,
    stopping: run.stopping,
    attach(connection) {
      run.assertNotStopped();
      return attach(connection);
    },
    async status(id, options) {
      const named = id ?? config.currentSession;
      if (named === null) throw new WaSyncError('no_current_session', 'Name a session, or set currentSession');
      return status.ask(checkSessionId(named), options);
    },
    async syncNow(id) {
      run.assertStarted();
      return calls.sync(id, false);
    },
    async forceSync(id) {
      run.assertStarted();
      return id === undefined ? jobCalls.forceEverything() : calls.sync(id, true);
    },
    async cleanupSessions(options) {
      run.assertStarted();
      return jobCalls.cleanupSessions(options);
    },
    async checkInactiveConversations(options) {
      run.assertStarted();
      return jobCalls.checkInactiveConversations(options);
    },
    async recordMessage(message) {
      run.assertNotStopped();
      await recorder.record(message);
    },
    async runJob(job, { slot = null } = {}) {
      run.assertStarted();
      return jobs.runNow(job, slot);
    },
    sessions: createSessionsApi({ config, store, held, provide, askOwner, host, history: ofSession }),
    runs: createRunsApi({ store }),
    history,
    on: events.on,
  };
}
