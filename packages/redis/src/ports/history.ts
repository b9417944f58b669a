import type { Evidence, Health, HistoryStore, SessionStatus, Transition } from '@wa-sync/core';
import type { StoreKeys } from '../driver/keys.js';
import type { StoreCalls } from '../driver/run-script.js';
import { changesOfScript, changesSinceScript, pruneChangesScript } from '../scripts/history-scripts.js';
import { sessionKeys } from '../scripts/script-parts.js';
import { listOf } from '../scripts/session-row.js';

type ChangeTuple = [
  at: number,
  from: SessionStatus,
  to: SessionStatus,
  evidence: Evidence,
  health: Health,
  reasonCode: string | null,
  reasonDetail: string | null,
  owner: string | null,
];

/** Entries of one call; a few milliseconds. */
const SLICE = 1_000;
const CURSOR = /^\d{1,15}-\d{1,10}$/;

/** The history part of the store. */
export function createHistory({ calls, keys }: { calls: StoreCalls; keys: StoreKeys }): HistoryStore {
  const names = sessionKeys(keys);

  return {
    async ofSession({ sessionId, before, limit }) {
      if (before !== undefined && !CURSOR.test(before)) return [];
      const args = [sessionId, before ?? '', String(limit)];
      return readChanges(await calls.list(changesOfScript, { keys: names, args }));
    },
    async since({ after, limit }) {
      const known = after !== null && CURSOR.test(after);
      const args = [known ? after : '', String(limit)];
      const [next, missed, found] = await calls.list(changesSinceScript, { keys: names, args });
      const lost = known ? Number(missed) === 1 : after !== null;
      return { transitions: readChanges(listOf(found)), next: String(next), missed: lost };
    },
    async prune({ keepMs, limit }) {
      for (let pruned = 0; ; ) {
        const slice = Math.min(SLICE, limit - pruned);
        const args = [String(keepMs), String(slice)];
        const count = Number(await calls.run(pruneChangesScript, { keys: names, args }));
        pruned += count;
        if (count < slice || pruned >= limit) return pruned;
      }
    },
  };
}

function readChanges(flat: readonly unknown[]): Transition[] {
  const changes: Transition[] = [];
  for (let at = 0; at < flat.length; at += 3) {
    const [id, sessionId, text] = [flat[at], flat[at + 1], flat[at + 2]].map(String);
    const [instant, from, to, evidence, health, code, detail, owner] = JSON.parse(text!) as ChangeTuple;
    const reason = code === null ? null : detail === null ? { code } : { code, detail };
    changes.push({ id: id!, sessionId: sessionId!, at: new Date(instant), from, to, evidence, health, reason, owner });
  }
  return changes;
}
