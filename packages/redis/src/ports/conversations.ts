import type { ConversationRecord, ConversationState, ConversationStore, OutgoingMessage, Speaker } from '@wa-sync/core';
import type { StoreKeys } from '../driver/keys.js';
import type { StoreCalls } from '../driver/run-script.js';
import { conversationKeys } from '../scripts/conversation-parts.js';
import {
  beginSendScript,
  countOpenScript,
  endLostScript,
  endSendScript,
  getConversationsScript,
  inactiveScript,
  moveScript,
  outgoingScript,
  recordScript,
} from '../scripts/conversation-scripts.js';
import { listOf, toJson } from '../scripts/session-row.js';

type ConversationTuple = [
  state: ConversationState,
  sessionId: string,
  sequence: number,
  lastMessageAt: number,
  heardAt: number,
  lastFrom: Speaker | null,
  warnedAt: number | null,
  closingNumber: number,
  adopted: boolean,
  chat: string | null,
  outgoingId: string | null,
  outgoingKind: OutgoingMessage['kind'] | null,
  outgoingText: string | null,
  delivery: OutgoingMessage['delivery'] | null,
];

/** Conversations of one call; a few milliseconds. */
const SLICE = 500;

/** The conversation part of the store. */
export function createConversations({ calls, keys }: { calls: StoreCalls; keys: StoreKeys }): ConversationStore {
  const names = conversationKeys(keys);

  async function inSlices<Item, Answer>(items: readonly Item[], work: (some: readonly Item[]) => Promise<Answer[]>) {
    const done: Answer[] = [];
    for (let from = 0; from < items.length; from += SLICE) done.push(...(await work(items.slice(from, from + SLICE))));
    return done;
  }

  return {
    record: ({ messages }) =>
      inSlices(messages, async (some) => {
        const wanted = some.map(({ conversationId, sessionId, from, at, chat, messageId }) => [
          conversationId,
          sessionId,
          from,
          at.getTime(),
          chat ?? null,
          messageId ?? null,
        ]);
        const sequences = await calls.list(recordScript, { keys: names, args: [toJson(wanted)] });
        return some.map(({ conversationId }, index) => ({ conversationId, sequence: Number(sequences[index]) }));
      }),
    // There is no table of a host.
    adopt: async () => 0,
    countOpen: async () => Number(await calls.run(countOpenScript, { keys: names, args: [] })),
    async inactive({ inactiveForMs, unchangedForMs, after, limit }) {
      const found: Awaited<ReturnType<ConversationStore['inactive']>> = [];
      for (let from = toJson(after === undefined ? [] : [after.heardAt.getTime(), after.id]); ; ) {
        const rest = limit - found.length;
        const args = [String(inactiveForMs), String(unchangedForMs), from, String(rest), String(SLICE)];
        const [end, flat] = await calls.list(inactiveScript, { keys: names, args });
        const parts = listOf(flat).map(String);
        for (let at = 0; at < parts.length; at += 4) {
          const conversation = readConversation(parts[at]!, parts[at + 1]!);
          const nowMs = Number(parts[at + 2]);
          const { heardAt, warnedAt } = conversation;
          found.push({
            conversation,
            inactiveForMs: nowMs - heardAt.getTime(),
            warnedForMs: warnedAt === null ? null : nowMs - warnedAt.getTime(),
            gateOpen: parts[at + 3] === '1',
          });
        }
        from = String(end);
        if (from === '') return found;
      }
    },
    move: ({ moves, unchangedForMs }) =>
      inSlices(moves, async (some) => {
        const wanted = some.map(({ id, sequence, to, outgoing }) => [
          id,
          sequence,
          to,
          outgoing && [outgoing.id, outgoing.kind, outgoing.text],
        ]);
        const args = [String(unchangedForMs), toJson(wanted)];
        return (await calls.list(moveScript, { keys: names, args })).map(String);
      }),
    async outgoing({ owner, exceptSessions, limit }) {
      const found: ConversationRecord[] = [];
      for (let from = ''; ; ) {
        const args = [owner, toJson(exceptSessions), from, String(SLICE), String(limit - found.length)];
        const [end, flat] = await calls.list(outgoingScript, { keys: names, args });
        found.push(...readPairs(flat));
        from = String(end);
        if (from === '') return found;
      }
    },
    async beginSend({ id, sequence, messageId, owner, unchangedForMs }) {
      const args = [id, String(sequence), messageId, owner, String(unchangedForMs)];
      return Number(await calls.run(beginSendScript, { keys: names, args })) === 1;
    },
    async endSend({ id, messageId, delivery }) {
      const text = await calls.run(endSendScript, { keys: names, args: [id, messageId, delivery] });
      return text === null ? null : readConversation(id, String(text));
    },
    endLost: async ({ limit }) => readPairs(await calls.list(endLostScript, { keys: names, args: [String(limit)] })),
    get: ({ ids }) =>
      inSlices([...new Set(ids)], async (some) =>
        readPairs(await calls.list(getConversationsScript, { keys: names, args: [...some] })),
      ),
  };
}

function readPairs(flat: unknown): ConversationRecord[] {
  const parts = listOf(flat).map(String);
  const records: ConversationRecord[] = [];
  for (let at = 0; at < parts.length; at += 2) records.push(readConversation(parts[at]!, parts[at + 1]!));
  return records;
}

function readConversation(id: string, text: string): ConversationRecord {
  const [state, sessionId, sequence, lastMessageAt, heardAt, lastFrom, warnedAt, closingNumber, adopted, ...rest] =
    JSON.parse(text) as ConversationTuple;
  const [chat, outgoingId, kind, words, delivery] = rest;
  return {
    id,
    sessionId,
    chat,
    state,
    sequence,
    lastMessageAt: new Date(lastMessageAt),
    heardAt: new Date(heardAt),
    lastFrom,
    warnedAt: warnedAt === null ? null : new Date(warnedAt),
    closingNumber,
    outgoing:
      outgoingId === null || kind === null || delivery === null
        ? null
        : { id: outgoingId, kind, text: words ?? '', delivery },
    adopted,
    hostStatus: null,
  };
}
