import type { ConversationRecord, ConversationState, Delivery, Speaker } from '@wa-sync/core';
import type { ConversationsMirrorSql } from './mirror-sql-types.js';

/** A conversation as the statements answer it, instants in milliseconds. */
export type ConversationTuple = [
  id: string,
  sessionId: string,
  chat: string | null,
  state: ConversationState,
  sequence: number,
  lastMessageAtMs: number,
  heardAtMs: number,
  lastFrom: Speaker | null,
  warnedAtMs: number | null,
  closingNumber: number,
  outgoingId: string | null,
  outgoingKind: 'warning' | 'farewell' | null,
  outgoingText: string | null,
  delivery: Delivery | null,
  adopted: boolean,
  hostStatus: string | null,
];

/** Store time in whole milliseconds, as callers can say it back. */
export const NOW_MS = `date_trunc('milliseconds', clock_timestamp())`;

/** A length of time in milliseconds, of whatever instants are given. */
export function sinceMsSql(instant: string): string {
  return `extract(epoch FROM clock_timestamp() - ${instant}) * 1000`;
}

// Not as text: zones of long ago are off by seconds, which no Date reads.
const epochMs = (instant: string) => `round(extract(epoch FROM ${instant}) * 1000)::bigint`;

/** Builds a {@link ConversationTuple} from a row. */
export function conversationSql(row: string, hostWord: string): string {
  const columns = ['id', 'session_id', 'chat', 'state', 'sequence'].map((column) => `${row}.${column}`);
  const outgoing = ['outgoing_id', 'outgoing_kind', 'outgoing_text', 'delivery', 'adopted'].map(
    (column) => `${row}.${column}`,
  );
  return `json_build_array(${columns.join(', ')}, ${epochMs(`${row}.last_message_at`)}, ${epochMs(`${row}.heard_at`)},
    ${row}.last_from, ${epochMs(`${row}.warned_at`)}, ${row}.closing_number, ${outgoing.join(', ')}, ${hostWord})`;
}

/** The host's row as `m` beside a conversation, where a table is mirrored. */
export function hostConversationSql(
  mirror: ConversationsMirrorSql | null,
  row: string,
): { join: string; word: string; open: string } {
  if (mirror === null) return { join: '', word: 'NULL', open: 'true' };
  const { table, match, word, isOpen } = mirror;
  return { join: `LEFT JOIN ${table} m ON ${match(`${row}.id`)}`, word, open: `coalesce(${isOpen}, false)` };
}

/** Condition of a session `s` and its owner's heartbeat `r`: the session can receive. */
export function gateSql(unchangedForMs: string): string {
  return `s.status = 'CONNECTED' AND s.health = 'healthy' AND s.evidence = 'observed'
    AND clock_timestamp() - s.settled_at >= ${unchangedForMs} * interval '1 millisecond'
    AND r.fenced_at IS NULL AND NOT r.mass_outage AND NOT r.stuck
    AND clock_timestamp() <= r.beat_at + r.ttl_ms * interval '1 millisecond'`;
}

/** A tuple as callers see it. */
export function readConversation(tuple: ConversationTuple): ConversationRecord {
  const [id, sessionId, chat, state, sequence, lastMessageAtMs, heardAtMs, lastFrom, warnedAtMs, closingNumber] = tuple;
  const [outgoingId, kind, text, delivery, adopted, hostStatus] = tuple.slice(10) as [
    string | null,
    'warning' | 'farewell' | null,
    string | null,
    Delivery | null,
    boolean,
    string | null,
  ];
  const isOutgoing = delivery !== null && outgoingId !== null && kind !== null && text !== null;
  return {
    id,
    sessionId,
    chat,
    state,
    sequence,
    lastMessageAt: new Date(lastMessageAtMs),
    heardAt: new Date(heardAtMs),
    lastFrom,
    warnedAt: warnedAtMs === null ? null : new Date(warnedAtMs),
    closingNumber,
    outgoing: isOutgoing ? { id: outgoingId, kind, text, delivery } : null,
    adopted,
    hostStatus,
  };
}
