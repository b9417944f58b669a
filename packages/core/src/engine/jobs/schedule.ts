import type { Config } from '../../options/config.js';
import type { ClusterJobName, JobName } from '../../ports/job-store.js';
import type { SlotRule } from '../../ports/scheduler.js';
import type { WaSyncStore } from '../../ports/store.js';
import { JOB_TITLES, type RunJobs } from './run-jobs.js';
import { createTickScheduler } from './tick-scheduler.js';

const CLUSTER_JOBS: readonly ClusterJobName[] = ['cleanup', 'inactivity'];

export type JobSchedule = ReturnType<typeof createSchedule>;

/**
 * Who calls for which job: the tick for `sync`, and for the cluster jobs too unless the host brought a scheduler of
 * its own.
 */
export function createSchedule(deps: {
  config: Pick<Config, 'logger' | 'schedules' | 'observeOnly' | 'scheduler'>;
  store: WaSyncStore;
  jobs: RunJobs;
}) {
  const { store, jobs } = deps;
  const { logger, schedules, observeOnly, scheduler } = deps.config;
  const own = createTickScheduler<JobName>({
    lastSlot: async (job, storeNow) => (job === 'sync' || !store.jobs ? storeNow : store.jobs.lastSlot({ job })),
    onError(job, error) {
      logger.error(
        { code: 'job_not_begun', job, err: error },
        `The ${JOB_TITLES[job]} could not begin; trying again soon`,
      );
    },
  });

  let brought: typeof scheduler;

  function rulesOf<Job extends JobName>(names: readonly Job[]): SlotRule<Job>[] {
    return names.flatMap((job) => {
      const schedule = schedules[job];
      return schedule ? [{ job, expression: schedule.expression, timeZone: schedule.timeZone }] : [];
    });
  }

  return {
    async start(): Promise<void> {
      // An observer must not take a slot away from those who do the work.
      const cluster = observeOnly ? [] : CLUSTER_JOBS;
      const run = jobs.callSlot;
      await own.start({ rules: rulesOf<JobName>(scheduler ? ['sync'] : ['sync', ...cluster]), run });
      if (cluster.length === 0) return;
      brought = scheduler;
      await brought?.start({ rules: rulesOf(cluster), run });
    },
    async tick(storeNow: Date): Promise<void> {
      await jobs.catchUp();
      await own.tick(storeNow);
    },
    async stop(): Promise<void> {
      await own.stop();
      try {
        await brought?.stop();
      } catch (error) {
        logger.error(
          { code: 'stop_failed', err: error },
          'The scheduler did not stop: what it calls for is not run any more',
        );
      }
    },
  };
}
