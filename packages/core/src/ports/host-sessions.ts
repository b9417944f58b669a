import type { SessionStatus } from '../domain/session.js';

/**
 * A row of the host's own table of sessions, as it stands there. What the host wants of it (`active`) is no part of it:
 * the store asks the column whenever that matters.
 */
export interface HostSession {
  /** The host's id as a text, as it names the session here. */
  readonly id: string;
  /** What stands in the status column, of which a store may cut what is too long for a word. */
  readonly word: string | null;
  readonly phone: string | null;
  /** Last sign of life that the host knows of. */
  readonly lastSeenAt: Date | null;
}

/** A page of the host's rows. */
export interface HostSessionsPage {
  readonly rows: readonly HostSession[];
  /** Where the next page begins; `null` where none follows. */
  readonly next: string | null;
}

/**
 * The host's own table of sessions, through the mapping that the store was given.
 *
 * @experimental This port may change in a minor version; sessions, leases and connections are stable.
 */
export interface HostSessions {
  /** The host's word for each status; several may share one. */
  readonly words: Readonly<Record<SessionStatus, string>>;
  /** Words that only the host writes, while a login is under way. */
  readonly leftAlone: readonly string[];
  /** Whether a session whose row is gone is only reported, or stopped too. */
  readonly whenRowIsGone: 'report' | 'stop';
  /**
   * Reads a page, in a stable order that an index of the host has. Rows without an id, and rows that are not of this
   * channel, are not among them. `after`: the `next` of the page before. A row that stays is read once, whatever comes
   * and goes meanwhile. Locks no row. `limit`: 1 to 1,000.
   */
  list(params: { after?: string | undefined; limit: number }): Promise<HostSessionsPage>;
}
