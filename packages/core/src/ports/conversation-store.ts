import type { ConversationRecord, Delivery, Speaker } from '../domain/conversation.js';

/** A message as the host or an adapter saw it. */
export interface RecordedMessage {
  readonly conversationId: string;
  readonly sessionId: string;
  readonly from: Speaker;
  /** When it was written; later than the store's time counts as the store's time. */
  readonly at: Date;
  /** Address at WhatsApp for an answer. */
  readonly chat?: string | undefined;
  /** Id at WhatsApp: the echo of a message that wa-sync sent changes nothing. */
  readonly messageId?: string | undefined;
}

/** An inactive conversation, with what the gate needs to know of its session. */
export interface InactiveConversation {
  readonly conversation: ConversationRecord;
  /** Store time since a message was last recorded (`heardAt`). */
  readonly inactiveForMs: number;
  /** Store time since the warning, `null` without one. */
  readonly warnedForMs: number | null;
  /** Whether the number can hear: see {@link ConversationStore}. */
  readonly gateOpen: boolean;
}

/** Where a page of inactive conversations ended. */
export interface InactiveCursor {
  readonly heardAt: Date;
  readonly id: string;
}

/**
 * A move of the closing machine; it holds only while the sequence and the gate are what they were. `CLOSING` and a
 * direct `CLOSED` raise the closing number.
 */
export interface ConversationMove {
  readonly id: string;
  readonly sequence: number;
  readonly to: 'WARNED' | 'CLOSING' | 'CLOSED';
  /** What its owner has to send. */
  readonly outgoing: { readonly id: string; readonly kind: 'warning' | 'farewell'; readonly text: string } | null;
}

/**
 * Conversations and the machine that closes them: `OPEN -> WARNED -> CLOSING -> CLOSED`.
 *
 * The gate of a conversation is open while its session's owner has a live lease, suspects nothing (mass outage), and
 * the session is `CONNECTED`, healthy and vouched for (`observed`) since at least `unchangedForMs`, so that what
 * arrived meanwhile was recorded first. The instant that this counts from moves with every change of status or health
 * and with every claim: a new owner has a new socket.
 *
 * @experimental This port may change in a minor version; sessions, leases and connections are stable.
 */
export interface ConversationStore {
  /**
   * Records messages in one statement: a higher sequence (one per message), `heardAt` the store's time, state `OPEN`,
   * a message that is `pending` withdrawn. Makes conversations that are not known. Returns the sequences, in the order
   * of the messages.
   *
   * Changes nothing and returns the sequence as it stands: the echo of the last warning or farewell (its `messageId`,
   * also while a later one is decided), and on a `CLOSED` conversation a message no newer than `lastMessageAt`
   * (history that is replayed must not reopen it). `lastMessageAt` never goes back, and `lastFrom` follows only a
   * message at least as new. `adopted` ends with a message less than a day old; a conversation that is made by an
   * older one is adopted.
   */
  record(params: { messages: readonly RecordedMessage[] }): Promise<{ conversationId: string; sequence: number }[]>;
  /**
   * Only with a table of the host: closes here up to `limit` conversations whose host row was closed or deleted an
   * hour ago and more without a word of ours, and in both tables what the host's had refused after its farewell.
   */
  followHost?(params: { limit: number }): Promise<void>;
  /**
   * Registers open rows of the host's table that are not known yet, as adopted; returns how many. Call again until it
   * returns fewer than `limit`.
   */
  adopt(params: { limit: number }): Promise<number>;
  /**
   * Returns how many conversations are `OPEN` or `WARNED`, also those whose session has no row. Only reports name it,
   * once per run, so it has to be cheap. A store without it leaves the number out.
   */
  countOpen?(): Promise<number>;
  /**
   * `OPEN` and `WARNED` conversations inactive for more than `inactiveForMs` whose session has a row, the longest
   * inactive first: pages in the order of `(heardAt, id)`, ids by their UTF-8 bytes, after `after`.
   */
  inactive(params: {
    inactiveForMs: number;
    unchangedForMs: number;
    after?: InactiveCursor | undefined;
    limit: number;
    skipStatuses: readonly string[];
  }): Promise<InactiveConversation[]>;
  /**
   * Makes moves of `OPEN` (and, but for a second warning, `WARNED`) conversations where sequence and gate still hold
   * and nothing is `sending`, in one statement, the host's rows with them. A message that is still `pending` is
   * withdrawn. Returns the ids that moved.
   */
  move(params: { moves: readonly ConversationMove[]; unchangedForMs: number }): Promise<string[]>;
  /** Conversations of an owner's sessions whose message is `pending`, but for the sessions named; by id. */
  outgoing(params: { owner: string; exceptSessions: readonly string[]; limit: number }): Promise<ConversationRecord[]>;
  /**
   * Records that the send begins: `pending` to `sending`, where the sequence still holds, the session is this owner's,
   * its lease stands and the gate is open. One winner: a second call returns `false`.
   */
  beginSend(params: {
    id: string;
    sequence: number;
    messageId: string;
    owner: string;
    unchangedForMs: number;
  }): Promise<boolean>;
  /**
   * Records what became of a `sending` message. A farewell closes the conversation, here and in the host's row, unless
   * it was reopened meanwhile; a warning starts its grace now. Returns the conversation, also where this very end is
   * recorded already; else `null`.
   */
  endSend(params: {
    id: string;
    messageId: string;
    delivery: Exclude<Delivery, 'pending' | 'sending'>;
  }): Promise<ConversationRecord | null>;
  /**
   * Ends sends whose sender's lease is over, whoever has the session now, if anybody: they may have been sent, so
   * `unknown`, and as `endSend` says. Returns those conversations.
   */
  endLost(params: { limit: number }): Promise<ConversationRecord[]>;
  /** Reads conversations; ids that are not known are left out. */
  get(params: { ids: readonly string[] }): Promise<ConversationRecord[]>;
}
