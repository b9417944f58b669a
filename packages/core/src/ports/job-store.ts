/**
 * The jobs of the schedule. `sync` runs on every replica for what it owns; the others have one winner among all
 * replicas.
 */
export const JOB_NAMES = ['sync', 'cleanup', 'inactivity'] as const;

/** One of {@link JOB_NAMES}. */
export type JobName = (typeof JOB_NAMES)[number];

/** Jobs that one replica runs for all. */
export type ClusterJobName = Exclude<JobName, 'sync'>;

/** One run of a cluster job. */
export interface JobRun {
  readonly id: string;
  readonly job: ClusterJobName;
  /** The schedule instant it belongs to; `null` for a run that somebody asked for. */
  readonly slot: Date | null;
  /** Incarnation that runs it; its lease is the run's lease. */
  readonly owner: string;
  /** `abandoned`: its owner's lease was over before it ended. */
  readonly outcome: 'running' | 'finished' | 'failed' | 'abandoned';
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly counts: Readonly<Record<string, number>>;
  /** A `WaSyncError` code or an error's own words, never a credential. */
  readonly error: string | null;
}

/** What `begin` returns: the run, or the one that stands in the way. */
export type BeginAnswer =
  | { readonly begun: true; readonly run: JobRun }
  | { readonly begun: false; readonly why: 'running' | 'slot_taken' | 'fenced'; readonly run: JobRun | null };

/**
 * Who runs which job when. Only store time is used.
 *
 * @experimental This port may change in a minor version; sessions, leases and connections are stable.
 */
export interface JobStore {
  /**
   * The last slot of a job that began, anywhere. A job that was never seen gets the store's time now, so that a first
   * start misses nothing and a later one catches up.
   */
  lastSlot(params: { job: ClusterJobName }): Promise<Date>;
  /**
   * Begins a run: one winner. Refused while a run of this job goes on whose owner's lease stands (`running`), where
   * this slot or a later one has begun (`slot_taken`), or where the caller's own lease is over (`fenced`). A run whose
   * owner is gone is marked `abandoned`. The same `runId` again returns the same run, as it stands. A job that was
   * never seen (`lastSlot` was not asked) has begun no slot yet.
   */
  begin(params: { runId: string; job: ClusterJobName; slot: Date | null; owner: string }): Promise<BeginAnswer>;
  /**
   * Ends a run of ours; `false` where there is none, or it was abandoned meanwhile. The same end again returns `true`.
   */
  end(params: {
    runId: string;
    owner: string;
    outcome: 'finished' | 'failed';
    counts: Readonly<Record<string, number>>;
    error: string | null;
  }): Promise<boolean>;
  /** Runs, newest first; `before` is the id of the last one of the page before. `limit` 1 to 1,000. */
  list(params: { job?: ClusterJobName | undefined; before?: string | undefined; limit: number }): Promise<JobRun[]>;
  /** One run, or `null`. */
  get(params: { runId: string }): Promise<JobRun | null>;
}
