import type { ConversationMove, RecordedMessage } from '@wa-sync/core';
import { changesOf, createLeaseFollower, createRowFollower, type Invariant, settingsOf } from './invariant.js';

interface Heard {
  readonly sequence: number;
  /** When the last message was committed, and when the newest was written. */
  readonly heardMs: number;
  readonly wroteAtMs: number;
  readonly sessionId: string;
}

const SETTLED_MS = 60_000;
const idsOf = (result: unknown): readonly string[] => (Array.isArray(result) ? (result as string[]) : []);

export const S8: Invariant = {
  name: 'S8',
  promise: 'no conversation closes over a message that was recorded before, nor through a closed gate',
  check(history, bench) {
    const { ttlMs, inactiveAfterMs, rollbacks } = settingsOf(history);
    if (rollbacks) return;
    const leases = createLeaseFollower(ttlMs);
    const { rows, follow } = createRowFollower();
    const heard = new Map<string, Heard>();
    const settledFrom = new Map<string, number>();
    for (const entry of history) {
      if (entry.what === 'commit' && entry.method === 'record') {
        const { messages } = entry.params as { messages: readonly RecordedMessage[] };
        const sequences = entry.result as readonly { sequence: number }[];
        for (const [index, message] of messages.entries()) {
          const last = heard.get(message.conversationId);
          const { sequence } = sequences[index]!;
          const wroteAtMs = message.at.getTime();
          if (wroteAtMs > (last?.wroteAtMs ?? 0) && sequence !== (last?.sequence ?? 0) + 1) {
            bench.broken(entry.t, `a new message of ${message.conversationId} left its sequence at ${sequence}`);
          }
          if (sequence === last?.sequence) continue;
          const newest = Math.max(wroteAtMs, last?.wroteAtMs ?? 0);
          heard.set(message.conversationId, {
            sequence,
            heardMs: entry.t,
            wroteAtMs: newest,
            sessionId: message.sessionId,
          });
        }
      }
      if (entry.what === 'commit' && entry.method === 'move') {
        const { moves } = entry.params as { moves: readonly ConversationMove[] };
        bench.tested(moves.length);
        const moved = new Set(idsOf(entry.result));
        for (const { id, sequence, to } of moves) {
          if (!moved.has(id)) continue;
          const last = heard.get(id);
          if (last?.sequence !== sequence)
            bench.broken(entry.t, `${id} moved to ${to} over a message: ${last?.sequence} recorded, ${sequence} read`);
          else if (entry.t - last.heardMs < inactiveAfterMs)
            bench.broken(entry.t, `${id} moved to ${to} ${entry.t - last.heardMs} ms after its last message`);
          const row = last && rows.get(last.sessionId);
          const settled = row !== undefined && entry.t - (settledFrom.get(row.id) ?? 0) >= SETTLED_MS;
          const open =
            row?.status === 'CONNECTED' && row.health === 'healthy' && row.evidence === 'observed' && settled;
          if (!open || !leases.stands(row.owner, entry.t))
            bench.broken(entry.t, `${id} moved to ${to} through a closed gate`);
        }
      }
      if (entry.what === 'commit' && entry.method === 'beginSend' && entry.result === true) {
        const { id, sequence } = entry.params as { id: string; sequence: number };
        bench.tested();
        if (heard.get(id)?.sequence !== sequence)
          bench.broken(entry.t, `a message of ${id} was sent although the contact had written`);
      }
      if (
        entry.what === 'commit' &&
        entry.method === 'endSend' &&
        entry.result !== null &&
        entry.result !== 'refused'
      ) {
        const [before] = entry.conversationsBefore ?? [];
        bench.tested();
        const { delivery } = before?.outgoing ?? {};
        // An end whose answer was lost is published again.
        if (delivery !== 'sending' && delivery !== (entry.params as { delivery: string }).delivery)
          bench.broken(entry.t, `a send of ${before?.id} ended that had not begun`);
      }
      for (const { before, after } of changesOf(entry)) {
        if (
          after &&
          (before?.status !== after.status || before.health !== after.health || before.tenure !== after.tenure)
        ) {
          settledFrom.set(after.id, entry.t);
        }
      }
      leases.follow(entry);
      follow(entry);
    }
  },
};

export const S9: Invariant = {
  name: 'S9',
  promise: 'one farewell id at most, and no message is sent twice',
  check(history, bench) {
    const { rollbacks } = settingsOf(history);
    const decided = new Map<string, { readonly conversation: string; readonly kind: string }>();
    const begun = new Set<string>();
    const sent = new Map<string, number>();
    for (const entry of history) {
      if (entry.what === 'commit' && entry.method === 'move') {
        const moved = new Set(idsOf(entry.result));
        for (const { id, outgoing } of (entry.params as { moves: readonly ConversationMove[] }).moves) {
          if (!outgoing || !moved.has(id)) continue;
          const before = decided.get(outgoing.id);
          if (before && !rollbacks) bench.broken(entry.t, `the message id ${outgoing.id} was decided twice`);
          decided.set(outgoing.id, { conversation: id, kind: outgoing.kind });
        }
      }
      if (entry.what === 'commit' && entry.method === 'beginSend' && entry.result === true) {
        begun.add((entry.params as { messageId: string }).messageId);
      }
      if (entry.what !== 'message-sent') continue;
      bench.tested();
      const times = (sent.get(entry.messageId) ?? 0) + 1;
      sent.set(entry.messageId, times);
      if (times > 1 && !rollbacks) bench.broken(entry.t, `${entry.messageId} was sent ${times} times`);
      if (!decided.has(entry.messageId)) bench.broken(entry.t, `${entry.messageId} was sent and never decided`);
      if (!begun.has(entry.messageId)) bench.broken(entry.t, `${entry.messageId} was sent before that was recorded`);
    }
  },
};
