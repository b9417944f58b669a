import type { WaSyncError } from '../domain/errors.js';
import type { Desired, Health, Reason, SessionState, SessionStatus, StoredSession } from '../domain/session.js';

/**
 * A row to add; evidence `unobserved`, owned by nobody, healthy, without a reason. Its `createdAt` and
 * `statusChangedAt` are the store's time.
 */
export interface NewSession {
  readonly id: string;
  readonly desired: Desired;
  readonly phone?: string | null | undefined;
  /** What an earlier system said of it; nobody vouches for it. @defaultValue `DISCONNECTED` */
  readonly status?: SessionStatus | undefined;
  /**
   * Last proof of life that an earlier system knew of; later than the store's time counts as the store's time.
   * @defaultValue `null`
   */
  readonly lastSeenAt?: Date | null | undefined;
}

/** A row that nobody has held, and what it said until now. */
export interface UnheldSession {
  readonly id: string;
  readonly from: SessionStatus;
}

/** A write that holds only while the row is still the one that was read. */
export interface GuardedWrite {
  readonly id: string;
  readonly tenure: string;
  readonly version: number;
  /** Fresh for every attempt; stored on the row. */
  readonly writeId: string;
  /** `null` repairs the host's row from ours and changes nothing else but the version. */
  readonly set: StatusChange | null;
}

/** The new state; evidence becomes `observed`. */
export interface StatusChange extends SessionState {
  /**
   * Set when the session leaves `CONNECTED`: how long ago the last proof of life was. The store subtracts it from its
   * own time.
   */
  readonly seenAgoMs: number | null;
}

/** What became of one guarded write. */
export type WriteOutcome =
  | {
      readonly id: string;
      readonly applied: true;
      readonly session: StoredSession;
      /** Why the host's row could not be written, while ours was. */
      readonly mirrorBlocked?: string | undefined;
    }
  | {
      readonly id: string;
      readonly applied: false;
      /** The store refused this row alone, such as by a trigger: nothing of it was written, the others were. */
      readonly refused?: WaSyncError | undefined;
      /**
       * Somebody has the row locked, and its guard still stands: nothing was written, and the same is tried again soon.
       * For stores that pass over locked rows, so that one of them keeps no other waiting.
       */
      readonly locked?: true | undefined;
    };

/**
 * `free` takes an active session that nobody owns; `takeover` takes it from anybody and makes it active again, because
 * WhatsApp has already chosen.
 */
export interface Claim {
  readonly id: string;
  readonly tenure: string;
  readonly mode: 'free' | 'takeover';
}

/**
 * Why a claim took nothing; `refused`: the store refused this row alone, such as by a trigger. `locked`: somebody has
 * the row locked, and the same is tried again soon.
 */
export type ClaimRefusal = 'held' | 'inactive' | 'missing' | 'fenced' | 'late' | 'refused' | 'locked';

/**
 * What became of one claim. `held`: another incarnation has it. `inactive`: the cleanup deactivated it. `fenced`: the
 * claimant's own lease is over. `late`: the claim came after its deadline.
 */
export type ClaimOutcome =
  | { readonly id: string; readonly claimed: true; readonly session: StoredSession }
  | { readonly id: string; readonly claimed: false; readonly why: ClaimRefusal };

/** A session, and the claim that it is held under. */
export interface HeldTenure {
  readonly id: string;
  readonly tenure: string;
}

/** What most of a replica's connections have; the sweep fetches only rows that differ from it. */
export interface ExpectedState {
  readonly status: SessionStatus;
  readonly health: Health;
  readonly reason: Reason | null;
}

/** The exceptions among the rows of one owner. */
export interface SweepAnswer {
  /** Rows that differ from what was expected in a judged field, and the ones asked for by id. */
  readonly exceptions: readonly StoredSession[];
  /** All rows of the owner. */
  readonly count: number;
  /** Sum of `sessionIdHash` over them: differs when a row vanished or changed owner. */
  readonly idHashSum: number;
}

/** Sessions that stand ready to be claimed. */
export interface ClaimablePage {
  /** At most as many as were asked for; fewer, or none, do not mean that nothing follows. */
  readonly ids: readonly string[];
  /** Where the next page begins; `null` where none follows. */
  readonly next: string | null;
  /** The incarnations whose lease stands: they share among each other what is claimable. None where `ids` are none. */
  readonly living: readonly string[];
}

/** Filters of a listing; pages run by id. */
export interface ListParams {
  readonly after?: string | undefined;
  /** 1 to 1,000. */
  readonly limit: number;
  readonly owner?: string | undefined;
}

/** The rows, one per session. Every write to a status is guarded and none creates a row. */
export interface SessionStore {
  /**
   * Adds rows in one statement; returns the ids that were new. A row that is there stays as it is, and of two with one
   * id the first counts.
   */
  create(params: { sessions: readonly NewSession[] }): Promise<string[]>;
  /** Reads rows; ids without a row are left out. */
  get(params: { ids: readonly string[] }): Promise<StoredSession[]>;
  /** A page of rows in the order of their ids. */
  list(params: ListParams): Promise<StoredSession[]>;
  /** One scan of an owner's rows that fetches only the exceptions. */
  sweep(params: { owner: string; expected: ExpectedState; otherIds: readonly string[] }): Promise<SweepAnswer>;
  /** Up to 1,000 guarded writes in one statement, the host's rows with them. */
  write(params: { owner: string; writes: readonly GuardedWrite[] }): Promise<WriteOutcome[]>;
  /**
   * Takes sessions for an incarnation whose lease stands. From `deadline`, an instant of store time, on nothing is
   * taken any more: the claimant has given the call up by then, and would hold sessions without knowing, taken from an
   * owner that is well.
   */
  claim(params: { owner: string; claims: readonly Claim[]; deadline?: Date | undefined }): Promise<ClaimOutcome[]>;
  /**
   * A page of ids that nobody owns, that are active, wanted `running` and not `LOGGED_OUT`, in the order of ids. `after`:
   * the `next` of the page before.
   */
  claimable(params: { limit: number; after?: string | undefined }): Promise<ClaimablePage>;
  /**
   * Releases sessions in one statement (`sessions` absent: all of the owner's): `DISCONNECTED` with `reason`,
   * nobody's; `LOGGED_OUT` keeps its status. Evidence is `unobserved` for `unobservedIds`, whose sockets may live on,
   * else `observed`. One that is held under another tenure by now stays as it is, or a call that arrives very late
   * would free what was claimed again since. One that somebody has locked keeps only itself from being released. Returns
   * the ids.
   */
  release(params: {
    owner: string;
    sessions?: readonly HeldTenure[] | undefined;
    unobservedIds: readonly string[];
    reason: Reason;
  }): Promise<string[]>;
  /**
   * Records what the host wants; `running` makes the session active again. `null` when there is no such row. Calls on
   * one store object count in their order: one that comes after a newer one, such as a call that was given up and
   * arrives late, changes nothing and returns the row.
   */
  setDesired(params: { id: string; desired: Desired }): Promise<StoredSession | null>;
  /**
   * Ends the adoption grace: rows that nobody has held since they were created more than `graceMs` of store time ago
   * become `DISCONNECTED`, reason `not_held`, evidence `unobserved`, health `healthy`, no `qr`, a higher version, the
   * host's rows with them. In one statement, up to `limit`; call again until it returns fewer.
   *
   * Which: `owner` null, evidence `unobserved`, and the status (or the word in the host's row) is neither that of
   * `DISCONNECTED` nor `LOGGED_OUT`. The predicate stands on the row itself: one that is claimed meanwhile stays as it
   * is. `lastSeenAt` stays too.
   */
  closeUnheld?(params: { graceMs: number; limit: number }): Promise<UnheldSession[]>;
  /** Deletes a row of ours (never the host's); returns whether there was one. */
  remove(params: { id: string }): Promise<boolean>;
}
