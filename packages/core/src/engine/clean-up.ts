/**
 * Removes sessions that nobody uses, in two stages: put to rest, later deleted with their credentials. The store checks the rule again on the very row it
 * changes. A run that was cut off goes on with the next one, because what is to be deleted is marked before anything is deleted.
 */
import type { Config } from '../config.js';
import type { CleanedSession, CleanupReport } from '../domain/report.js';
import { WaSyncError } from '../errors.js';
import type { CleanupCandidate, CleanupStage, CleanupStore } from '../ports/cleanup-store.js';
import type { WaSyncStore } from '../ports/store.js';
import { maskNumbers } from '../session-id.js';
import type { Lease } from './lease.js';
import { waitAtMost } from './wait-at-most.js';

const DAY_MS = 86_400_000;
const BATCH = 200;
const NAMED = 1_000;
/** Logins after a start take their time; until then a session that looks unused may only not be back yet. */
const SETTLE_MS = 600_000;
const CALLBACK_LIMIT_MS = 30_000;

interface Tally {
  readonly named: CleanedSession[];
  readonly counts: { deactivated: number; purged: number; cameBack: number; failed: number; left: number };
  budget: number;
}

export type CleanUp = ReturnType<typeof createCleanUp>;

export function createCleanUp(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'cleanup'>;
  store: WaSyncStore;
  lease: Lease;
}) {
  const { store, lease } = deps;
  const { clock, logger, cleanup } = deps.config;

  function storeOfCleanup(): CleanupStore {
    if (store.cleanup) return store.cleanup;
    throw new WaSyncError('not_supported', 'This store cannot clean up sessions');
  }

  function postponedBy(): CleanupReport['postponed'] {
    if (!lease.trusted()) return 'lease_lost';
    if (lease.heldForMs() < SETTLE_MS) return 'boot_settling';
    return lease.suspectsItself() ? 'mass_outage' : null;
  }

  function note(
    tally: Tally,
    found: CleanupCandidate,
    stage: CleanupStage,
    rest: Omit<CleanedSession, 'id' | 'status' | 'aliveAt' | 'idleForMs' | 'stage'>,
  ): void {
    const { id, status, aliveAt, idleForMs } = found;
    if (tally.named.length < NAMED) tally.named.push({ id, status, aliveAt, idleForMs, stage, ...rest });
    if (rest.outcome === 'came_back') tally.counts.cameBack += 1;
    else if (rest.outcome === 'failed') tally.counts.failed += 1;
    else tally.counts[stage === 'purge' ? 'purged' : 'deactivated'] += 1;
    if (rest.outcome !== 'done') return;
    const days = Math.floor(idleForMs / DAY_MS);
    const did = stage === 'purge' ? 'deleted with its credentials' : 'put to rest';
    logger.info(
      { sessionId: id, stage, status, days },
      `Session ${maskNumbers(id)} ${did}: no sign of life for ${days} days`,
    );
  }

  /** Who deletes the credentials of a session that is being purged. */
  async function purgeCredentials(sessionId: string): Promise<NonNullable<CleanedSession['credentials']> | 'failed'> {
    const { purgeCredentials: callback } = cleanup;
    if (!callback) return store.auth ? 'store' : 'host';
    try {
      const done = await waitAtMost(clock, CALLBACK_LIMIT_MS, async () => {
        await callback({ sessionId });
        return true;
      });
      if (done) return 'callback';
      throw new WaSyncError('store_timeout', 'purgeCredentials did not answer in time');
    } catch (error) {
      logger.error(
        { code: 'purge_credentials_failed', sessionId, error },
        'The credentials of a session could not be deleted',
      );
      return 'failed';
    }
  }

  async function purgeMarked(tally: Tally, marked: readonly CleanupCandidate[]): Promise<void> {
    const ready = new Map<CleanupCandidate, NonNullable<CleanedSession['credentials']>>();
    for (const found of marked) {
      const credentials = await purgeCredentials(found.id);
      if (credentials === 'failed') note(tally, found, 'purge', { outcome: 'failed' });
      else ready.set(found, credentials);
    }
    if (ready.size === 0 || !lease.trusted()) return;
    const gone = new Set(await storeOfCleanup().purge({ ids: [...ready.keys()].map((found) => found.id) }));
    for (const [found, credentials] of ready) {
      note(tally, found, 'purge', gone.has(found.id) ? { outcome: 'done', credentials } : { outcome: 'came_back' });
    }
  }

  async function takeBatch(
    tally: Tally,
    stage: CleanupStage,
    batch: readonly CleanupCandidate[],
    idleForMs: number,
  ): Promise<void> {
    const ids = batch.map((found) => found.id);
    const cleanupStore = storeOfCleanup();
    const taken = new Set(
      await (stage === 'purge'
        ? cleanupStore.markForPurge({ ids, idleForMs })
        : cleanupStore.deactivate({ ids, idleForMs })),
    );
    for (const found of batch) if (!taken.has(found.id)) note(tally, found, stage, { outcome: 'came_back' });
    const held = batch.filter((found) => taken.has(found.id));
    if (stage === 'purge') return purgeMarked(tally, held);
    for (const found of held) note(tally, found, stage, { outcome: 'done' });
  }

  async function runStage(tally: Tally, stage: CleanupStage, dryRun: boolean): Promise<void> {
    const idleForMs = (stage === 'purge' ? cleanup.purgeAfterDays : cleanup.afterDays) * DAY_MS;
    for (let after: string | undefined, full = true; full; ) {
      const page = await storeOfCleanup().candidates({ stage, idleForMs, after, limit: BATCH });
      const batch = page.slice(0, tally.budget);
      tally.counts.left += page.length - batch.length;
      tally.budget -= batch.length;
      if (dryRun) for (const found of batch) note(tally, found, stage, { outcome: 'would' });
      else if (batch.length > 0) {
        if (!lease.trusted()) return;
        await takeBatch(tally, stage, batch, idleForMs);
      }
      after = page.at(-1)?.id;
      full = page.length === BATCH;
    }
  }

  async function run({ dryRun, force }: { dryRun: boolean; force: boolean }): Promise<CleanupReport> {
    const startedAt = clock.now();
    const startedMs = clock.monotonicMs();
    const { total } = await storeOfCleanup().census();
    const budget = force ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(total * cleanup.maxFraction));
    const counts = { deactivated: 0, purged: 0, cameBack: 0, failed: 0, left: 0 };
    const tally: Tally = { named: [], counts, budget };
    const postponed = dryRun ? null : postponedBy();
    if (postponed === null) {
      if (!dryRun) await purgeMarked(tally, await storeOfCleanup().marked({ limit: NAMED }));
      await runStage(tally, 'purge', dryRun);
      await runStage(tally, 'deactivate', dryRun);
    }
    const totals = { sessions: total, ...counts };
    return { startedAt, tookMs: clock.monotonicMs() - startedMs, dryRun, postponed, totals, sessions: tally.named };
  }

  return {
    run,
    ready: () => store.cleanup !== undefined && postponedBy() === null,
    /** The answer where another replica's run stands in the way. */
    elsewhere: (): CleanupReport => ({
      startedAt: clock.now(),
      tookMs: 0,
      dryRun: false,
      postponed: 'running_elsewhere',
      totals: { sessions: 0, deactivated: 0, purged: 0, cameBack: 0, failed: 0, left: 0 },
      sessions: [],
    }),
  };
}
