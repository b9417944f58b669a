import { type CleanupCandidate, type CleanupStore, type SessionStatus, WaSyncError } from '@wa-sync/core';
import type { StoreKeys } from '../driver/keys.js';
import type { Script, StoreCalls } from '../driver/run-script.js';
import {
  candidatesScript,
  censusScript,
  deactivateScript,
  markedScript,
  markForPurgeScript,
  purgeScript,
} from '../scripts/cleanup-scripts.js';
import { sessionKeys } from '../scripts/script-parts.js';
import { listOf } from '../scripts/session-row.js';

/** Rows of one call; a few milliseconds. */
const SLICE = 1_000;

/** The cleanup part of the store. */
export function createCleanup({ calls, keys }: { calls: StoreCalls; keys: StoreKeys }): CleanupStore {
  const names = sessionKeys(keys);

  /** Changes ids in batches; `first` are the first arguments of each. */
  async function change(
    script: Script,
    first: readonly string[],
    ids: readonly string[],
    own: (id: string) => readonly string[],
  ): Promise<string[]> {
    const all = [...new Set(ids)];
    const done: string[] = [];
    for (let from = 0; from < all.length; from += SLICE) {
      const some = all.slice(from, from + SLICE);
      const call = { keys: [...names, ...some.flatMap(own)], args: [...first, ...some] };
      const [word, ...rest] = (await calls.list(script, call)).map(String);
      if (word === 'held') throw held(Number(rest[0]));
      done.push(...rest);
    }
    return done;
  }

  const credentials = (id: string) => [keys.auth(id), keys.aside(id)];

  return {
    async census() {
      let [total, active] = [0, 0];
      for (let from = ''; ; ) {
        const [end, some, awake] = await calls.list(censusScript, { keys: names, args: [from, String(SLICE)] });
        total += Number(some);
        active += Number(awake);
        from = String(end);
        if (from === '') return { total, active };
      }
    },
    async candidates({ after = '', limit, ...rule }) {
      const found: CleanupCandidate[] = [];
      for (let from = after; ; ) {
        const args = [
          rule.stage,
          String(rule.inactiveForMs),
          String(rule.restedForMs),
          from,
          String(SLICE),
          String(limit - found.length),
        ];
        const [end, some] = await calls.list(candidatesScript, { keys: names, args });
        found.push(...listOf(some).map(readCandidate));
        from = String(end);
        if (from === '') return found;
      }
    },
    deactivate: ({ ids, inactiveForMs, restedForMs }) =>
      change(deactivateScript, [String(inactiveForMs), String(restedForMs)], ids, () => []),
    markForPurge: ({ ids, inactiveForMs, restedForMs }) =>
      change(markForPurgeScript, [String(inactiveForMs), String(restedForMs)], ids, () => []),
    async marked({ after = '', limit }) {
      return (await calls.list(markedScript, { keys: names, args: [after, String(limit)] })).map(readCandidate);
    },
    purge: ({ ids }) => change(purgeScript, [''], ids, credentials),
  };
}

function held(untilMs: number): WaSyncError {
  const until = new Date(untilMs).toISOString();
  return new WaSyncError(
    'store_failed',
    `Redis was restarted or failed over, and its last writes may be gone: nothing is deleted before ${until}`,
    { retryable: true },
  );
}

function readCandidate(text: unknown): CleanupCandidate {
  const [id, status, aliveAt, inactiveForMs] = JSON.parse(String(text)) as [string, SessionStatus, number, number];
  return { id, status, aliveAt: new Date(aliveAt), inactiveForMs };
}
