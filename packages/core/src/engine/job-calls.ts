import type { CleanupReport, InactivityReport, SyncReport } from '../domain/report.js';
import type { JobName } from '../ports/job-store.js';
import type { WaSyncStore } from '../ports/store.js';
import type { CleanUp } from './clean-up.js';
import type { CloseConversations } from './close-conversations.js';
import type { JobBody, JobResult, RunJobs } from './run-jobs.js';
import type { SyncCalls } from './sync-calls.js';

interface Parts {
  readonly sync: SyncCalls;
  readonly cleanUp: CleanUp;
  readonly close: CloseConversations;
}

/** The jobs as the schedule runs them. */
export function createJobBodies({ sync, cleanUp, close }: Parts): Readonly<Record<JobName, JobBody>> {
  return {
    sync: { ready: () => true, run: async () => counted(await sync.sync(undefined, false)) },
    cleanup: { ready: cleanUp.ready, run: async () => counted(await cleanUp.run({ dryRun: false, force: false })) },
    inactivity: { ready: close.ready, run: async () => counted(await close.run({ dryRun: false })) },
  };
}

/** The jobs as a caller runs them. A dry run changes nothing, so it needs no turn. */
export function createJobCalls(deps: Parts & { jobs: RunJobs; store: WaSyncStore }) {
  const { jobs, sync, cleanUp, close, store } = deps;

  async function cleanupSessions({ dryRun = false, force = false } = {}): Promise<CleanupReport> {
    if (dryRun) return cleanUp.run({ dryRun, force });
    const run = () => jobs.runCluster('cleanup', null, async () => counted(await cleanUp.run({ dryRun, force })));
    const answer = await jobs.share('cleanup', run);
    return answer.ran ? answer.report : cleanUp.elsewhere();
  }

  async function checkInactiveConversations({ dryRun = false } = {}): Promise<InactivityReport> {
    if (dryRun) return close.run({ dryRun });
    const run = () => jobs.runCluster('inactivity', null, async () => counted(await close.run({ dryRun })));
    const answer = await jobs.share('inactivity', run);
    return answer.ran ? answer.report : close.elsewhere();
  }

  return {
    cleanupSessions,
    checkInactiveConversations,
    /** Everything at once: probe and heal all, then the cluster jobs that this store can do. */
    async forceEverything(): Promise<SyncReport> {
      const report = await sync.sync(undefined, true);
      if (store.cleanup) await cleanupSessions();
      if (store.conversations) await checkInactiveConversations();
      return report;
    },
  };
}

function counted<Report extends { totals: object }>(report: Report): JobResult<Report> {
  return { report, counts: { ...report.totals } };
}
