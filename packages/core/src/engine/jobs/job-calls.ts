import { isWaSyncError } from '../../domain/errors.js';
import type { CleanupReport, FailedJob, InactivityReport, SyncReport } from '../../domain/report.js';
import { checkedText } from '../../domain/report.js';
import type { Config } from '../../options/config.js';
import type { JobName } from '../../ports/job-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { CloseConversations } from '../conversations/close-conversations.js';
import type { SyncCalls } from '../sync/sync-calls.js';
import type { CleanUp } from './clean-up.js';
import type { JobBody, JobResult, JobWork, RunJobs } from './run-jobs.js';

interface Parts {
  readonly sync: SyncCalls;
  readonly cleanUp: CleanUp;
  readonly close: CloseConversations;
  closeUnheld(): Promise<void>;
}

/** The jobs as the schedule runs them. */
export function createJobBodies({ sync, cleanUp, close, closeUnheld }: Parts): Readonly<Record<JobName, JobBody>> {
  return {
    sync: {
      ready: () => true,
      async run() {
        const report = await sync.sync(undefined, false);
        await closeUnheld();
        return counted(report);
      },
    },
    cleanup: { ready: cleanUp.ready, run: cleaning(cleanUp, false) },
    inactivity: { ready: close.ready, run: closing(close) },
  };
}

/**
 * The jobs as a caller runs them. A dry run changes nothing, so it needs no turn; who only observes does nothing but
 * dry runs.
 */
export function createJobCalls(
  deps: Parts & { config: Pick<Config, 'observeOnly'>; jobs: RunJobs; store: WaSyncStore },
) {
  const { jobs, sync, cleanUp, close, store } = deps;
  const { observeOnly } = deps.config;

  async function cleanupSessions({ dryRun = false, force = false } = {}): Promise<CleanupReport> {
    if (dryRun || observeOnly) return cleanUp.run({ dryRun: true, force });
    const postponed = cleanUp.postponedBy();
    if (postponed) return cleanUp.nothing(postponed);
    const answer = await jobs.share('cleanup', force ? 'force' : 'plain', null, cleaning(cleanUp, force));
    if (answer.ran) return answer.report;
    return cleanUp.nothing(answer.why === 'fenced' ? 'lease_lost' : 'running_elsewhere');
  }

  async function checkInactiveConversations({ dryRun = false } = {}): Promise<InactivityReport> {
    if (dryRun || observeOnly) return close.run({ dryRun: true });
    const answer = await jobs.share('inactivity', 'plain', null, closing(close));
    if (answer.ran) return answer.report;
    return close.nothing(answer.why === 'fenced' ? 'lease_lost' : 'running_elsewhere');
  }

  return {
    cleanupSessions,
    checkInactiveConversations,
    /**
     * Everything at once: probe and heal all, then the cluster jobs that this store can do. One that fails keeps
     * nothing else from being done, and stands in the report.
     */
    async forceEverything(): Promise<SyncReport> {
      const report = await sync.sync(undefined, true);
      const failedJobs: FailedJob[] = [];
      const attempt = async (job: FailedJob['job'], run: () => Promise<unknown>) => {
        try {
          await run();
        } catch (error) {
          failedJobs.push({ job, code: isWaSyncError(error) ? error.code : 'job_failed' });
        }
      };
      if (store.cleanup) await attempt('cleanup', cleanupSessions);
      if (store.conversations) await attempt('inactivity', checkInactiveConversations);
      return failedJobs.length > 0 ? { ...report, failedJobs } : report;
    },
  };
}

function cleaning(cleanUp: CleanUp, force: boolean): JobWork<CleanupReport> {
  return async (goOn) => {
    const report = await cleanUp.run({ dryRun: false, force, goOn });
    return { ...counted(report), cut: report.postponed };
  };
}

function closing(close: CloseConversations): JobWork<InactivityReport> {
  return async (goOn) => {
    const report = await close.run({ dryRun: false, goOn });
    const { totals, open, postponed } = report;
    const counts = open === null ? { ...totals } : { ...totals, open };
    return { report, counts, summary: `checked ${checkedText(report)}`, cut: postponed };
  };
}

function counted<Report extends { totals: object }>(report: Report): JobResult<Report> {
  return { report, counts: { ...report.totals } };
}
