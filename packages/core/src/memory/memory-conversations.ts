import type { ConversationRecord } from '../domain/conversation.js';
import type { Clock } from '../ports/clock.js';
import type { ConversationMove, ConversationStore, RecordedMessage } from '../ports/conversation-store.js';
import type { LeaseBook } from './lease-book.js';
import type { SessionTable } from './session-table.js';

/** The conversation part of the memory store, with `waits`: whether an owner has something to send. */
export function createMemoryConversations(params: {
  table: SessionTable;
  leases: LeaseBook;
  clock: Clock;
}): ConversationStore & { waits(owner: string): boolean } {
  const { table, leases, clock } = params;
  const rows = new Map<string, ConversationRecord>();
  const withOutgoing = new Set<string>();

  function put(row: ConversationRecord): void {
    rows.set(row.id, Object.freeze(row));
    const { delivery } = row.outgoing ?? {};
    if (delivery === 'pending' || delivery === 'sending') withOutgoing.add(row.id);
    else withOutgoing.delete(row.id);
  }

  function gateOpen(sessionId: string, settledForMs: number): boolean {
    const session = table.get(sessionId);
    if (!session || session.owner === null) return false;
    const settled = clock.now().getTime() - session.statusChangedAtMs >= settledForMs;
    const fine = session.status === 'CONNECTED' && session.health === 'healthy' && session.evidence === 'observed';
    return fine && settled && !leases.isOver(session.owner) && !leases.suspects(session.owner);
  }

  function recordOne({ conversationId: id, sessionId, from, at, chat, messageId }: RecordedMessage): number {
    const known = rows.get(id);
    // The echo of our own message: it was counted when it was decided.
    if (known?.outgoing && messageId === known.outgoing.id) return known.sequence;
    const now = clock.now();
    const heardAt = at > now ? now : at;
    put({
      id,
      sessionId,
      chat: chat ?? known?.chat ?? null,
      state: 'OPEN',
      sequence: (known?.sequence ?? 0) + 1,
      lastMessageAt: known && known.lastMessageAt > heardAt ? known.lastMessageAt : heardAt,
      lastFrom: from,
      warnedAt: null,
      closingNumber: known?.closingNumber ?? 0,
      outgoing: known?.outgoing?.delivery === 'pending' ? null : (known?.outgoing ?? null),
      adopted: false,
      hostStatus: null,
    });
    return rows.get(id)!.sequence;
  }

  function moveOne({ id, sequence, to, outgoing }: ConversationMove, settledForMs: number): boolean {
    const row = rows.get(id);
    if (row?.sequence !== sequence || !['OPEN', 'WARNED'].includes(row.state) || !gateOpen(row.sessionId, settledForMs))
      return false;
    if (to === 'WARNED' && row.state === 'WARNED') return false;
    put({
      ...row,
      state: to,
      warnedAt: to === 'WARNED' ? clock.now() : row.warnedAt,
      closingNumber: row.closingNumber + (to === 'WARNED' ? 0 : 1),
      outgoing: outgoing ? { ...outgoing, delivery: 'pending' } : row.outgoing,
    });
    return true;
  }

  function toSend(owner: string): ConversationRecord[] {
    return [...withOutgoing].map((id) => rows.get(id)!).filter((row) => table.get(row.sessionId)?.owner === owner);
  }

  return {
    waits: (owner) => withOutgoing.size > 0 && toSend(owner).length > 0,
    record: async ({ messages }) =>
      messages.map((message) => ({ conversationId: message.conversationId, sequence: recordOne(message) })),
    // There is no table of a host.
    adopt: async () => 0,
    async quiet({ quietForMs, settledForMs, limit }) {
      const nowMs = clock.now().getTime();
      return [...rows.values()]
        .filter(
          ({ state, lastMessageAt }) =>
            ['OPEN', 'WARNED'].includes(state) && nowMs - lastMessageAt.getTime() > quietForMs,
        )
        .sort((a, b) => a.lastMessageAt.getTime() - b.lastMessageAt.getTime())
        .slice(0, limit)
        .map((conversation) => ({
          conversation,
          quietForMs: nowMs - conversation.lastMessageAt.getTime(),
          warnedForMs: conversation.warnedAt === null ? null : nowMs - conversation.warnedAt.getTime(),
          gateOpen: gateOpen(conversation.sessionId, settledForMs),
        }));
    },
    move: async ({ moves, settledForMs }) => moves.filter((move) => moveOne(move, settledForMs)).map((move) => move.id),
    outgoing: async ({ owner, limit }) => toSend(owner).slice(0, limit),
    async beginSend({ id, sequence, messageId, owner }) {
      const row = rows.get(id);
      if (row?.sequence !== sequence || row.outgoing?.id !== messageId || row.outgoing.delivery !== 'pending')
        return false;
      if (table.get(row.sessionId)?.owner !== owner || !leases.stands(owner)) return false;
      put({ ...row, outgoing: { ...row.outgoing, delivery: 'sending' } });
      return true;
    },
    async endSend({ id, messageId, delivery }) {
      const row = rows.get(id);
      if (row?.outgoing?.id !== messageId || row.outgoing.delivery !== 'sending') return false;
      const closes = row.outgoing.kind === 'farewell' && row.state === 'CLOSING';
      put({ ...row, state: closes ? 'CLOSED' : row.state, outgoing: { ...row.outgoing, delivery } });
      return true;
    },
    get: async ({ ids }) => ids.map((id) => rows.get(id)).filter((row) => row !== undefined),
  };
}
