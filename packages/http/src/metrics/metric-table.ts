/** What a metric is, as `docs/METRICS.md` shows it. */
interface MetricShape {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

/**
 * Every metric by its name. No label holds an id, a number or a free text. None is called `job` or `instance`: a
 * scrape sets these two itself, and renames those of a target to `exported_job` and `exported_instance`.
 */
export const METRICS = {
  wa_sync_sessions: {
    type: 'gauge',
    labels: ['status', 'health'],
    help: 'Sessions by effective status and health, as the store says; the same in every process',
  },
  wa_sync_sessions_expired: {
    type: 'gauge',
    labels: [],
    help: "Sessions whose owner's lease is over; the same in every process",
  },
  wa_sync_mirror_differs: {
    type: 'gauge',
    labels: [],
    help: "Sessions whose row in the host's table is missing or says another word; the same in every process",
  },
  wa_sync_store_up: { type: 'gauge', labels: [], help: '1 where the store answered when it was last read, else 0' },
  wa_sync_session_changes_total: {
    type: 'counter',
    labels: ['from', 'to'],
    help: 'Changes of status that this process wrote',
  },
  wa_sync_reconnects_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Sessions that began to reconnect, by the code of the reason',
  },
  wa_sync_drift_corrected_total: {
    type: 'counter',
    labels: ['stored', 'actual'],
    help: 'Rows that were not true and were corrected by a sync',
  },
  wa_sync_foreign_writes_total: {
    type: 'counter',
    labels: [],
    help: "Rows of the host's table that somebody else had written",
  },
  wa_sync_mirror_blocked_total: {
    type: 'counter',
    labels: [],
    help: "Rows of the host's table that could not be written",
  },
  wa_sync_probe_duration_seconds: {
    type: 'histogram',
    labels: ['answer'],
    help: 'How long silent connections took to give a sign of life, by what came of it',
  },
  wa_sync_ownership_gained_total: { type: 'counter', labels: [], help: 'Sessions that this process took' },
  wa_sync_ownership_lost_total: { type: 'counter', labels: ['why'], help: 'Sessions that this process lost' },
  wa_sync_lease_lost: { type: 'gauge', labels: [], help: '1 while this process has lost its lease and may not write' },
  wa_sync_lease_losses_total: { type: 'counter', labels: ['why'], help: 'How often this process lost its lease' },
  wa_sync_job_runs_total: {
    type: 'counter',
    labels: ['job_name', 'outcome'],
    help: 'Runs of jobs that ended in this process',
  },
  wa_sync_job_duration_seconds: {
    type: 'histogram',
    labels: ['job_name'],
    help: 'How long runs took that ended well; of the job sync it is the time of a sweep',
  },
  wa_sync_job_running: { type: 'gauge', labels: ['job_name'], help: 'Runs of jobs under way in this process' },
  wa_sync_job_last_success_timestamp_seconds: {
    type: 'gauge',
    labels: ['job_name'],
    help: 'When a run last ended well in this process; absent until one has',
  },
  wa_sync_cleanup_sessions_total: {
    type: 'counter',
    labels: ['outcome'],
    help: 'Sessions in the runs of the cleanup that ended since this process began to watch; the same in every process',
  },
  wa_sync_conversations_warned_total: {
    type: 'counter',
    labels: [],
    help: 'Inactive conversations that this process warned',
  },
  wa_sync_conversations_closed_total: {
    type: 'counter',
    labels: ['delivery'],
    help: 'Inactive conversations that this process closed, by what is known of the farewell',
  },
} as const satisfies Record<string, MetricShape>;

/** One of the keys of {@link METRICS}. */
export type MetricName = keyof typeof METRICS;

/** Names by type, so that a counter cannot be set. */
export type NameOf<Type extends MetricShape['type']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[MetricName];

/** The labels of a metric, each with its value. */
export type LabelsOf<Name extends MetricName> = Record<(typeof METRICS)[Name]['labels'][number], string>;
