/**
 * Removes sessions that nobody uses, in two stages: deactivated, later deleted with their credentials. The store
 * checks the rule again on the very row it changes. A run that was cut off goes on with the next one, because what is
 * to be deleted is marked before anything is deleted.
 */

import { WaSyncError } from '../../domain/errors.js';
import type { CleanedSession, CleanupReport } from '../../domain/report.js';
import { maskNumbers } from '../../domain/safe-text.js';
import type { Config } from '../../options/config.js';
import type { CleanupCandidate, CleanupRule, CleanupStage, CleanupStore } from '../../ports/cleanup-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Lease } from '../lease/lease.js';
import { createBatchSize } from '../limits/batch-size.js';
import type { HostCalls } from '../limits/host-calls.js';
import { createPurgeCredentials } from './purge-credentials.js';

const DAY_MS = 86_400_000;
const BATCH = 200;
const NAMED = 1_000;
/**
 * Daily runs begin some seconds apart, and an hour more or less where the clocks change: so the time at rest is cut by
 * this margin, or it would end just after the run that should see its end.
 */
const RUNS_APART_MS = DAY_MS / 2;
/**
 * What a person has just started may show a QR code or nothing yet, like what nobody uses. No longer than this: a QR
 * code that nobody scans for a month is renewed every 160 s by Baileys (rc13), and the session has to be found at rest.
 */
const JUST_STARTED_MS = 60_000;
/** Callbacks that hang must not keep a run going for ever: the next run asks about the rest. */
const CALLBACKS_LIMIT_MS = 600_000;

type Postponed = Exclude<CleanupReport['postponed'], null>;
type Counts = { -readonly [Key in keyof CleanupReport['totals']]: number };

interface Run {
  readonly dryRun: boolean;
  readonly goOn: () => boolean;
  readonly named: CleanedSession[];
  readonly counts: Counts;
  budget: number;
  readonly askUntilMs: number;
  postponed: Postponed | null;
}

export type CleanUp = ReturnType<typeof createCleanUp>;

export function createCleanUp(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'cleanup'>;
  store: WaSyncStore;
  lease: Lease;
  host: HostCalls;
}) {
  const { store, lease } = deps;
  const { clock, logger, cleanup } = deps.config;
  const purgeCredentials = createPurgeCredentials(deps);
  /**
   * Sessions deactivated at once: beats of their owners, and writes of their status, wait for as long as that takes.
   * What is deleted has no owner.
   */
  const deactivating = createBatchSize({ clock, most: BATCH });
  const { afterDays, purgeAfterDays } = cleanup;
  const DEACTIVATE: CleanupRule = {
    stage: 'deactivate',
    inactiveForMs: afterDays * DAY_MS,
    restedForMs: JUST_STARTED_MS,
  };
  const PURGE: CleanupRule = {
    stage: 'purge',
    inactiveForMs: purgeAfterDays * DAY_MS,
    restedForMs: Math.max(0, (purgeAfterDays - afterDays) * DAY_MS - RUNS_APART_MS),
  };

  function storeOfCleanup(): CleanupStore {
    if (store.cleanup) return store.cleanup;
    throw new WaSyncError('not_supported', 'This store cannot clean up sessions');
  }

  function postponedBy(): Postponed | null {
    if (!lease.trusted()) return 'lease_lost';
    // A session that seems unused may only not be back yet.
    if (lease.heldForMs() < cleanup.settleMs) return 'boot_settling';
    return lease.suspectsItself() ? 'mass_outage' : null;
  }

  /** Asked right before everything that is changed. */
  function mayGoOn(run: Run): boolean {
    if (run.dryRun) return true;
    run.postponed ??= run.goOn() ? postponedBy() : 'lease_lost';
    return run.postponed === null;
  }

  function note(
    { named, counts }: Run,
    found: CleanupCandidate,
    stage: CleanupStage,
    rest: Pick<CleanedSession, 'outcome' | 'credentials'>,
  ): void {
    const { id, status, aliveAt, inactiveForMs } = found;
    if (named.length < NAMED) named.push({ id, status, aliveAt, inactiveForMs, stage, ...rest });
    if (rest.outcome === 'came_back') counts.cameBack += 1;
    else if (rest.outcome === 'failed') counts.failed += 1;
    else counts[stage === 'purge' ? 'purged' : 'deactivated'] += 1;
    if (rest.outcome !== 'done') return;
    const days = Math.floor(inactiveForMs / DAY_MS);
    const did = stage === 'purge' ? 'deleted with its credentials' : 'deactivated';
    logger.info(
      { sessionId: id, stage, status, days },
      `Session ${maskNumbers(id)} ${did}: no sign of life for ${days} days`,
    );
  }

  async function purgeMarked(run: Run, marked: readonly CleanupCandidate[]): Promise<void> {
    const ready = new Map<CleanupCandidate, NonNullable<CleanedSession['credentials']>>();
    const outcomes = await purgeCredentials(marked, () => clock.monotonicMs() < run.askUntilMs && mayGoOn(run));
    for (const [found, outcome] of outcomes) {
      if (outcome === 'failed' || outcome === 'came_back') note(run, found, 'purge', { outcome });
      else ready.set(found, outcome);
    }
    run.counts.left += marked.length - outcomes.size;
    if (ready.size === 0 || !mayGoOn(run)) return;
    const gone = new Set(await storeOfCleanup().purge({ ids: [...ready.keys()].map((found) => found.id) }));
    for (const [found, credentials] of ready) {
      note(run, found, 'purge', gone.has(found.id) ? { outcome: 'done', credentials } : { outcome: 'came_back' });
    }
  }

  /** What an earlier run marked and did not come to delete; its part of all sessions was counted then. */
  async function resume(run: Run): Promise<void> {
    for (let after: string | undefined; mayGoOn(run); ) {
      const page = await storeOfCleanup().marked({ after, limit: BATCH });
      if (run.dryRun) for (const found of page) note(run, found, 'purge', { outcome: 'would' });
      else await purgeMarked(run, page);
      const last = page.at(-1)?.id;
      if (page.length < BATCH || last === after) return;
      after = last;
    }
  }

  async function takeBatch(run: Run, rule: CleanupRule, batch: readonly CleanupCandidate[]) {
    const { stage } = rule;
    const ids = batch.map((found) => found.id);
    const cleanupStore = storeOfCleanup();
    const taken = new Set(
      rule.stage === 'purge'
        ? await cleanupStore.markForPurge({ ids, ...rule })
        : await deactivating.measure(() => cleanupStore.deactivate({ ids, ...rule })),
    );
    for (const found of batch) if (!taken.has(found.id)) note(run, found, stage, { outcome: 'came_back' });
    const held = batch.filter((found) => taken.has(found.id));
    if (stage === 'purge') return purgeMarked(run, held);
    for (const found of held) note(run, found, stage, { outcome: 'done' });
  }

  async function runStage(run: Run, rule: CleanupRule): Promise<void> {
    const { stage } = rule;
    for (let after: string | undefined, full = true; full && mayGoOn(run); ) {
      const limit = run.dryRun || stage === 'purge' ? BATCH : deactivating.rows();
      const page = await storeOfCleanup().candidates({ ...rule, after, limit });
      const batch = page.slice(0, run.budget);
      run.counts.left += page.length - batch.length;
      run.budget -= batch.length;
      if (run.dryRun) for (const found of batch) note(run, found, stage, { outcome: 'would' });
      else if (batch.length > 0 && mayGoOn(run)) await takeBatch(run, rule, batch);
      after = page.at(-1)?.id;
      full = page.length === limit;
    }
  }

  function createRun(dryRun: boolean, goOn: () => boolean): Run {
    const counts = { sessions: 0, deactivated: 0, purged: 0, cameBack: 0, failed: 0, left: 0 };
    const askUntilMs = clock.monotonicMs() + CALLBACKS_LIMIT_MS;
    return { dryRun, goOn, named: [], counts, budget: Number.POSITIVE_INFINITY, askUntilMs, postponed: null };
  }

  function reportOf({ dryRun, postponed, counts, named }: Run, startedAt: Date, tookMs: number): CleanupReport {
    return { startedAt, tookMs, dryRun, postponed, totals: counts, sessions: named };
  }

  return {
    postponedBy,
    /** `goOn` must hold right before every change; a dry run changes nothing. */
    async run(options: { dryRun: boolean; force: boolean; goOn?: () => boolean }): Promise<CleanupReport> {
      const startedAt = clock.now();
      const startedMs = clock.monotonicMs();
      const run = createRun(options.dryRun, options.goOn ?? lease.trusted);
      const { total } = await storeOfCleanup().census();
      run.counts.sessions = total;
      if (!options.force) run.budget = Math.max(1, Math.floor(total * cleanup.maxFraction));
      await resume(run);
      await runStage(run, PURGE);
      await runStage(run, DEACTIVATE);
      return reportOf(run, startedAt, clock.monotonicMs() - startedMs);
    },
    ready: () => store.cleanup !== undefined && postponedBy() === null,
    /** The report where nothing was done. */
    nothing(postponed: Postponed): CleanupReport {
      storeOfCleanup();
      return reportOf({ ...createRun(false, () => false), postponed }, clock.now(), 0);
    },
  };
}
