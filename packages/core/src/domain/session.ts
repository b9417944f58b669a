export { checkSessionId, type SessionIdFault, sessionIdHash } from './session-id.js';

/** What a session is doing. The words are explained in `docs/ARCHITECTURE.md`. */
export const SESSION_STATUSES = [
  'CONNECTING',
  'QR_CODE',
  'CONNECTED',
  'RECONNECTING',
  'DISCONNECTED',
  'LOGGED_OUT',
  'REPLACED',
  'ERROR',
] as const;

/** One of {@link SESSION_STATUSES}. */
export type SessionStatus = (typeof SESSION_STATUSES)[number];

/** Who vouches for a status: its owner saw it, its owner's lease ran out, or nobody has held the session. */
export type Evidence = 'observed' | 'expired' | 'unobserved';

/** `degraded`: the link is up and something on it does not work as it should. */
export type Health = 'healthy' | 'degraded';

/** What the host wants: wa-sync opens a `running` session when it has a provider. */
export type Desired = 'running' | 'stopped';

/** Why a session is in its status: a stable `code` for programs, a `detail` for people (never a credential). */
export interface Reason {
  readonly code: string;
  readonly detail?: string | undefined;
}

/** The part of a row that an owner's observation decides. */
export interface SessionState {
  readonly status: SessionStatus;
  readonly health: Health;
  readonly reason: Reason | null;
  /** Attempts since the connection was last open; 0 while it is. */
  readonly reconnectAttempt: number;
  /** Digits of the number that is logged in, as far as known. */
  readonly phone: string | null;
  /** The pairing code to show, only while the status is `QR_CODE`. */
  readonly qr: string | null;
}

/** One row of the store. */
export interface SessionRecord extends SessionState {
  readonly id: string;
  readonly evidence: Evidence;
  readonly desired: Desired;
  readonly active: boolean;
  /** Incarnation that holds the connection, `null` when nobody does. */
  readonly owner: string | null;
  /** Random token made at each claim; a write under an older one is refused. */
  readonly tenure: string | null;
  /** Grows by one with every write. */
  readonly version: number;
  /** Marks the last write, so that a writer knows its own commit again after "committed but errored". */
  readonly writeId: string | null;
  readonly statusChangedAt: Date;
  /** Last proof of life, written when the session leaves `CONNECTED`. */
  readonly lastSeenAt: Date | null;
  readonly createdAt: Date;
}

/** How the host's own row compares with ours. */
export interface MirrorView {
  /** `none`: no mirror is configured. `missing`: the host has no row with this id. */
  readonly state: 'none' | 'in_sync' | 'differs' | 'missing';
  /** The word in the host's status column, where there is a row. */
  readonly word: string | null;
}

/** A row read together with its owner's lease and the host's row. */
export interface StoredSession extends SessionRecord {
  /** What a reader may believe: the row, or `DISCONNECTED`/`expired` where the owner's lease is over. */
  readonly effective: { readonly status: SessionStatus; readonly evidence: Evidence };
  readonly mirror: MirrorView;
}

/** What an owner learned of its connection. Unknown is never dead. */
export type Observation = KnownObservation | UnknownObservation;

/** A status that the connection itself vouches for. */
export interface KnownObservation extends SessionState {
  readonly kind: 'known';
  /** When `qr` stops working, by the wall clock of this host, where that is known. */
  readonly qrExpiresAt?: Date | null | undefined;
  /**
   * Everything that this process can do was tried, and only its restart may help: the host is
   * notified by `session:restart-requested`, once until this is absent again. It changes no status. Call the
   * `onChange` listeners when it comes and goes.
   */
  readonly restartRequested?: Reason | null | undefined;
  /** Milliseconds since the last inbound frame; `null` when none ever arrived. */
  readonly silentForMs: number | null;
}

/** Nothing can be said now; `why` is a stable code. */
export interface UnknownObservation {
  readonly kind: 'unknown';
  readonly why: string;
}

/**
 * What a reader may believe of a row: once its owner's lease is over nobody vouches for a connection any more, and
 * only a logout stays true.
 */
export function effectiveOf(
  row: Pick<StoredSession, 'status' | 'evidence'>,
  leaseOver: boolean,
): StoredSession['effective'] {
  if (!leaseOver) return { status: row.status, evidence: row.evidence };
  return { status: row.status === 'LOGGED_OUT' ? 'LOGGED_OUT' : 'DISCONNECTED', evidence: 'expired' };
}
