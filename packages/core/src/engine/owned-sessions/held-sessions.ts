/**
 * The sessions whose connection lives in this process.
 *
 * Owns: which connection stands for which session, the tenure it is held under, the last row known for it, and the
 * verdict of its probes. Only the reconciler and the ownership code set a tenure; only liveness sets a verdict. The
 * count and the hash sum of the held ids are kept up to date here, because every sweep compares them with the store's.
 */
import type { SyncedSession } from '../../domain/report.js';
import type { StoredSession } from '../../domain/session.js';
import { sessionIdHash } from '../../domain/session.js';
import type { WhatsAppConnection } from '../../ports/connection.js';

/** How the link of a session has come up and fallen; kept over a connection that takes the place of another. */
export interface Link {
  /**
   * `new`: never up here. `down`: was up, and no more. `answered`: WhatsApp itself ended it, or waits for a person.
   */
  state: 'new' | 'up' | 'down' | 'answered';
  /** Monotonic times at which it fell, those of the last ten minutes. */
  fellAtMs: number[];
  lastFellAtMs: number;
  /** Monotonic time at which it was seen to come up last. */
  lastRoseAtMs: number;
  loopPublished: boolean;
  restartPublished: boolean;
}

/** One session and its connection. */
export interface Held {
  readonly id: string;
  /** `attached`: the host owns the socket. `provided`: our provider does. */
  readonly mode: 'attached' | 'provided';
  readonly connection: WhatsAppConnection;
  /** `null` until claimed, and again once lost. */
  readonly tenure: string | null;
  /** The row as last read or written under this tenure; `null` makes the next pass load it. */
  stored: StoredSession | null;
  /** Whether its row is known to have existed; a row that is missing later was deleted, and is not made again. */
  registered: boolean;
  /**
   * When and how the session was lost to another replica: a connection that was open before that may not take it back.
   */
  displaced: { readonly why: 'taken_over' | 'fenced'; readonly atMs: number } | null;
  /** Monotonic time of the last question to the store whose answer was that the session is ours. */
  ownedAtMs: number;
  /** Since when it could not be claimed because somebody has its row locked. */
  claimingSinceMs: number | null;
  /** Set by liveness while the link is dead although the connection still says otherwise. */
  deadSinceMs: number | null;
  failedProbes: number;
  probing: Promise<'alive' | 'dead' | 'unknown'> | null;
  /** A write whose result is unknown: it may have been committed although it errored. */
  unconfirmed: { readonly writeId: string; readonly before: StoredSession; readonly trigger: 'event' | 'sync' } | null;
  /** The last write that held, for a report that begins before it and reads after it. */
  lastWrite: { readonly atMs: number; readonly outcome: Pick<SyncedSession, 'stored' | 'action' | 'reason'> } | null;
  mirrorBlocked: boolean;
  /** Its connection made no sense when it was read last. */
  senseless: boolean;
  readonly link: Link;
  /** Aborts with its claim; what the provider was given as `fenced`. */
  readonly lost: AbortController;
  unsubscribe(): void;
}

export type HeldSessions = ReturnType<typeof createHeldSessions>;

export function createHeldSessions() {
  const byId = new Map<string, Held>();
  let owned = 0;
  let idHashSum = 0;

  function setTenure(held: Held, tenure: string | null): void {
    const change = Number(tenure !== null) - Number(held.tenure !== null);
    if (byId.get(held.id) === held) {
      owned += change;
      idHashSum += change * sessionIdHash(held.id);
    }
    (held as { tenure: string | null }).tenure = tenure;
    held.stored = null;
    held.unconfirmed = null;
  }

  return {
    get: (id: string) => byId.get(id),
    all: () => byId.values(),
    size: () => byId.size,
    /** Count and hash sum of the ids held under a tenure. */
    sums: () => ({ count: owned, idHashSum }),
    setTenure,
    /** A connection in the place of another (`replaces`) goes on under its tenure and row. */
    add(entry: {
      mode: Held['mode'];
      connection: WhatsAppConnection;
      replaces?: Held | undefined;
      lost?: AbortController;
    }): Held {
      const { mode, connection, replaces, lost = new AbortController() } = entry;
      const held: Held = {
        id: connection.sessionId,
        mode,
        connection,
        tenure: replaces?.tenure ?? null,
        stored: replaces?.stored ?? null,
        registered: replaces?.registered ?? mode === 'provided',
        displaced: null,
        ownedAtMs: Number.NEGATIVE_INFINITY,
        claimingSinceMs: null,
        deadSinceMs: null,
        failedProbes: 0,
        probing: null,
        unconfirmed: null,
        lastWrite: null,
        mirrorBlocked: false,
        senseless: false,
        link: replaces?.link ?? newLink(),
        lost,
        unsubscribe() {},
      };
      byId.set(held.id, held);
      return held;
    },
    remove(held: Held): void {
      if (byId.get(held.id) !== held) return;
      setTenure(held, null);
      byId.delete(held.id);
      held.unsubscribe();
    },
  };
}

function newLink(): Link {
  return {
    state: 'new',
    fellAtMs: [],
    lastFellAtMs: Number.NEGATIVE_INFINITY,
    lastRoseAtMs: Number.NEGATIVE_INFINITY,
    loopPublished: false,
    restartPublished: false,
  };
}
