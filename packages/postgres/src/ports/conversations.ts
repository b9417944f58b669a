import {
  type ConversationMove,
  type ConversationStore,
  type Logger,
  type RecordedMessage,
  WaSyncError,
} from '@wa-sync/core';
import type { StatementRunner } from '../driver/run-statement.js';
import { inBatches, MOST_ROWS } from '../driver/run-statement.js';
import { instantText } from '../driver/sql-text.js';
import { serverWords, sqlState } from '../driver/translate-error.js';
import { type ConversationTuple, readConversation } from '../rows/conversation-row.js';
import { createHostConversations } from '../statements/host-conversations.js';
import type { MoveAnswer } from '../statements/move-statement.js';
import type { PreparedStore } from '../statements/prepare-store.js';
import type { RecordAnswer } from '../statements/record-statement.js';
import { mayBeTheHosts, writeAroundRefused } from '../statements/write-around-refused.js';

type InactiveTuple = [
  conversation: ConversationTuple,
  inactiveForMs: number,
  warnedForMs: number | null,
  gateOpen: boolean,
];

/** Host rows that one call waits for, one after the other. */
const MOST_WAITS = 20;
/** Times that a new conversation was made by another before us and had then gone on before we saw it. */
const MOST_TRIES = 5;

const plain = (text: string): string => text.replaceAll('\0', '');
const known = (ids: readonly string[]): string[] => [...new Set(ids)].filter((id) => !id.includes('\0'));

/** The conversation part of the store. */
export function createConversations(params: {
  runner: StatementRunner;
  ready: () => Promise<PreparedStore>;
  logger: Logger;
}): ConversationStore {
  const { runner, ready, logger } = params;
  const lockMs = () => String(runner.limits.lockMs);

  function reportBlocked(ids: readonly string[], cause: unknown): void {
    logger.warn(
      { code: 'mirror_blocked', conversationIds: ids.slice(0, 10), count: ids.length, cause: serverWords(cause) },
      'The host’s rows of conversations could not be closed: they stay open until the next run',
    );
  }

  const hosts = createHostConversations({ runner, reportBlocked });

  async function run<T>(work: (prepared: PreparedStore) => Promise<T>): Promise<T> {
    try {
      return await work(await ready());
    } catch (error) {
      throw runner.translate(error);
    }
  }

  async function recordSome(prepared: PreparedStore, messages: readonly RecordedMessage[]): Promise<(number | null)[]> {
    const ids = messages.map(({ conversationId }) => plain(conversationId));
    const [judged, made] = await runner.json<RecordAnswer>(prepared.conversing.record, [
      lockMs(),
      ids,
      messages.map(({ sessionId }) => plain(sessionId)),
      messages.map(({ from }) => from),
      messages.map(({ at }) => instantText(at)),
      messages.map(({ chat }) => (chat === undefined ? null : plain(chat))),
      messages.map(({ messageId }) => (messageId === undefined ? null : plain(messageId))),
    ]);
    const endOf = new Map(made);
    const countOf = new Map(judged.map(([, counted], index) => [ids[index]!, counted]));
    return judged.map(([before, counted], index) => {
      const id = ids[index]!;
      const end = endOf.get(id);
      if (before !== null) return before + counted;
      return end === undefined ? null : end - countOf.get(id)! + counted;
    });
  }

  async function recordBatch(
    prepared: PreparedStore,
    messages: readonly RecordedMessage[],
  ): Promise<{ conversationId: string; sequence: number }[]> {
    const sequences: (number | null)[] = messages.map(() => null);
    let left = messages.map((_, index) => index);
    for (let tries = 0; left.length > 0 && tries < MOST_TRIES; tries += 1) {
      const answer = await recordSome(
        prepared,
        left.map((index) => messages[index]!),
      );
      for (const [place, index] of left.entries()) sequences[index] = answer[place] ?? null;
      left = left.filter((index) => sequences[index] === null);
    }
    if (left.length > 0) {
      throw new WaSyncError('store_failed', 'Conversations were made by others again and again', { retryable: true });
    }
    return messages.map(({ conversationId }, index) => ({ conversationId, sequence: sequences[index]! }));
  }

  async function moveBatch(prepared: PreparedStore, moves: readonly ConversationMove[], unchangedForMs: number) {
    const { move, moveSkipOurs, moveWaitHost } = prepared.conversing;
    const values = (some: readonly ConversationMove[], waitMs: string) => [waitMs, ...columnsOf(some), unchangedForMs];
    const answers = await writeAroundRefused<ConversationMove, MoveAnswer>({
      items: moves,
      withHost: prepared.conversationsMirror !== null,
      limitMs: runner.limits.statementMs,
      run: async (some, skipOurs) => [await runner.json(skipOurs ? moveSkipOurs : move, values(some, lockMs()))],
      // Changed in neither table: the conversation stays open, and the next run finds it again.
      async refused(some, error) {
        reportBlocked(
          some.map(({ id }) => id),
          error,
        );
        return [];
      },
    });
    const moved = answers.flatMap(([ids]) => ids);
    const locked = new Set(answers.flatMap(([, ids]) => ids));
    const untilMs = performance.now() + runner.limits.lockMs;
    for (const one of moves.filter(({ id }) => locked.has(id)).slice(0, MOST_WAITS)) {
      const waitMs = Math.max(1, Math.floor(untilMs - performance.now()));
      try {
        const [ids] = await runner.json<MoveAnswer>(moveWaitHost, values([one], String(waitMs)));
        moved.push(...ids);
      } catch (error) {
        if (!mayBeTheHosts(error)) throw error;
        if (sqlState(error) !== '55P03') reportBlocked([one.id], error);
      }
    }
    return moved;
  }

  const read = (tuples: readonly ConversationTuple[]) => tuples.map(readConversation);

  return {
    record: ({ messages }) =>
      run(async (prepared) => {
        const answers = [];
        for (let from = 0; from < messages.length; from += MOST_ROWS) {
          answers.push(...(await recordBatch(prepared, messages.slice(from, from + MOST_ROWS))));
        }
        return answers;
      }),

    followHost: ({ limit }) => run((prepared) => hosts.follow(prepared, limit)),
    adopt: ({ limit }) => run((prepared) => hosts.adopt(prepared, limit)),

    countOpen: () =>
      run(async ({ conversing }) => {
        const [open] = await runner.json<[number]>(conversing.countOpen, []);
        return open;
      }),

    inactive: ({ inactiveForMs, unchangedForMs, after, limit, skipStatuses }) =>
      run(async ({ conversing }) => {
        const from = [after?.heardAt.toISOString() ?? '-infinity', plain(after?.id ?? '')];
        const values = [inactiveForMs, unchangedForMs, ...from, limit, skipStatuses];
        const tuples = await runner.json<InactiveTuple[]>(conversing.inactive, values);
        return tuples.map(([tuple, inactive, warnedForMs, gateOpen]) => ({
          conversation: readConversation(tuple),
          inactiveForMs: inactive,
          warnedForMs,
          gateOpen,
        }));
      }),

    move: ({ moves, unchangedForMs }) =>
      run(async (prepared) => {
        const moved: string[] = [];
        for (const batch of inBatches(moves)) moved.push(...(await moveBatch(prepared, batch, unchangedForMs)));
        return moved;
      }),

    outgoing: ({ owner, exceptSessions, limit }) =>
      run(async ({ conversing }) =>
        read(await runner.json<ConversationTuple[]>(conversing.outgoing, [owner, exceptSessions, limit])),
      ),

    beginSend: ({ id, sequence, messageId, owner, unchangedForMs }) =>
      run(async ({ conversing }) => {
        const values = [lockMs(), plain(id), sequence, messageId, owner, unchangedForMs];
        const [begun] = await runner.json<[boolean]>(conversing.beginSend, values);
        return begun;
      }),

    endSend: ({ id, messageId, delivery }) =>
      run(async (prepared) => {
        const { endSend, endSendOursOnly, get } = prepared.conversing;
        const [ended] = await hosts.endWith(prepared, endSend, endSendOursOnly, [plain(id), messageId, delivery]);
        if (ended !== undefined) return ended;
        const [as] = read(await runner.json<ConversationTuple[]>(get, [[plain(id)]]));
        return as?.outgoing?.id === messageId && as.outgoing.delivery === delivery ? as : null;
      }),

    endLost: ({ limit }) => run((prepared) => hosts.endLost(prepared, limit)),

    get: ({ ids }) =>
      run(async ({ conversing }) => read(await runner.json<ConversationTuple[]>(conversing.get, [known(ids)]))),
  };
}

function columnsOf(moves: readonly ConversationMove[]): unknown[][] {
  return [
    moves.map(({ id }) => plain(id)),
    moves.map(({ sequence }) => sequence),
    moves.map(({ to }) => to),
    moves.map(({ outgoing }) => outgoing?.id ?? null),
    moves.map(({ outgoing }) => outgoing?.kind ?? null),
    moves.map(({ outgoing }) => (outgoing === null ? null : plain(outgoing.text))),
  ];
}
