import { WaSyncError } from '../../domain/errors.js';
import type { Config } from '../../options/config.js';
import type { ClusterJobName, JobName } from '../../ports/job-store.js';
import type { Scheduler, SlotRule } from '../../ports/scheduler.js';
import type { WaSyncStore } from '../../ports/store.js';
import { awaitHostCall, type HostCalls, tooLate } from '../limits/host-calls.js';
import { JOB_TITLES, type RunJobs } from './run-jobs.js';
import { createTickScheduler } from './tick-scheduler.js';

/** A scheduler that has not started by then keeps the replica from starting. */
const START_LIMIT_MS = 30_000;
const CLUSTER_JOBS: readonly ClusterJobName[] = ['cleanup', 'inactivity'];

export type JobSchedule = ReturnType<typeof createSchedule>;

/**
 * Who calls for which job: the tick for `sync`, and for the cluster jobs too unless the host brought a scheduler of
 * its own.
 */
export function createSchedule(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'schedules' | 'observeOnly' | 'scheduler'>;
  store: WaSyncStore;
  jobs: RunJobs;
  host: HostCalls;
}) {
  const { store, jobs, host } = deps;
  const { clock, logger, schedules, observeOnly, scheduler } = deps.config;
  const own = createTickScheduler<JobName>({
    lastSlot: async (job, storeNow) => (job === 'sync' || !store.jobs ? storeNow : store.jobs.lastSlot({ job })),
    onError(job, error) {
      logger.error(
        { code: 'job_not_begun', job, err: error },
        `The ${JOB_TITLES[job]} could not begin; trying again soon`,
      );
    },
  });

  let brought: Scheduler | undefined;

  function rulesOf<Job extends JobName>(names: readonly Job[]): SlotRule<Job>[] {
    return names.flatMap((job) => {
      const schedule = schedules[job];
      return schedule ? [{ job, expression: schedule.expression, timeZone: schedule.timeZone }] : [];
    });
  }

  async function startBrought(given: Scheduler, params: Parameters<Scheduler['start']>[0]): Promise<void> {
    const outcome = await awaitHostCall({ clock, withinMs: START_LIMIT_MS, call: () => given.start(params) });
    if (outcome.kind === 'failed') throw outcome.error;
    if (outcome.kind !== 'returned')
      throw new WaSyncError('config_invalid', tooLate('scheduler.start', START_LIMIT_MS).message, { retryable: true });
  }

  return {
    async start(): Promise<void> {
      // An observer must not take a slot away from those who do the work.
      const cluster = observeOnly ? [] : CLUSTER_JOBS;
      const run = jobs.callSlot;
      await own.start({ rules: rulesOf<JobName>(scheduler ? ['sync'] : ['sync', ...cluster]), run });
      if (cluster.length === 0) return;
      brought = scheduler;
      if (scheduler) await startBrought(scheduler, { rules: rulesOf(cluster), run });
    },
    async tick(storeNow: Date): Promise<void> {
      await jobs.catchUp();
      await own.tick(storeNow);
    },
    /** Never rejects. */
    async stop({ timeoutMs }: { timeoutMs: number }): Promise<void> {
      await own.stop();
      const asked = {
        name: 'scheduler.stop',
        code: 'stop_failed',
        text: 'The scheduler did not stop: what it calls for is not run any more',
      };
      await host.ask(asked, timeoutMs, () => brought?.stop());
    },
  };
}
