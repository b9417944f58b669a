/** What one replica may ask of another that holds the session. */
export const INBOX_REQUESTS = ['status', 'sync', 'force', 'settle', 'logout'] as const;

/** One of {@link INBOX_REQUESTS}. `settle`: the desired state has changed, act on it. */
export type InboxRequestKind = (typeof INBOX_REQUESTS)[number];

/** A question to whoever holds a session. */
export interface InboxRequest {
  /** Fresh; the same id again is the same request. */
  readonly id: string;
  readonly sessionId: string;
  readonly kind: InboxRequestKind;
}

/** What the owner said. `body` is JSON; its form belongs to the kind and is checked by the engine. */
export interface InboxAnswer {
  readonly id: string;
  readonly body: string;
}

/**
 * Requests between replicas, as rows, so that none is lost with a notification. An owner learns of them with its beat,
 * or at once where the store can notify it. Nothing is ever concluded from silence: an asker whose time is over knows
 * nothing. A request that is not answered within its `ttlMs` of store time is void: it is handed out no more, and an
 * answer to it changes nothing. Requests and answers go with their session's row when that is deleted.
 *
 * @experimental This port may change in a minor version; sessions, leases and connections are stable.
 */
export interface InboxStore {
  /**
   * Puts each request before the session's owner, where one holds it whose lease is not over (as a reader judges it:
   * fenced, or past its ttl). Returns the ids that were put; the others have nobody to ask. `asker`: the incarnation
   * to notify of an answer.
   */
  ask(params: { asker: string; requests: readonly InboxRequest[]; ttlMs: number }): Promise<string[]>;
  /**
   * Hands out requests put before this owner, oldest first, each once. Only while its lease is not over and it still
   * holds the session.
   */
  take(params: { owner: string; limit: number }): Promise<InboxRequest[]>;
  /**
   * Records answers to requests that this owner took, while its lease is not over. Of two answers to one request the
   * first counts.
   */
  answer(params: { owner: string; answers: readonly InboxAnswer[] }): Promise<void>;
  /** Reads the answers that are there and removes them with their requests. */
  collect(params: { ids: readonly string[] }): Promise<InboxAnswer[]>;
  /** Deletes what is void, and answers that nobody collected within `keepMs`; up to `limit`. Returns how many. */
  prune(params: { keepMs: number; limit: number }): Promise<number>;
  /**
   * Calls `notify` when a request for this incarnation, or an answer to what it asked, may be there. It only hastens:
   * everything works without, at the pace of the tick. Returns the way to stop. Absent where the store cannot.
   */
  listen?(params: { incarnation: string; notify: () => void }): Promise<() => void>;
}
