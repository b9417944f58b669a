import type { CleanupReport, SyncReport } from '../domain/report.js';
import type { CleanUp } from './clean-up.js';
import type { JobBody, JobResult, RunJobs } from './run-jobs.js';
import type { SyncCalls } from './sync-calls.js';

/** The jobs as the schedule runs them. */
export function createJobBodies(deps: {
  sync: SyncCalls;
  cleanUp: CleanUp;
}): Readonly<Record<'sync' | 'cleanup', JobBody>> {
  const { sync, cleanUp } = deps;
  return {
    sync: { ready: () => true, run: async () => countSync(await sync.sync(undefined, false)) },
    cleanup: {
      ready: cleanUp.ready,
      run: async () => countCleanup(await cleanUp.run({ dryRun: false, force: false })),
    },
  };
}

/** The jobs as a caller runs them. A dry run changes nothing, so it needs no turn. */
export function createJobCalls(deps: { jobs: RunJobs; sync: SyncCalls; cleanUp: CleanUp; canCleanUp: boolean }) {
  const { jobs, sync, cleanUp, canCleanUp } = deps;

  async function cleanupSessions({ dryRun = false, force = false } = {}): Promise<CleanupReport> {
    if (dryRun) return cleanUp.run({ dryRun, force });
    const run = () => jobs.runCluster('cleanup', null, async () => countCleanup(await cleanUp.run({ dryRun, force })));
    const answer = await jobs.share('cleanup', run);
    return answer.ran ? answer.report : cleanUp.elsewhere();
  }

  return {
    cleanupSessions,
    /** Everything at once: probe and heal all, then the cluster jobs. */
    async forceEverything(): Promise<SyncReport> {
      const report = await sync.sync(undefined, true);
      if (canCleanUp) await cleanupSessions();
      return report;
    },
  };
}

function countSync(report: SyncReport): JobResult<SyncReport> {
  return { report, counts: { ...report.totals } };
}

function countCleanup(report: CleanupReport): JobResult<CleanupReport> {
  return { report, counts: { ...report.totals } };
}
