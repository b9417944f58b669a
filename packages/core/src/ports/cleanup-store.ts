import type { SessionStatus } from '../domain/session.js';

/** The two stages: first a session is only deactivated, later its row and credentials are deleted. */
export type CleanupStage = 'deactivate' | 'purge';

/** What has to be so for a stage to take a session. Times are milliseconds of store time. */
export interface CleanupRule {
  readonly stage: CleanupStage;
  /** The last proof of life is longer ago than this. */
  readonly inactiveForMs: number;
  /**
   * Its status, health and owner have not changed for this long. What is deleted was deactivated as long ago, so that
   * somebody could miss it: a row may have been old when it was imported. What is deactivated, and somebody owns, was
   * not just started.
   */
  readonly restedForMs: number;
}

/** A session that satisfied the rule when it was read. */
export interface CleanupCandidate {
  readonly id: string;
  readonly status: SessionStatus;
  /** The proof of life, creation or import that its age counts from. */
  readonly aliveAt: Date;
  /** Milliseconds of store time since then. */
  readonly inactiveForMs: number;
}

/**
 * Removal of sessions that nobody uses. The rule is checked on the very row that is changed, in the same statement: a
 * session that came back between read and write stays.
 *
 * The rule: the last proof of life (else creation or import) is more than `inactiveForMs` of store time ago; the
 * status is not `CONNECTED`; nobody owns it, or its owner has nothing to repair (`QR_CODE`, `LOGGED_OUT`, `ERROR`,
 * `DISCONNECTED`), does not suspect its own network, and neither status nor owner has changed for `restedForMs`.
 * `deactivate` takes active sessions, `purge` takes inactive ones that nobody owns and that are unchanged for as long.
 *
 * @experimental This port may change in a minor version; sessions, leases and connections are stable.
 */
export interface CleanupStore {
  /** How many sessions there are, and how many are active. */
  census(): Promise<{ total: number; active: number }>;
  /** Sessions that satisfy the rule now, in the order of their ids, after `after`. */
  candidates(params: CleanupRule & { after?: string | undefined; limit: number }): Promise<CleanupCandidate[]>;
  /**
   * Deactivates sessions for which the rule still holds: `active` false here and in the host's row, owned by nobody,
   * `DISCONNECTED` with reason `inactive` (`LOGGED_OUT` keeps its status). Returns the ids.
   */
  deactivate(params: { ids: readonly string[]; inactiveForMs: number; restedForMs: number }): Promise<string[]>;
  /**
   * Marks sessions for deletion where the rule still holds: their credentials are neither read nor written while the
   * mark is there. Returns the ids. A mark is taken back by a claim and by `setDesired` to `running`, and the
   * credentials are there as before.
   */
  markForPurge(params: { ids: readonly string[]; inactiveForMs: number; restedForMs: number }): Promise<string[]>;
  /** What is marked, in the order of the ids, after `after`, so that a run that was cut off goes on. */
  marked(params: { after?: string | undefined; limit: number }): Promise<CleanupCandidate[]>;
  /**
   * Deletes rows that are still marked, inactive and nobody's, with their credentials; the host's row stays. Returns
   * the ids.
   */
  purge(params: { ids: readonly string[] }): Promise<string[]>;
}
