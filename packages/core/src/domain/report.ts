import type { SessionStatus } from './session.js';
import type { SessionIdFault } from './session-id.js';

/** What a sync did with one session. */
export type SyncAction = 'none' | 'corrected' | 'mirror_repaired' | 'healed' | 'would_correct' | 'unknown' | 'failed';

/** One session in a {@link SyncReport}. */
export interface SyncedSession {
  readonly id: string;
  /** What the row said before; `null` where it could not be read. */
  readonly stored: SessionStatus | null;
  /** The host's own word, where it differed from what wa-sync had written there. */
  readonly foreignWord?: string | undefined;
  /** What is true; `null` where it is not known. */
  readonly actual: SessionStatus | null;
  readonly action: SyncAction;
  /** A stable code: why this action. */
  readonly reason: string;
  /** Milliseconds that this session took, its probe included. */
  readonly tookMs: number;
}

/** Counts over every session of a sync. */
export interface SyncTotals {
  readonly checked: number;
  readonly inSync: number;
  readonly corrected: number;
  readonly unknown: number;
  readonly healed: number;
  readonly failed: number;
}

/** A job that `forceSync()` began and that failed. */
export interface FailedJob {
  readonly job: 'cleanup' | 'inactivity';
  /** Of the error, or `job_failed` where it has none; `job:failed` has the rest. */
  readonly code: string;
}

/** What `syncNow` and `forceSync` return. */
export interface SyncReport {
  readonly startedAt: Date;
  readonly tookMs: number;
  readonly totals: SyncTotals;
  /** Sessions, those that were not in sync first; at most 1,000. `totals` always counts all. */
  readonly sessions: readonly SyncedSession[];
  /** Sessions that `totals` counts and `sessions` leaves out. */
  readonly omitted: number;
  /** Of `forceSync()` without an id, where there are any: the rows were put right all the same. */
  readonly failedJobs?: readonly FailedJob[] | undefined;
}

/** What became of one session in a cleanup. */
export interface CleanedSession {
  readonly id: string;
  readonly status: SessionStatus;
  readonly aliveAt: Date;
  readonly inactiveForMs: number;
  readonly stage: 'deactivate' | 'purge';
  /**
   * `done`, `would` in a dry run, `came_back` where it returned between read and write, `failed` where its credentials
   * could not be deleted.
   */
  readonly outcome: 'done' | 'would' | 'came_back' | 'failed';
  /** Of a purge: who deleted the credentials. `host`: nobody here, they are the host's to delete. */
  readonly credentials?: 'store' | 'callback' | 'host' | undefined;
}

/** What `cleanupSessions` returns. */
export interface CleanupReport {
  readonly startedAt: Date;
  readonly tookMs: number;
  readonly dryRun: boolean;
  /** Why nothing was done: another run goes on, or this is no time to judge who is gone. */
  readonly postponed: 'running_elsewhere' | 'boot_settling' | 'mass_outage' | 'lease_lost' | null;
  readonly totals: {
    readonly sessions: number;
    readonly deactivated: number;
    readonly purged: number;
    readonly cameBack: number;
    readonly failed: number;
    /** Satisfied the rule and are left for the next run, because of `maxFraction`. */
    readonly left: number;
  };
  /** At most 1,000. */
  readonly sessions: readonly CleanedSession[];
}

/** What became of one inactive conversation. */
export interface CheckedConversation {
  readonly id: string;
  readonly sessionId: string;
  readonly inactiveForMs: number;
  /** `would_…` in a dry run; `cancelled`: a message came, or the gate closed, between read and write. */
  readonly outcome:
    | 'closed'
    | 'closing'
    | 'warned'
    | 'would_close'
    | 'would_warn'
    | 'waits'
    | 'skipped'
    | 'cancelled'
    | 'failed';
  /** A stable code: why. */
  readonly reason: string;
}

/** What `checkInactiveConversations` returns. */
export interface InactivityReport {
  readonly startedAt: Date;
  readonly tookMs: number;
  readonly dryRun: boolean;
  readonly postponed: 'running_elsewhere' | 'lease_lost' | null;
  /**
   * Open conversations, warned ones included, before the first was checked. Only those that are due are checked.
   * `null` where the store does not count them, the count failed, or nothing was done.
   */
  readonly open: number | null;
  readonly totals: {
    readonly checked: number;
    readonly closed: number;
    readonly warned: number;
    readonly waiting: number;
    readonly skipped: number;
    readonly cancelled: number;
    readonly failed: number;
    /** Rows of the host's table that were registered in this run. */
    readonly adopted: number;
  };
  /** At most 1,000. */
  readonly conversations: readonly CheckedConversation[];
}

/**
 * `3 of 40 open conversations`, the same in the log, the command and over HTTP. Without the second number a run in
 * which none was due would read like a job that finds nothing. `3 conversations` where nobody counted.
 */
export function checkedText({ open, totals: { checked } }: Pick<InactivityReport, 'open' | 'totals'>): string {
  const parts = open === null ? `${checked}` : `${checked} of ${open} open`;
  return `${parts} conversation${(open ?? checked) === 1 ? '' : 's'}`;
}

/** How far `sessions.importFromHost` has come. */
export interface HostImportProgress {
  /** Rows of the host's table. */
  readonly read: number;
  /** Sessions that were new; with `dryRun`, those that would be. */
  readonly created: number;
  /** Sessions that were there already; they stay as they are. */
  readonly existing: number;
}

/** What `sessions.importFromHost` returns. */
export interface HostImportReport extends HostImportProgress {
  readonly dryRun: boolean;
  /** The first rows whose id wa-sync cannot take, at most 100. Long ids are cut. */
  readonly leftOut: readonly { readonly id: string; readonly why: SessionIdFault }[];
  /** All of them. */
  readonly leftOutTotal: number;
  /**
   * Words that no status has, at most 100, each with how many sessions were created as `DISCONNECTED` because of it;
   * `null` where the column is empty.
   */
  readonly unknownWords: readonly { readonly word: string | null; readonly sessions: number }[];
  /** The sessions of all such words. */
  readonly unknownWordsTotal: number;
}
