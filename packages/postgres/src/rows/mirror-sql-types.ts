import type { StatusWords } from '../driver/status-words.js';

/** A mirror as SQL: made once from the configuration and the live catalogue. The host's row is always `m`. */
export interface SessionsMirrorSql {
  /** Quoted and with its schema. */
  readonly table: string;
  readonly words: StatusWords;
  /** Words that stay while a login is under way. */
  readonly leftAlone: readonly string[];
  /** Whether the word of `m` stays, beside a session row of this name. */
  staysBeside(row: string): string;
  /** Condition that joins `m`, a row that is ours, to a session id, on the index of the host's column. */
  match(sessionId: string): string;
  /** Whether `m` is a row that is ours; what finds rows in another way than by `match` asks it. */
  readonly isOurs: string;
  /** Whether a left join found a row. */
  readonly present: string;
  /** The host's word as text. */
  readonly word: string;
  /** Whether the host has set the row inactive. */
  readonly stopped: string;
  /** Assignment of the host's `active`; `null` where it is not mapped. */
  setActive(value: boolean): string | null;
  /** Assignments of an `UPDATE`, from a session row of this name. */
  assignments(row: string): string;
  readonly listing: ListingSql;
}

/** The rows of the host's table as they are listed: `m` as expressions, in the order of the index on its id. */
export interface ListingSql {
  /** The host's id as ours; null where the row names no session. */
  readonly id: string;
  readonly phone: string;
  readonly lastSeenAt: string;
  readonly order: string;
  /** Condition of the rows that follow the one with this id of ours. */
  after(id: string): string;
}

/** The host's table of conversations as SQL; its row is always `m`. */
export interface ConversationsMirrorSql {
  /** Quoted and with its schema. */
  readonly table: string;
  /** Condition that joins `m`, a row that is ours, to a conversation's id, on the index of the host's column. */
  match(conversationId: string): string;
  /** Whether `m` is a row that is ours; what finds rows in another way than by `match` asks it. */
  readonly isOurs: string;
  /** The host's id as ours. */
  readonly id: string;
  /** The host's word as text. */
  readonly word: string;
  /** Whether the host's word is one of the open ones. */
  readonly isOpen: string;
  /** Whether it is the word for closed. */
  readonly isClosed: string;
  /** Assignments that close `m`. */
  readonly closing: string;
  /** Session of `m`; empty where the table does not say. */
  readonly sessionId: string;
}
