/**
 * The schedule of wa-sync's own: every tick brings the store's time, and what is due by it is called for. Resuming
 * after a suspend, catch-up, clock changes and daylight saving are one path. A slot that cannot begin yet is not used
 * up: it is tried again with every tick, and what was missed meanwhile is one call.
 *
 * Owns: the last slot known of each job, and which jobs are being called.
 */
import { dueSlot } from '../../decide/due-slots.js';
import { parseSchedule, type Schedule } from '../../decide/parse-schedule.js';
import type { JobName } from '../../ports/job-store.js';
import type { Scheduler } from '../../ports/scheduler.js';

/** A {@link Scheduler} that needs somebody to give it the time. */
export interface TickScheduler<Job extends JobName> extends Scheduler<Job> {
  /** Calls for what is due and does not wait for it. Never rejects. */
  tick(storeNow: Date): Promise<void>;
}

export function createTickScheduler<Job extends JobName>(deps: {
  /** The last slot of a job that began on any replica: earlier ones are not called any more. */
  lastSlot(job: Job, storeNow: Date): Promise<Date>;
  onError(job: Job, error: unknown): void;
}): TickScheduler<Job> {
  const lastSlots = new Map<Job, Date>();
  const underWay = new Set<Job>();
  let schedules: readonly (readonly [Job, Schedule])[] = [];
  let call: Parameters<Scheduler<Job>['start']>[0]['run'] = async () => 'later';

  async function lastOf(job: Job, storeNow: Date): Promise<Date> {
    const last = lastSlots.get(job) ?? (await deps.lastSlot(job, storeNow));
    lastSlots.set(job, last);
    return last;
  }

  async function callFor(job: Job, slot: Date): Promise<void> {
    underWay.add(job);
    try {
      if ((await call({ job, slot })) === 'done') lastSlots.set(job, slot);
    } catch (error) {
      lastSlots.set(job, slot);
      deps.onError(job, error);
    } finally {
      underWay.delete(job);
    }
  }

  return {
    async start({ rules, run }) {
      schedules = rules.map(({ job, expression, timeZone }) => [
        job,
        parseSchedule(`jobs.${job}`, expression, timeZone),
      ]);
      call = run;
    },
    async stop() {
      schedules = [];
    },
    async tick(storeNow) {
      for (const [job, schedule] of schedules) {
        try {
          const slot = dueSlot(storeNow, schedule, await lastOf(job, storeNow));
          if (slot && !underWay.has(job) && schedules.length > 0) void callFor(job, slot);
        } catch (error) {
          // A failure of one job's records must not keep the other jobs from their turn.
          deps.onError(job, error);
        }
      }
    },
  };
}
