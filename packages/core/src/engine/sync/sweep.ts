/**
 * Compares everything this replica holds with the store and asks only for the exceptions: nearly all connections are
 * in one state, so the store receives that state, returns the rows that differ from it, and a count and a hash sum
 * that show a row that vanished, changed owner or has no connection. A sweep that finds nothing writes nothing.
 */

import type { SyncedSession, SyncReport } from '../../domain/report.js';
import type { SessionStatus, StoredSession } from '../../domain/session.js';
import type { Config } from '../../options/config.js';
import type { ExpectedState, SweepAnswer } from '../../ports/session-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Lease } from '../lease/lease.js';
import type { Held, HeldSessions } from '../owned-sessions/held-sessions.js';
import { observe, stateKey } from '../owned-sessions/observe.js';
import type { PublishChanges } from '../owned-sessions/publish-changes.js';
import type { Liveness } from '../reconcile/liveness.js';
import type { Reconciler } from '../reconcile/reconcile.js';
import { createReport } from './create-report.js';

/** Connections that are checked before pending I/O gets its turn. */
const SLICE = 2_000;
const PAGE = 1_000;

export type Sweep = ReturnType<typeof createSweep>;

export function createSweep(deps: {
  config: Pick<Config, 'clock' | 'observeOnly' | 'logger'>;
  store: WaSyncStore;
  held: HeldSessions;
  lease: Lease;
  liveness: Liveness;
  reconciler: Reconciler;
  publish: PublishChanges;
  /** A row that we own and that the host wants stopped, or that has no connection here. */
  onStray(row: StoredSession, held: Held | null): Promise<void>;
}) {
  const { store, held: sessions, lease, liveness, reconciler, publish } = deps;
  const { clock, observeOnly, logger } = deps.config;

  /** One session: its probe where it is silent or the call is forced, then its row, read again. */
  async function syncOne(held: Held, options: { force: boolean }): Promise<SyncedSession> {
    const startedMs = clock.monotonicMs();
    const before = held.stored?.status ?? null;
    const verdict = await liveness.check(held, options);
    const [result] = await reconciler.reconcile([held], { fresh: true, trigger: 'sync', sinceMs: startedMs });
    return verdict === 'dead' ? asHealed(result!, before) : result!;
  }

  /** Probes every connection; returns the ones found dead, with what their rows said before. */
  async function probeAll(): Promise<Map<Held, SessionStatus | null>> {
    const dead = new Map<Held, SessionStatus | null>();
    const probeOne = async (held: Held): Promise<void> => {
      const before = held.stored?.status ?? null;
      if ((await liveness.check(held, { force: true })) === 'dead') dead.set(held, before);
    };
    const checks: Promise<void>[] = [];
    for (const held of [...sessions.all()]) {
      checks.push(probeOne(held));
      if (checks.length % SLICE === 0) await clock.yield();
    }
    await Promise.all(checks);
    return dead;
  }

  /** The state that most held connections are in, and the ids of the others. */
  async function majority(): Promise<{ expected: ExpectedState; otherIds: string[]; unowned: Held[] }> {
    const groups = new Map<string, { state: ExpectedState; ids: string[] }>();
    const unowned: Held[] = [];
    const unknown: string[] = [];
    let seen = 0;
    for (const held of sessions.all()) {
      if (++seen % SLICE === 0) await clock.yield();
      if (held.tenure === null) {
        unowned.push(held);
        continue;
      }
      const observed = observe(held);
      if (observed.kind === 'unknown') {
        unknown.push(held.id);
        continue;
      }
      const key = stateKey(observed);
      const group = groups.get(key) ?? { state: observed, ids: [] };
      group.ids.push(held.id);
      groups.set(key, group);
    }
    const ranked = [...groups.values()].sort((a, b) => b.ids.length - a.ids.length);
    const { status, health, reason } = ranked[0]?.state ?? { status: 'CONNECTED', health: 'healthy', reason: null };
    return {
      expected: { status, health, reason },
      otherIds: [...ranked.slice(1).flatMap((group) => group.ids), ...unknown],
      unowned,
    };
  }

  async function askStore(expected: ExpectedState, otherIds: string[]): Promise<SweepAnswer> {
    if (!observeOnly) return store.sessions.sweep({ owner: lease.incarnation(), expected, otherIds });
    const exceptions: StoredSession[] = [];
    const ids = [...sessions.all()].map((held) => held.id);
    for (let from = 0; from < ids.length; from += PAGE) {
      exceptions.push(...(await store.sessions.get({ ids: ids.slice(from, from + PAGE) })));
    }
    return { exceptions, ...sessions.sums() };
  }

  /** Rows found by the sums: ours in the store but not held here, or held here and no longer ours. */
  async function findStrays(): Promise<Held[]> {
    const owned = new Set<string>();
    for (let after: string | undefined, full = true; full; ) {
      const page = await store.sessions.list({ owner: lease.incarnation(), after, limit: PAGE });
      for (const row of page) {
        owned.add(row.id);
        const held = sessions.get(row.id);
        if (!held) await deps.onStray(row, null);
        else if (held.tenure !== null && held.tenure !== row.tenure) publish.lost(held, 'taken_over');
      }
      after = page.at(-1)?.id;
      full = page.length === PAGE;
    }
    return [...sessions.all()].filter((held) => held.tenure !== null && !owned.has(held.id));
  }

  async function syncAll(options: { force: boolean }): Promise<SyncReport> {
    const startedMs = clock.monotonicMs();
    const report = createReport(clock);
    // Without force nothing is probed here: liveness asks every silent connection every few seconds anyway.
    const dead = options.force ? await probeAll() : new Map<Held, SessionStatus | null>();
    const { expected, otherIds, unowned } = await majority();
    const sums = sessions.sums();
    const answer = await askStore(expected, otherIds);
    const suspects = new Set<Held>([...unowned, ...dead.keys()]);
    for (const row of answer.exceptions) {
      const held = sessions.get(row.id);
      if (!held) continue;
      if (row.desired === 'stopped' && !observeOnly) await deps.onStray(row, held);
      // Ours under another claim, which a roll-back of the store restored or whose answer was lost. It is read again
      // and claimed anew.
      held.stored = observeOnly || row.tenure === held.tenure ? row : null;
      suspects.add(held);
    }
    const stillSame = sums.count === sessions.sums().count && sums.idHashSum === sessions.sums().idHashSum;
    if (stillSame && (answer.count !== sums.count || answer.idHashSum !== sums.idHashSum)) {
      logger.warn(
        { code: 'owned_rows_differ', stored: answer.count, held: sums.count },
        'The rows of this replica changed hands',
      );
      for (const held of await findStrays()) {
        held.stored = null;
        suspects.add(held);
      }
    }
    for (const held of sessions.all()) if (!suspects.has(held)) report.addInSync(held.id, expected.status);
    const results = await reconciler.reconcile([...suspects], { fresh: false, trigger: 'sync', sinceMs: startedMs });
    const healed = new Map([...dead].map(([held, before]) => [held.id, before]));
    report.add(
      results.map((result) => (healed.has(result.id) ? asHealed(result, healed.get(result.id) ?? null) : result)),
    );
    return report.finish();
  }

  return { syncOne, syncAll };
}

/**
 * A row that was corrected because its link was found dead counts as healed: the link was ended, and several writes
 * may have followed.
 */
function asHealed(result: SyncedSession, before: SessionStatus | null): SyncedSession {
  if (result.action !== 'corrected') return result;
  return { ...result, action: 'healed', stored: before ?? result.stored };
}
