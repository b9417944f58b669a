/**
 * The conversations of the memory store.
 *
 * Owns: every conversation row, who is sending its message, and the ids of the last words it was sent. Each operation
 * changes all it changes before it returns.
 */
import type { ConversationRecord, Delivery } from '../domain/conversation.js';
import type { Clock } from '../ports/clock.js';
import type {
  ConversationMove,
  ConversationStore,
  InactiveConversation,
  InactiveCursor,
  RecordedMessage,
} from '../ports/conversation-store.js';
import type { LeaseBook } from './lease-book.js';
import { compareIds } from './ordered-ids.js';
import type { SessionTable } from './session-table.js';

/** A message older than this is history: it shows that there is a conversation, not that somebody is waiting. */
const LIVE_MS = 86_400_000;
const EARLIEST = new Date(-8.64e15);

interface Row {
  readonly record: ConversationRecord;
  /** Incarnation that began to send. */
  readonly sender: string | null;
  /** Ids of the last warning and the last farewell. */
  readonly sentIds: { readonly warning?: string; readonly farewell?: string };
}

/** The conversation part of the memory store, with `waits`: whether an owner has something to send. */
export function createMemoryConversations(params: {
  table: SessionTable;
  leases: LeaseBook;
  clock: Clock;
}): ConversationStore & { waits(owner: string): boolean } {
  const { table, leases, clock } = params;
  const rows = new Map<string, Row>();
  const pending = new Set<string>();
  const sending = new Set<string>();

  function put(row: Row, change: Partial<ConversationRecord>): ConversationRecord {
    const record = Object.freeze({ ...row.record, ...change });
    rows.set(record.id, { ...row, record });
    keep(pending, record.id, record.outgoing?.delivery === 'pending');
    keep(sending, record.id, record.outgoing?.delivery === 'sending');
    return record;
  }

  function gateOpen(sessionId: string, unchangedForMs: number): boolean {
    const session = table.get(sessionId);
    if (!session || session.owner === null) return false;
    const unchanged = clock.now().getTime() - session.settledAtMs >= unchangedForMs;
    const fine = session.status === 'CONNECTED' && session.health === 'healthy' && session.evidence === 'observed';
    return fine && unchanged && !leases.isOver(session.owner) && !leases.suspects(session.owner);
  }

  function made({ conversationId: id, sessionId, chat }: RecordedMessage, heardAt: Date): Row {
    const record: ConversationRecord = {
      id,
      sessionId,
      chat: chat ?? null,
      state: 'OPEN',
      sequence: 0,
      lastMessageAt: EARLIEST,
      heardAt,
      lastFrom: null,
      warnedAt: null,
      closingNumber: 0,
      outgoing: null,
      adopted: true,
      hostStatus: null,
    };
    return { record, sender: null, sentIds: {} };
  }

  function recordOne(message: RecordedMessage): number {
    const { conversationId, sessionId, from, chat, messageId } = message;
    const now = clock.now();
    const writtenAt = message.at > now ? now : new Date(message.at);
    const live = now.getTime() - writtenAt.getTime() < LIVE_MS;
    const row = rows.get(conversationId) ?? made(message, now);
    const { record: known, sentIds } = row;
    const echo = messageId !== undefined && (messageId === sentIds.warning || messageId === sentIds.farewell);
    if (echo || (known.state === 'CLOSED' && writtenAt <= known.lastMessageAt)) return known.sequence;
    const newest = writtenAt >= known.lastMessageAt;
    return put(row, {
      sessionId,
      chat: chat ?? known.chat,
      state: 'OPEN',
      sequence: known.sequence + 1,
      lastMessageAt: newest ? writtenAt : known.lastMessageAt,
      heardAt: now,
      lastFrom: newest ? from : known.lastFrom,
      warnedAt: null,
      outgoing: withdrawn(known),
      adopted: known.adopted && !live,
    }).sequence;
  }

  function moveOne({ id, sequence, to, outgoing }: ConversationMove, unchangedForMs: number): boolean {
    const row = rows.get(id);
    if (row?.record.sequence !== sequence || row.record.outgoing?.delivery === 'sending') return false;
    const { record } = row;
    const movable = record.state === 'OPEN' || (record.state === 'WARNED' && to !== 'WARNED');
    if (!movable || !gateOpen(record.sessionId, unchangedForMs)) return false;
    const sentIds = outgoing ? { ...row.sentIds, [outgoing.kind]: outgoing.id } : row.sentIds;
    put(
      { ...row, sentIds },
      {
        state: to,
        warnedAt: to === 'WARNED' ? clock.now() : record.warnedAt,
        closingNumber: record.closingNumber + (to === 'WARNED' ? 0 : 1),
        outgoing: outgoing ? { ...outgoing, delivery: 'pending' } : withdrawn(record),
      },
    );
    return true;
  }

  function* toSend(owner: string): Generator<ConversationRecord> {
    for (const id of pending) {
      const { record } = rows.get(id)!;
      if (table.get(record.sessionId)?.owner === owner) yield record;
    }
  }

  function ended(row: Row, delivery: Delivery): ConversationRecord {
    const { record } = row;
    const { kind } = record.outgoing!;
    const closes = kind === 'farewell' && record.state === 'CLOSING';
    return put(
      { ...row, sender: null },
      {
        state: closes ? 'CLOSED' : record.state,
        warnedAt: kind === 'warning' && record.state === 'WARNED' ? clock.now() : record.warnedAt,
        outgoing: { ...record.outgoing!, delivery },
      },
    );
  }

  function isInactive(conversation: ConversationRecord, inactiveForMs: number, after?: InactiveCursor) {
    const { heardAt, id, sessionId } = conversation;
    return (
      isOpen(conversation) &&
      clock.now().getTime() - heardAt.getTime() > inactiveForMs &&
      (after === undefined || byAge({ heardAt, id }, after) > 0) &&
      // Nobody can hear for a number that is gone: whether anybody wrote since will never be known.
      table.get(sessionId) !== undefined
    );
  }

  function describe(conversation: ConversationRecord, unchangedForMs: number): InactiveConversation {
    const nowMs = clock.now().getTime();
    const { heardAt, warnedAt, sessionId } = conversation;
    return {
      conversation,
      inactiveForMs: nowMs - heardAt.getTime(),
      warnedForMs: warnedAt === null ? null : nowMs - warnedAt.getTime(),
      gateOpen: gateOpen(sessionId, unchangedForMs),
    };
  }

  return {
    waits: (owner) => !toSend(owner).next().done,
    record: async ({ messages }) =>
      messages.map((message) => ({ conversationId: message.conversationId, sequence: recordOne(message) })),
    // There is no table of a host.
    adopt: async () => 0,
    countOpen: async () => [...rows.values()].filter(({ record }) => isOpen(record)).length,
    async inactive({ inactiveForMs, unchangedForMs, after, limit }) {
      const found = [...rows.values()]
        .map(({ record }) => record)
        .filter((one) => isInactive(one, inactiveForMs, after));
      return found
        .sort(byAge)
        .slice(0, limit)
        .map((one) => describe(one, unchangedForMs));
    },
    move: async ({ moves, unchangedForMs }) =>
      moves.filter((move) => moveOne(move, unchangedForMs)).map((move) => move.id),
    async outgoing({ owner, exceptSessions, limit }) {
      const except = new Set(exceptSessions);
      const found = [...toSend(owner)].filter(({ sessionId }) => !except.has(sessionId));
      return found.sort((a, b) => compareIds(a.id, b.id)).slice(0, limit);
    },
    async beginSend({ id, sequence, messageId, owner, unchangedForMs }) {
      const row = rows.get(id);
      const { outgoing, sessionId } = row?.record ?? {};
      if (!row || row.record.sequence !== sequence || outgoing?.id !== messageId) return false;
      if (
        outgoing.delivery !== 'pending' ||
        table.get(sessionId!)?.owner !== owner ||
        !gateOpen(sessionId!, unchangedForMs)
      )
        return false;
      put({ ...row, sender: owner }, { outgoing: { ...outgoing, delivery: 'sending' } });
      return true;
    },
    async endSend({ id, messageId, delivery }) {
      const row = rows.get(id);
      if (row?.record.outgoing?.id !== messageId) return null;
      if (row.record.outgoing.delivery === delivery) return row.record;
      return row.record.outgoing.delivery === 'sending' ? ended(row, delivery) : null;
    },
    async endLost({ limit }) {
      const lost = [...sending].map((id) => rows.get(id)!).filter(({ sender }) => leases.isOver(sender ?? ''));
      return lost.slice(0, limit).map((row) => ended(row, 'unknown'));
    },
    get: async ({ ids }) => ids.map((id) => rows.get(id)?.record).filter((record) => record !== undefined),
  };
}

function keep(ids: Set<string>, id: string, within: boolean): void {
  if (within) ids.add(id);
  else ids.delete(id);
}

function isOpen({ state }: ConversationRecord): boolean {
  return state === 'OPEN' || state === 'WARNED';
}

function withdrawn({ outgoing }: ConversationRecord): ConversationRecord['outgoing'] {
  return outgoing?.delivery === 'pending' ? null : outgoing;
}

function byAge(a: InactiveCursor, b: InactiveCursor): number {
  return a.heardAt.getTime() - b.heardAt.getTime() || compareIds(a.id, b.id);
}
