import type { Evidence, Health, Reason, SessionStatus } from '../domain/session.js';

/** One change of a row: what it said before and after. */
export interface Transition {
  /** Grows along the history of a store; opaque, and the cursor of both readings. */
  readonly id: string;
  readonly sessionId: string;
  /** Store time. */
  readonly at: Date;
  readonly from: SessionStatus;
  readonly to: SessionStatus;
  readonly evidence: Evidence;
  readonly health: Health;
  readonly reason: Reason | null;
  /**
   * Incarnation that vouched for it: where the new row's evidence is `observed` its owner, or the one that released it
   * with this change. `null` where nobody did (a fence, a cleanup, the end of the grace, a socket that may live on).
   */
  readonly owner: string | null;
}

/** A part of the feed and where the next one begins. */
export interface TransitionFeed {
  /** Oldest first. */
  readonly transitions: readonly Transition[];
  /** The `after` of the next call; moves on even where nothing came. */
  readonly next: string;
  /**
   * `true` where `after` is older than what is kept: something may have been missed. The transitions then begin with
   * the oldest that is kept.
   */
  readonly missed: boolean;
}

/**
 * What became of the rows, kept for a while. An entry is written in the same statement as the change it records,
 * whoever makes it (a guarded write, a release, a fence, the end of the grace, a cleanup): there is none without the
 * change, and no change of status, health, evidence or reason code without one. A claim, a repair of the host's row
 * and a new desired state are none, nor is a row that is added. Entries go with their session's row when that is
 * deleted, which no cursor counts as missed.
 *
 * @experimental This port may change in a minor version; sessions, leases and connections are stable.
 */
export interface HistoryStore {
  /**
   * The changes of one session, newest first, before the entry `before` (none where this store never gave out such an
   * id). `limit` 1 to 1,000.
   */
  ofSession(params: { sessionId: string; before?: string | undefined; limit: number }): Promise<Transition[]>;
  /**
   * The changes of all sessions after a cursor, each once and none left out, whatever commits in which order.
   * `after: null` returns no transition but the cursor of now; one that this store never gave out counts as missed and
   * reads like `null`.
   */
  since(params: { after: string | null; limit: number }): Promise<TransitionFeed>;
  /**
   * Forgets entries older than `keepMs` of store time, up to `limit`; returns how many. Call again until it returns
   * fewer.
   */
  prune(params: { keepMs: number; limit: number }): Promise<number>;
}
