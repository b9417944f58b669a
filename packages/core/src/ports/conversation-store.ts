import type { ConversationRecord, Delivery, Speaker } from '../domain/conversation.js';

/** A message as the host or an adapter saw it. */
export interface RecordedMessage {
  readonly conversationId: string;
  readonly sessionId: string;
  readonly from: Speaker;
  /** When it was written; later than the store's time counts as now. */
  readonly at: Date;
  /** Address at WhatsApp for an answer. */
  readonly chat?: string | undefined;
  /** Id at WhatsApp: the echo of a message that wa-sync sent changes nothing. */
  readonly messageId?: string | undefined;
}

/** A conversation that has been quiet, with what the gate needs to know of its session. */
export interface QuietConversation {
  readonly conversation: ConversationRecord;
  /** Store time since the last message. */
  readonly quietForMs: number;
  /** Store time since the warning, `null` without one. */
  readonly warnedForMs: number | null;
  /** Whether the number can hear: see {@link ConversationStore}. */
  readonly gateOpen: boolean;
}

/**
 * A move of the closing machine; it holds only while the sequence and the gate are what they were. `CLOSING` and a direct `CLOSED` raise the
 * closing number.
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
 * The gate of a conversation is open while its session's owner has a live lease, suspects nothing (mass outage), and the session is
 * `CONNECTED` and healthy for at least `settledForMs`, so that what arrived meanwhile was recorded first.
 */
export interface ConversationStore {
  /**
   * Records messages in one statement: a higher sequence, the newer time, who spoke, state `OPEN`, a message that is `pending` withdrawn. Makes
   * conversations that are not known. Answers the sequences.
   */
  record(params: { messages: readonly RecordedMessage[] }): Promise<{ conversationId: string; sequence: number }[]>;
  /** Registers open rows of the host's table that are not known yet, as adopted; answers how many. */
  adopt(params: { limit: number }): Promise<number>;
  /** `OPEN` and `WARNED` conversations quiet for more than `quietForMs`, the quietest first. */
  quiet(params: {
    quietForMs: number;
    settledForMs: number;
    limit: number;
    skipStatuses: readonly string[];
  }): Promise<QuietConversation[]>;
  /** Makes moves where sequence and gate still hold, in one statement, the host's rows with them. Answers the ids that moved. */
  move(params: { moves: readonly ConversationMove[]; settledForMs: number }): Promise<string[]>;
  /** Conversations of an owner's sessions whose message is `pending`, or `sending` from before. */
  outgoing(params: { owner: string; limit: number }): Promise<ConversationRecord[]>;
  /** Records that the send begins: `pending` to `sending`, where the sequence still holds and the session is still this owner's. One winner. */
  beginSend(params: { id: string; sequence: number; messageId: string; owner: string }): Promise<boolean>;
  /** Records what became of it; a farewell closes the conversation, here and in the host's row. */
  endSend(params: {
    id: string;
    messageId: string;
    delivery: Exclude<Delivery, 'pending' | 'sending'>;
  }): Promise<boolean>;
  /** Reads conversations; ids that are not known are left out. */
  get(params: { ids: readonly string[] }): Promise<ConversationRecord[]>;
}
