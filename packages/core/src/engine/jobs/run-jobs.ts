/**
 * Runs the jobs: when a scheduler calls for a slot, and when somebody asks. `sync` runs on every replica for what it
 * owns. The others are begun in the store, which has one winner among all replicas; the winner's lease is the run's
 * lease.
 *
 * Owns: the run under way of each cluster job on this replica, and the last slot of each that began. A slot that
 * cannot begin yet (another run goes on, the store does not answer, it is too early to judge) is not used up.
 */

import { WaSyncError } from '../../domain/errors.js';
import type { Config, ScheduledJob } from '../../options/config.js';
import type { BeginAnswer, ClusterJobName, JobName, JobRun } from '../../ports/job-store.js';
import type { SlotAnswer } from '../../ports/scheduler.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Events } from '../events/emit-events.js';
import type { Lease } from '../lease/lease.js';
import { createJobRecords } from './job-records.js';

export const JOB_TITLES: Readonly<Record<JobName, string>> = {
  sync: 'session status sync',
  cleanup: 'session cleanup',
  inactivity: 'check of inactive conversations',
};
/** A slot of a caller whose clock is wrong must not block the job for years. */
const LATEST_SLOT_AHEAD_MS = 86_400_000;

/** What a job did, for its run and its log line. */
export interface JobResult<Report> {
  readonly report: Report;
  readonly counts: Readonly<Record<string, number>>;
  /** What the line that it completed adds for people. */
  readonly summary?: string | undefined;
  /** Why it ended before it was through. */
  readonly cut?: string | null | undefined;
}

/**
 * A job's work. `goOn` must hold right before everything that it changes: once it does not, another replica may run
 * the same.
 */
export type JobWork<Report> = (goOn: () => boolean) => Promise<JobResult<Report>>;

/** A job as the schedule sees it. */
export interface JobBody {
  /** Whether this is a time to begin; a slot waits until it is. */
  ready(): boolean;
  readonly run: JobWork<unknown>;
}

/** What a cluster job returns: its report, or why it did not run here. */
export type ClusterAnswer<Report> =
  | { readonly ran: true; readonly report: Report }
  | { readonly ran: false; readonly why: Extract<BeginAnswer, { begun: false }>['why']; readonly run: JobRun | null };

/**
 * A request for a run. A `plain` one shares whatever is under way; the others only their equals, and else wait for its
 * end.
 */
export type RunKind = 'plain' | 'force' | `slot ${number}`;

export type RunJobs = ReturnType<typeof createRunJobs>;

export function createRunJobs(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'random' | 'observeOnly'>;
  store: WaSyncStore;
  lease: Lease;
  events: Events;
  bodies: Readonly<Record<ScheduledJob, JobBody>>;
}) {
  const { store, lease, events, bodies } = deps;
  const { clock, logger, random, observeOnly } = deps.config;
  /** The last slot of each job that began, here or elsewhere, as far as this replica asked for it. */
  const begunSlots = new Map<JobName, number>();
  const underWay = new Map<ClusterJobName, { readonly kind: RunKind; readonly run: Promise<unknown> }>();
  const records = store.jobs ? createJobRecords({ jobs: store.jobs, random, logger }) : null;

  async function publishRun<Report>(
    job: JobName,
    slot: Date | null,
    work: () => Promise<JobResult<Report>>,
  ): Promise<JobResult<Report>> {
    const kind = slot ? 'scheduled' : 'manual';
    logger.info({ job, slot }, `Starting ${kind} ${JOB_TITLES[job]}`);
    events.emit('job:started', { at: clock.now(), job, slot });
    const startedMs = clock.monotonicMs();
    const failed = (error: unknown) => {
      logger.error({ code: 'job_failed', job, slot, err: error }, `${capitalised(kind)} ${JOB_TITLES[job]} failed`);
      events.emit('job:failed', { at: clock.now(), job, slot, error });
    };
    try {
      const result = await work();
      const tookMs = clock.monotonicMs() - startedMs;
      if (result.cut) failed(result.cut);
      else {
        const summary = result.summary === undefined ? '' : `: ${result.summary}`;
        logger.info(
          { job, slot, ...result.counts, tookMs },
          `${capitalised(kind)} ${JOB_TITLES[job]} completed${summary}`,
        );
        events.emit('job:finished', { at: clock.now(), job, slot, tookMs });
      }
      return result;
    } catch (error) {
      failed(error);
      throw error;
    }
  }

  /** One run of a cluster job, if this replica wins it. */
  async function runCluster<Report>(
    job: ClusterJobName,
    slot: Date | null,
    work: JobWork<Report>,
  ): Promise<ClusterAnswer<Report>> {
    const goOn = lease.watch();
    if (!goOn()) return { ran: false, why: 'fenced', run: null };
    if (!records) return { ran: true, report: (await publishRun(job, slot, () => work(goOn))).report };
    const owner = lease.incarnation();
    const answer = await records.begin({ job, slot, owner });
    if (!answer.begun) {
      if (answer.why === 'fenced') lease.noteFenced();
      if (answer.why === 'slot_taken' && slot) begunSlots.set(job, slot.getTime());
      return { ran: false, why: answer.why, run: answer.run };
    }
    if (slot) begunSlots.set(job, slot.getTime());
    const runId = answer.run.id;
    try {
      const { report, counts, cut = null } = await publishRun(job, slot, () => work(goOn));
      await records.end({ runId, owner, outcome: cut ? 'failed' : 'finished', counts, error: cut });
      return { ran: true, report };
    } catch (error) {
      await records.end({ runId, owner, outcome: 'failed', counts: {}, error });
      throw error;
    }
  }

  /** Callers at the same moment share one run on this replica. */
  async function share<Report>(
    job: ClusterJobName,
    kind: RunKind,
    slot: Date | null,
    work: JobWork<Report>,
  ): Promise<ClusterAnswer<Report>> {
    for (let current = underWay.get(job); current; current = underWay.get(job)) {
      // All work of one job makes the same kind of report.
      const { run } = current as { run: Promise<ClusterAnswer<Report>> };
      if (kind === 'plain' || kind === current.kind) return run;
      await run.catch(() => {});
    }
    const run = runCluster(job, slot, work).finally(() => underWay.delete(job));
    underWay.set(job, { kind, run });
    return run;
  }

  /** A run of a slot, or without one a run that somebody asked for. */
  function runOne(job: ScheduledJob, slot: Date | null): Promise<unknown> {
    if (job === 'sync') return publishRun('sync', slot, () => bodies.sync.run(() => true));
    return share(job, slot ? `slot ${slot.getTime()}` : 'plain', slot, bodies[job].run);
  }

  function checkSlot(slot: Date): void {
    const latestMs = lease.storeNow().getTime() + LATEST_SLOT_AHEAD_MS;
    if (slot instanceof Date && slot.getTime() <= latestMs) return;
    throw new WaSyncError('config_invalid', 'slot takes a Date that is at most a day ahead of the store');
  }

  function checkJob(job: JobName): void {
    if (!Object.hasOwn(bodies, job)) throw new WaSyncError('config_invalid', 'job takes sync, cleanup or inactivity');
  }

  /**
   * One slot, as a scheduler calls for it. A failure was reported where it happened: only a call that makes no sense
   * rejects.
   */
  async function callSlot({ job, slot }: { job: JobName; slot: Date }): Promise<SlotAnswer> {
    checkJob(job);
    checkSlot(slot);
    if (!bodies[job].ready() || (job !== 'sync' && underWay.has(job))) return 'later';
    await runOne(job, slot).catch(() => {});
    // Without records of runs, and for a job of every replica, the slot is over once it was begun here.
    return job === 'sync' || !records || begunSlots.get(job) === slot.getTime() ? 'done' : 'later';
  }

  return {
    share,
    /** A run for a host whose own scheduler calls; `slot` makes it one run among all replicas for that instant. */
    async runNow(job: ScheduledJob, slot: Date | null): Promise<{ ran: boolean }> {
      checkJob(job);
      if (slot) checkSlot(slot);
      if (job !== 'sync' && (observeOnly || !bodies[job].ready())) return { ran: false };
      const answer = await runOne(job, slot);
      return { ran: job === 'sync' || (answer as ClusterAnswer<unknown>).ran };
    },
    callSlot,
    /** With every tick: records what could not be recorded before. */
    catchUp: async (): Promise<void> => records?.catchUp((job) => underWay.has(job)),
    /** Settles when no run is under way. */
    finished: async (): Promise<void> => {
      await Promise.allSettled([...underWay.values()].map(({ run }) => run));
    },
  };
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
