/**
 * Runs the jobs: at their slots, and when somebody asks. `sync` runs on every replica for what it owns. The others are begun in the store, which has one
 * winner among all replicas; the winner's lease is the run's lease. Manual calls share the run that is under way.
 */
import type { Config, ScheduledJob } from '../config.js';
import { dueSlot } from '../decide/due-slots.js';
import { isWaSyncError } from '../errors.js';
import type { ClusterJobName, JobName, JobRun } from '../ports/job-store.js';
import type { WaSyncStore } from '../ports/store.js';
import type { Events } from './emit-events.js';
import type { Lease } from './lease.js';

const TITLES: Readonly<Record<JobName, string>> = {
  sync: 'session status sync',
  cleanup: 'session cleanup',
  inactivity: 'check of inactive conversations',
};

/** What a job did, for its run and its log line. */
export interface JobResult<Report> {
  readonly report: Report;
  readonly counts: Readonly<Record<string, number>>;
}

/** A job as the schedule sees it. */
export interface JobBody {
  /** Whether this is a time to begin; a slot waits until it is. */
  ready(): boolean;
  run(): Promise<JobResult<unknown>>;
}

/** What `runCluster` answers: the job's report, or the run of another replica that stands in the way. */
export type ClusterAnswer<Report> =
  | { readonly ran: true; readonly report: Report }
  | { readonly ran: false; readonly run: JobRun | null };

export type RunJobs = ReturnType<typeof createRunJobs>;

export function createRunJobs(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'random' | 'schedules'>;
  store: WaSyncStore;
  lease: Lease;
  events: Events;
  bodies: Readonly<Record<ScheduledJob, JobBody>>;
}) {
  const { store, lease, events, bodies } = deps;
  const { clock, logger, random, schedules } = deps.config;
  const lastSlots = new Map<ScheduledJob, Date>();
  const underWay = new Map<ScheduledJob, Promise<unknown>>();

  async function tell<Report>(
    job: JobName,
    slot: Date | null,
    body: () => Promise<JobResult<Report>>,
  ): Promise<JobResult<Report>> {
    const kind = slot ? 'scheduled' : 'manual';
    logger.info({ job, slot }, `Starting ${kind} ${TITLES[job]}`);
    events.emit('job:started', { at: clock.now(), job, slot });
    const startedMs = clock.monotonicMs();
    try {
      const result = await body();
      const tookMs = clock.monotonicMs() - startedMs;
      logger.info({ job, slot, ...result.counts, tookMs }, `${capitalised(kind)} ${TITLES[job]} completed`);
      events.emit('job:finished', { at: clock.now(), job, slot, tookMs });
      return result;
    } catch (error) {
      logger.error({ code: 'job_failed', job, slot, error }, `${capitalised(kind)} ${TITLES[job]} failed`);
      events.emit('job:failed', { at: clock.now(), job, slot, error });
      throw error;
    }
  }

  /** One run of a cluster job, if this replica wins it. */
  async function runCluster<Report>(
    job: ClusterJobName,
    slot: Date | null,
    body: () => Promise<JobResult<Report>>,
  ): Promise<ClusterAnswer<Report>> {
    const { jobs } = store;
    if (!jobs) return { ran: true, report: (await tell(job, slot, body)).report };
    const owner = lease.incarnation();
    const answer = await jobs.begin({ runId: random.token(), job, slot, owner });
    if (!answer.begun) return { ran: false, run: answer.run };
    const runId = answer.run.id;
    try {
      const { report, counts } = await tell(job, slot, body);
      await jobs.end({ runId, owner, outcome: 'finished', counts, error: null });
      return { ran: true, report };
    } catch (error) {
      await jobs.end({ runId, owner, outcome: 'failed', counts: {}, error: wordsOf(error) }).catch((cause: unknown) => {
        logger.error({ code: 'store_failed', job, error: cause }, 'The end of a failed run could not be recorded');
      });
      throw error;
    }
  }

  /** Callers at the same moment share one run on this replica. */
  function share<Answer>(job: ScheduledJob, run: () => Promise<Answer>): Promise<Answer> {
    const current = underWay.get(job) as Promise<Answer> | undefined;
    if (current) return current;
    const begun = run().finally(() => underWay.delete(job));
    underWay.set(job, begun);
    return begun;
  }

  async function lastSlotOf(job: ScheduledJob, storeNow: Date): Promise<Date> {
    const known = lastSlots.get(job);
    if (known) return known;
    const last = job === 'sync' || !store.jobs ? storeNow : await store.jobs.lastSlot({ job });
    lastSlots.set(job, last);
    return last;
  }

  function runSlot(job: ScheduledJob, slot: Date | null): Promise<unknown> {
    if (job === 'sync') return tell('sync', slot, bodies.sync.run);
    return share(job, () => runCluster(job, slot, bodies[job].run));
  }

  return {
    share,
    runCluster,
    /** A run for a host whose own scheduler calls; `slot` makes it one run among all replicas for that instant. */
    async runNow(job: ScheduledJob, slot: Date | null): Promise<{ ran: boolean }> {
      const answer = await runSlot(job, slot);
      return { ran: job === 'sync' || (answer as ClusterAnswer<unknown>).ran };
    },
    /** Begins what is due and does not wait for it: a long run must not keep the lease from being renewed. */
    async runDue(storeNow: Date): Promise<void> {
      for (const job of Object.keys(schedules) as ScheduledJob[]) {
        const schedule = schedules[job];
        const slot = schedule && dueSlot(storeNow, schedule, await lastSlotOf(job, storeNow));
        if (!slot || !bodies[job].ready()) continue;
        lastSlots.set(job, slot);
        // A failure was told where it happened; the next slot tries again.
        runSlot(job, slot).catch(() => {});
      }
    },
    /** Settles when no run is under way. */
    idle: async (): Promise<void> => {
      await Promise.allSettled(underWay.values());
    },
  };
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function wordsOf(error: unknown): string {
  if (isWaSyncError(error)) return error.code;
  return error instanceof Error ? error.message.slice(0, 200) : 'unknown';
}
