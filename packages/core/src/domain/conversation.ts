/** Where a conversation stands on its way to being closed. Any new message leads back to `OPEN`. */
export type ConversationState = 'OPEN' | 'WARNED' | 'CLOSING' | 'CLOSED';

/** Who wrote a message. */
export type Speaker = 'contact' | 'agent' | 'bot';

/**
 * What is known of a message that wa-sync sends. `pending`: decided, not sent. `sending`: recorded before the send
 * began; after a crash it becomes `unknown` and is never sent again. `failed`: refused by WhatsApp.
 */
export type Delivery = 'pending' | 'sending' | 'sent' | 'unknown' | 'failed';

/** The one message that a conversation's closing may be about to send, or has sent last. */
export interface OutgoingMessage {
  /** Message id at WhatsApp, made from conversation and closing number, so that there is one distinct id at most. */
  readonly id: string;
  readonly kind: 'warning' | 'farewell';
  readonly text: string;
  readonly delivery: Delivery;
}

/** One conversation of a session with a contact. */
export interface ConversationRecord {
  readonly id: string;
  readonly sessionId: string;
  /** Address at WhatsApp to which a message would go; `null` where none was ever recorded. */
  readonly chat: string | null;
  readonly state: ConversationState;
  /** Grows by one with every message: the guard of every move. */
  readonly sequence: number;
  /** When the newest message was written, never later than the store's time. */
  readonly lastMessageAt: Date;
  /**
   * Store time at which a message was last recorded, whole milliseconds: the clock of the silence. A message that
   * arrived late, because the session was offline, counts from its arrival.
   */
  readonly heardAt: Date;
  /** `null` where the conversation was adopted and nothing was heard since. */
  readonly lastFrom: Speaker | null;
  /** When the warning was decided, then when it was sent: the grace counts from here. */
  readonly warnedAt: Date | null;
  /** How many closings were begun before. */
  readonly closingNumber: number;
  readonly outgoing: OutgoingMessage | null;
  /**
   * Found open in the host's table, or first heard of by a message that was a day old: its clock starts then, and it
   * gets no message until somebody writes in it.
   */
  readonly adopted: boolean;
  /** The host's own word, where a table of the host is mirrored. */
  readonly hostStatus: string | null;
}
