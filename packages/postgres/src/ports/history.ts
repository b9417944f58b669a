import type { Evidence, Health, HistoryStore, SessionStatus, Transition } from '@wa-sync/core';
import type { StatementRunner } from '../driver/run-statement.js';
import type { HistoryStatements } from '../statements/history-statements.js';

type TransitionTuple = [
  id: string,
  sessionId: string,
  at: string,
  from: SessionStatus,
  to: SessionStatus,
  evidence: Evidence,
  health: Health,
  reasonCode: string | null,
  reasonDetail: string | null,
  owner: string | null,
];

const HIGHEST = 2n ** 63n - 1n;

/** The history part of the store. */
export function createHistory(params: {
  runner: StatementRunner;
  ready: () => Promise<{ history: HistoryStatements }>;
}): HistoryStore {
  const { runner, ready } = params;

  async function run<T>(work: (statements: HistoryStatements) => Promise<T>): Promise<T> {
    try {
      return await work((await ready()).history);
    } catch (error) {
      throw runner.translate(error);
    }
  }

  return {
    ofSession: ({ sessionId, before, limit }) =>
      run(async ({ ofSession }) => {
        const place = before === undefined ? { no: String(HIGHEST) } : readCursor(before);
        if (place === null || sessionId.includes('\0')) return [];
        const tuples = await runner.json<TransitionTuple[]>(ofSession, [sessionId, place.no, limit]);
        return tuples.map(readTransition);
      }),
    since: ({ after, limit }) =>
      run(async ({ since, now }) => {
        const place = after === null ? null : readCursor(after);
        if (place === null) {
          const [next] = await runner.json<[string]>(now, []);
          return { transitions: [], next, missed: after !== null };
        }
        const [next, missed, tuples] = await runner.json<[string, boolean, TransitionTuple[]]>(since, [
          place.stamp,
          place.no,
          limit,
        ]);
        return { transitions: tuples.map(readTransition), next, missed };
      }),
    prune: ({ keepMs, limit }) =>
      run(async ({ prune }) => {
        const [count] = await runner.json<[number]>(prune, [String(runner.limits.lockMs), keepMs, limit]);
        return count;
      }),
  };
}

/** The place that a cursor names; `null` where this store never gave out such a text. */
function readCursor(cursor: string): { stamp: string; no: string } | null {
  const [, stamp, no] = /^(\d{1,19})\.(\d{1,19})$/.exec(cursor) ?? [];
  if (stamp === undefined || no === undefined || BigInt(stamp) > HIGHEST || BigInt(no) > HIGHEST) return null;
  return { stamp, no };
}

function readTransition(tuple: TransitionTuple): Transition {
  const [id, sessionId, at, from, to, evidence, health, reasonCode, reasonDetail, owner] = tuple;
  const detail = reasonDetail === null ? {} : { detail: reasonDetail };
  const reason = reasonCode === null ? null : { code: reasonCode, ...detail };
  return { id, sessionId, at: new Date(at), from, to, evidence, health, reason, owner };
}
