/**
 * Corrects rows: own, load, observe, decide, apply.
 *
 * Owns: what could not be written, or not be observed. It stays in `deferred` and is taken up again with the next beat
 * that is answered. The truth is read when a session's turn comes, not when its event did, and a write is guarded by
 * the tenure and version that were read *before* observing, so nobody else's newer write is overwritten. One whose answer
 * was lost may still be on its way: the next pass takes its version from it.
 */

import { decide } from '../../decide/decide.js';
import type { SyncedSession } from '../../domain/report.js';
import type { Observation, StoredSession } from '../../domain/session.js';
import { createFailureLog } from '../../logging/log-failures.js';
import type { Config } from '../../options/config.js';
import type { GuardedWrite, WriteOutcome } from '../../ports/session-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Lease } from '../lease/lease.js';
import type { Held, HeldSessions } from '../owned-sessions/held-sessions.js';
import { observe } from '../owned-sessions/observe.js';
import { type PublishChanges, type Trigger, whyLost } from '../owned-sessions/publish-changes.js';
import { claimHeld, isContested, type Refusals } from './claim-held.js';
import { createReconcileQueue, type Queued } from './reconcile-queue.js';
import { createLockRetry } from './retry-locked.js';
import { hostRowGone, type PassResult, syncedSession } from './synced-session.js';
import { createWriteTracker } from './track-writes.js';

/** How often a pass is begun anew after another writer came first. */
const ATTEMPTS = 4;

interface Plan {
  readonly entry: Queued;
  readonly stored: StoredSession;
  readonly observed: Observation;
  readonly write: GuardedWrite;
  /** Changes nothing but the version, so that a write whose answer was lost comes too late. */
  readonly voids: boolean;
}

export type Reconciler = ReturnType<typeof createReconciler>;

export function createReconciler(deps: {
  config: Pick<Config, 'clock' | 'random' | 'lease' | 'logger' | 'observeOnly'>;
  store: WaSyncStore;
  held: HeldSessions;
  lease: Lease;
  publish: PublishChanges;
}) {
  const { store, held: sessions, lease, publish } = deps;
  const { clock, random, logger, observeOnly } = deps.config;
  const deferred = new Set<string>();
  const failures = createFailureLog(deps.config);
  const writes = createWriteTracker({ ...deps, prove: (held) => enqueue(held, 'event') });
  const queue = createReconcileQueue(reconcileBatch);
  const lockRetry = createLockRetry({
    clock,
    enqueue: ({ held, trigger, waiters }) => enqueue(held, trigger, ...waiters),
    onLasting: (entry) => void postpone([entry], 'unknown', 'contended'),
  });

  /** The caller may hold a connection that was replaced; enqueue its successor. */
  function enqueue(held: Held, trigger: Trigger, ...waiters: Queued['waiters']): void {
    queue.enqueue(sessions.get(held.id) ?? held, trigger, ...waiters);
  }

  async function reconcileBatch(batch: readonly Queued[]): Promise<boolean> {
    let entries = batch;
    try {
      for (let attempt = 0; attempt < ATTEMPTS && entries.length > 0; attempt++) entries = await passOnce(entries);
      postpone(entries, 'unknown', 'contended');
      return true;
    } catch (error) {
      const fields = { code: 'reconcile_failed', sessions: entries.length, err: error };
      logger.error(fields, 'Rows could not be put right; trying again later');
      postpone(entries, 'failed', 'store_failed');
      return false;
    }
  }

  /** One pass over a batch; returns the entries that another writer overtook. */
  async function passOnce(entries: readonly Queued[]): Promise<Queued[]> {
    const present = stillHeld(entries);
    // Before the start the store may not even have its tables.
    if (!lease.joined()) return postpone(present, 'unknown', 'not_started');
    let refused: Refusals = new Map();
    if (!observeOnly) {
      if (!lease.trusted()) return postpone(present, 'unknown', 'lease_lost');
      refused = await claimHeld(
        { store, sessions, lease, random, clock, publish },
        present.map((entry) => entry.held),
      );
    }
    await load(present);
    // While its row was read another connection may have taken its place, whose word counts.
    const plans = stillHeld(present)
      .map((entry) => plan(entry, refused))
      .filter((made) => made !== null);
    return apply(plans);
  }

  function stillHeld(entries: readonly Queued[]): Queued[] {
    return entries.filter(
      (entry) => sessions.get(entry.held.id) === entry.held || report(entry, { reason: 'detached' }),
    );
  }

  async function load(entries: readonly Queued[]): Promise<void> {
    const missing = entries.filter(({ held }) => held.stored === null && (held.tenure !== null || observeOnly));
    if (missing.length === 0) return;
    const askedAtMs = clock.monotonicMs();
    const rows = await store.sessions.get({ ids: missing.map((entry) => entry.held.id) });
    const byId = new Map(rows.map((row) => [row.id, row]));
    for (const { held } of missing) {
      const row = byId.get(held.id) ?? null;
      if (observeOnly) held.stored = row;
      else if (row && row.tenure === held.tenure) {
        held.stored = row;
        held.ownedAtMs = askedAtMs;
        publish.confirmed(held, row);
      } else publish.lost(held, whyLost(row));
    }
  }

  /** Observe, then decide; `null` where nothing has to be written. */
  function plan(entry: Queued, refused: Refusals): Plan | null {
    const { held } = entry;
    const stored = held.stored;
    if (stored === null) {
      const why = refused.get(held.id) ?? 'not_owned';
      if (why === 'locked') return lockRetry.add(entry, clock.monotonicMs() - (held.claimingSinceMs ?? 0));
      report(entry, { reason: why });
      if (isContested(held) || why === 'lease_lost' || why.startsWith('store_')) deferred.add(held.id);
      return null;
    }
    const observed = observe(held);
    publish.observed(held, observed);
    const decision = decide(observed, stored);
    const voids =
      decision.kind === 'none' && !observeOnly && (writes.mayStillCome(stored) || writes.isToProve(held.id));
    if (decision.kind === 'none' && !voids) {
      writes.settled(held.id);
      publish.mirrorSeen(held, stored);
      report(entry, { stored, observed, reason: decision.why });
      // A connection that does not know now may send no event either when it knows again.
      if (decision.why === 'unknown') deferred.add(held.id);
      return null;
    }
    if (observeOnly) return report(entry, { stored, observed, action: 'would_correct', reason: decision.kind });
    const set = decision.kind === 'write' ? decision.set : null;
    const write = { id: held.id, tenure: stored.tenure ?? '', version: stored.version, writeId: random.token(), set };
    return { entry, stored, observed, write, voids };
  }

  /** Has the row read again, also for the connection that took this one's place while the write was on its way. */
  function forget(held: Held): void {
    held.stored = null;
    const current = sessions.get(held.id);
    if (current) current.stored = null;
  }

  async function apply(plans: readonly Plan[]): Promise<Queued[]> {
    if (plans.length === 0) return [];
    const entries = plans.map(({ entry }) => entry);
    if (!lease.trusted()) return postpone(entries, 'unknown', 'lease_lost');
    writes.begun(plans.map(({ write }) => write));
    for (const { entry, write, stored } of plans) {
      entry.held.unconfirmed = { writeId: write.writeId, before: stored, trigger: entry.trigger };
    }
    let outcomes: WriteOutcome[];
    const askedAtMs = clock.monotonicMs();
    try {
      outcomes = await store.sessions.write({ owner: lease.incarnation(), writes: plans.map((made) => made.write) });
    } catch (error) {
      // It may have been committed all the same: load again, and know our own write by its id.
      for (const { entry, write } of plans) {
        forget(entry.held);
        writes.answerLost(write);
      }
      throw error;
    }
    const byId = new Map(outcomes.map((outcome) => [outcome.id, outcome]));
    return plans.filter((made) => !finish(made, byId.get(made.entry.held.id), askedAtMs)).map((made) => made.entry);
  }

  /** Whether the write holds; a missed guard means that another pass is needed. */
  function finish(
    { entry, stored, observed, write, voids }: Plan,
    outcome: WriteOutcome | undefined,
    askedAtMs: number,
  ): boolean {
    const { held } = entry;
    held.unconfirmed = null;
    if (!outcome?.applied) {
      if (outcome?.refused) {
        writes.refused(held.id);
        failures.failed({ code: 'reconcile_failed', sessionId: held.id }, 'The store refused a row', outcome.refused);
        postpone([entry], 'failed', 'store_failed');
        return true;
      }
      if (outcome?.locked) {
        lockRetry.add(entry, writes.refused(held.id));
        return true;
      }
      held.stored = null;
      logger.debug({ code: 'guard_missed', sessionId: held.id }, 'Another writer came first: reading the row again');
      return false;
    }
    writes.committed(outcome.session);
    if (sessions.get(held.id) !== held) forget(held);
    if (held.tenure === write.tenure) {
      held.stored = outcome.session;
      held.ownedAtMs = askedAtMs;
    }
    if (voids) {
      if (writes.mayStillCome(outcome.session)) return false;
      report(entry, { stored, observed, reason: hostRowGone(outcome) ?? 'in_sync' });
      return true;
    }
    publish.written({
      held,
      trigger: entry.trigger,
      before: stored,
      after: outcome.session,
      blocked: outcome.mirrorBlocked,
    });
    if (write.set === null && outcome.mirrorBlocked) {
      report(entry, { stored, observed, action: 'failed', reason: hostRowGone(outcome) ?? 'mirror_blocked' });
      return true;
    }
    const action = write.set === null ? 'mirror_repaired' : 'corrected';
    const changed = write.set === null ? 'foreign_write' : (outcome.session.reason?.code ?? 'drift');
    const reason = hostRowGone(outcome) ?? changed;
    held.lastWrite = { atMs: clock.monotonicMs(), outcome: { stored: stored.status, action, reason } };
    report(entry, { stored, observed, action, reason });
    if (writes.mayStillCome(outcome.session)) enqueue(held, 'event');
    return true;
  }

  function report(entry: Queued, result: PassResult): null {
    const { id } = entry.held;
    const current = sessions.get(id);
    // What is deferred for its successor stays deferred.
    if (!current || current === entry.held) deferred.delete(id);
    if (!current) writes.gone(id);
    const answer = syncedSession(id, result);
    for (const waiter of entry.waiters) waiter(answer);
    return null;
  }

  function postpone(entries: readonly Queued[], action: 'unknown' | 'failed', reason: string): [] {
    for (const entry of entries) {
      report(entry, { action, reason });
      deferred.add(entry.held.id);
    }
    return [];
  }

  return {
    /** Enqueues a session; never throws, never waits. */
    enqueue: (held: Held): void => enqueue(held, 'event'),
    /**
     * Reconciles sessions now and returns what was done, also by an event that came first but after `sinceMs`. `fresh`
     * reads the rows again.
     */
    reconcile(
      all: readonly Held[],
      options: { fresh: boolean; trigger: Trigger; sinceMs: number },
    ): Promise<SyncedSession[]> {
      const passOver = async (held: Held): Promise<SyncedSession> => {
        if (options.fresh) held.stored = null;
        const result = await new Promise<SyncedSession>((resolve) => enqueue(held, options.trigger, resolve));
        const { lastWrite } = held;
        const tookMs = clock.monotonicMs() - options.sinceMs;
        if (result.action !== 'none' || lastWrite === null || lastWrite.atMs < options.sinceMs)
          return { ...result, tookMs };
        return { ...result, ...lastWrite.outcome, tookMs };
      };
      return Promise.all(all.map(passOver));
    },
    /**
     * Whether none of our rows can be written, although some should be; where nothing tells, one that is right is
     * written to know.
     */
    isStuck: writes.isStuck,
    /** Takes up again what could not be written. */
    retryDeferred(): void {
      for (const id of deferred) {
        const held = sessions.get(id);
        if (held) enqueue(held, 'event');
        else deferred.delete(id);
      }
    },
    /** Settles when no pass is under way; from then on no locked row is waited for. */
    finished(): Promise<void> {
      lockRetry.stop();
      return queue.finished();
    },
  };
}
