import type { ConversationRecord } from '@wa-sync/core';
import type { Statement, StatementRunner } from '../driver/run-statement.js';
import { type ConversationTuple, readConversation } from '../rows/conversation-row.js';
import type { PreparedStore } from './prepare-store.js';
import { mayBeTheHosts } from './write-around-refused.js';

/**
 * What closing and the host's table have to do with each other. A farewell that was sent is recorded whatever the
 * host's row says to it; then the conversation stays `CLOSING` with its message ended, which is what is owed: it is
 * closed in both tables, or in neither, by a later run.
 */
export function createHostConversations(params: {
  runner: StatementRunner;
  reportBlocked(ids: readonly string[], cause: unknown): void;
}) {
  const { runner, reportBlocked } = params;
  const lockMs = () => String(runner.limits.lockMs);

  async function closeOwed(statement: Statement, id: string): Promise<void> {
    try {
      await runner.json(statement, [lockMs(), id]);
    } catch (error) {
      if (!mayBeTheHosts(error)) throw error;
      reportBlocked([id], error);
    }
  }

  async function endWith(
    { conversationsMirror }: PreparedStore,
    both: Statement,
    oursOnly: Statement,
    values: readonly unknown[],
  ): Promise<ConversationRecord[]> {
    try {
      const [tuples] = await runner.json<[ConversationTuple[]]>(both, [lockMs(), ...values]);
      return tuples.map(readConversation);
    } catch (error) {
      if (conversationsMirror === null || !mayBeTheHosts(error)) throw error;
      const [tuples] = await runner.json<[ConversationTuple[]]>(oursOnly, [lockMs(), ...values]);
      reportBlocked(
        tuples.map(([id]) => id),
        error,
      );
      return tuples.map(readConversation);
    }
  }

  return {
    endWith,

    /** Closes what the host has closed itself, and what could not be closed before. */
    async follow({ conversing: { host } }: PreparedStore, limit: number): Promise<void> {
      if (host === null) return;
      for (const id of await runner.json<string[]>(host.owedIds, [limit])) await closeOwed(host.closeOwed, id);
      await runner.json(host.follow, [lockMs(), limit]);
    },

    /** Registers what the host has open. */
    async adopt({ conversing: { host } }: PreparedStore, limit: number): Promise<number> {
      if (host === null) return 0;
      const [adopted] = await runner.json<[number]>(host.adopt, [lockMs(), limit]);
      return adopted;
    },

    /** With a table of the host one by one: a statement that waited for one host row must not hold another. */
    async endLost(prepared: PreparedStore, limit: number): Promise<ConversationRecord[]> {
      const { endLost, endLostOursOnly, lostIds } = prepared.conversing;
      if (prepared.conversationsMirror === null) return endWith(prepared, endLost, endLostOursOnly, [limit, null]);
      const ended: ConversationRecord[] = [];
      for (const id of await runner.json<string[]>(lostIds, [limit])) {
        ended.push(...(await endWith(prepared, endLost, endLostOursOnly, [1, id])));
      }
      return ended;
    },
  };
}
