import type { ClusterJobName, JobName } from './job-store.js';

/** When a job is due. */
export interface SlotRule<Job extends JobName = ClusterJobName> {
  readonly job: Job;
  /** Cron: five fields, or six with seconds. */
  readonly expression: string;
  /** IANA zone of expressions with a fixed hour. */
  readonly timeZone: string;
}

/**
 * `done`: this slot is over, whether it ran here, ran elsewhere or failed. `later`: it could not begin; call again
 * soon, with this slot or a later one.
 */
export type SlotAnswer = 'done' | 'later';

/**
 * Says when the jobs that one replica runs for all are due. wa-sync's own one asks the store's time with every tick; a
 * queue of the host's may take its place. Several replicas may call for the same slot: the store lets one of them win.
 *
 * What it keeps: every slot is called for, several missed ones are one call (the latest), no call of a job begins
 * while another one of it goes on here, and a call that rejects keeps nobody from the next. Where the hour is fixed,
 * slots are wall-clock times of the zone, once a date, and a time inside the gap of daylight saving runs at its end;
 * where the hour is `*` or a step they are UTC instants.
 *
 * @experimental This port may change in a minor version; sessions, leases and connections are stable.
 */
export interface Scheduler<Job extends JobName = ClusterJobName> {
  /** Begins to call `run` at the slots of each rule. A rejection keeps the replica from starting. */
  start(params: {
    rules: readonly SlotRule<Job>[];
    run(call: { job: Job; slot: Date }): Promise<SlotAnswer>;
  }): Promise<void>;
  /** No call begins once this was called; does not wait for those under way. */
  stop(): Promise<void>;
}
