import type { Delivery } from '../domain/conversation.js';
import type { Evidence, Health, Reason, SessionStatus } from '../domain/session.js';
import type { ProbeAnswer } from '../ports/connection.js';
import type { JobName } from '../ports/job-store.js';

/** What every session event carries. */
interface OfSession {
  readonly sessionId: string;
  /** Wall clock of this replica. */
  readonly at: Date;
}

/** Every event of `wa.on`, with its one payload. `docs/EVENTS.md` explains each. */
export interface WaSyncEvents {
  /** A row's status, health or reason was written. */
  'session:changed': OfSession & {
    readonly from: SessionStatus;
    readonly to: SessionStatus;
    readonly health: Health;
    readonly evidence: Evidence;
    readonly reason: Reason | null;
  };
  /** A sync found a row that was not true, and corrected it. */
  'drift:corrected': OfSession & {
    readonly stored: SessionStatus;
    readonly actual: SessionStatus;
    readonly reason: Reason | null;
  };
  /** Somebody else wrote the host's row; it was put right. */
  'drift:foreign-write': OfSession & { readonly word: string | null; readonly actual: SessionStatus };
  /**
   * The host's row could not be written (`missing`, or the database's own words). Raised once until it works again.
   */
  'mirror:blocked': OfSession & { readonly cause: string };
  /** Health went from healthy to degraded or back. */
  'session:health': OfSession & { readonly health: Health; readonly reason: Reason | null };
  /**
   * A session keeps reconnecting: five falls within ten minutes, or ten attempts without coming up. Raised once, and
   * again only after ten minutes without either.
   */
  'session:reconnect-loop': OfSession & { readonly falls: number; readonly reconnectAttempt: number };
  /**
   * Its connection has tried everything that can be done from inside: only a restart of this process may help. Raised
   * once until it no longer asks.
   */
  'session:restart-requested': OfSession & { readonly reason: Reason };
  /** A silent connection was asked for a sign of life. Many a second with many sessions. */
  'probe:ended': OfSession & { readonly answer: ProbeAnswer; readonly tookMs: number };
  /** This replica holds the session now. */
  'ownership:gained': OfSession;
  /** This replica holds the session no more. */
  'ownership:lost': OfSession & { readonly why: string };
  /** This replica's lease ran out or was ended by another; `back` is emitted when it holds one again. */
  'lease:lost': { readonly at: Date; readonly why: 'store_unreachable' | 'fenced' };
  /** This replica holds a lease again. */
  'lease:back': { readonly at: Date };
  /**
   * Most of this replica's sessions fell at once: the fault is probably its own, and nothing destructive happens to
   * them until it is over.
   */
  'mass-outage:begun': { readonly at: Date; readonly fallen: number; readonly sessions: number };
  /** They are back. */
  'mass-outage:ended': { readonly at: Date; readonly tookMs: number };
  /** A conversation is about to be closed: its owner sends the warning. */
  'conversation:warned': { readonly at: Date; readonly conversationId: string; readonly sessionId: string };
  /** A conversation was closed; `delivery` is what is known of the farewell, `null` without one. */
  'conversation:closed': {
    readonly at: Date;
    readonly conversationId: string;
    readonly sessionId: string;
    readonly delivery: Delivery | null;
  };
  /** A job began. */
  'job:started': { readonly at: Date; readonly job: JobName; readonly slot: Date | null };
  /** A job ended well. */
  'job:finished': { readonly at: Date; readonly job: JobName; readonly slot: Date | null; readonly tookMs: number };
  /** A job ended with an error. */
  'job:failed': { readonly at: Date; readonly job: JobName; readonly slot: Date | null; readonly error: unknown };
}

/** One of the event names. */
export type WaSyncEventName = keyof WaSyncEvents;

/** All event names; a test holds `docs/EVENTS.md` against them. */
export const EVENT_NAMES = [
  'session:changed',
  'drift:corrected',
  'drift:foreign-write',
  'mirror:blocked',
  'session:health',
  'session:reconnect-loop',
  'session:restart-requested',
  'probe:ended',
  'ownership:gained',
  'ownership:lost',
  'lease:lost',
  'lease:back',
  'mass-outage:begun',
  'mass-outage:ended',
  'conversation:warned',
  'conversation:closed',
  'job:started',
  'job:finished',
  'job:failed',
] as const satisfies readonly WaSyncEventName[];
