import type { WaSyncLike } from '../host/options.js';

/** What routes read of the store; each reading takes one of the places of its caller. */
export type LimitedReads = ReturnType<typeof limitReads>;

/** Takes a place for a reading; `what` names equal ones. */
export type LimitRead = <T>(read: () => Promise<T>, what: () => string) => Promise<T>;

/** The readings of one request. Routes get them in the place of `wa`, so that none goes past the limit. */
export function limitReads(wa: WaSyncLike, limit: LimitRead) {
  const { sessions, runs } = wa;
  return {
    // A connection that is held here is asked without the store, and may take seconds to answer.
    status: (id: string) => wa.status(id, { limit: (read) => limit(read, () => `status ${id}`) }),
    sessions: {
      get: (id: string) =>
        limit(
          () => sessions.get(id),
          () => `session ${id}`,
        ),
      /** Core reads those that are asked for at once in one statement. */
      getAll: (ids: readonly string[]) =>
        limit(() => Promise.all(ids.map((id) => sessions.get(id))), nameOf('rows', ids)),
      list: (page: Parameters<typeof sessions.list>[0]) => limit(() => sessions.list(page), nameOf('sessions', page)),
      history: (...params: Parameters<typeof sessions.history>) =>
        limit(() => sessions.history(...params), nameOf('history', params)),
    },
    runs: {
      get: (id: string) =>
        limit(
          () => runs.get(id),
          () => `run ${id}`,
        ),
      list: (page: Parameters<typeof runs.list>[0]) => limit(() => runs.list(page), nameOf('runs', page)),
    },
  };
}

function nameOf(kind: string, asked: unknown): () => string {
  return () => `${kind} ${JSON.stringify(asked)}`;
}
