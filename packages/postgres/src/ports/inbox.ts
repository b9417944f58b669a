import type { InboxRequest, InboxRequestKind, InboxStore } from '@wa-sync/core';
import type { Listen } from '@wa-sync/core/adapter';
import type { StatementRunner } from '../driver/run-statement.js';
import type { InboxStatements } from '../statements/inbox-statements.js';

/** The part of the store for requests between replicas; `listen` where the pool can have a connection that listens. */
export function createInbox(params: {
  runner: StatementRunner;
  ready: () => Promise<{ inbox: InboxStatements }>;
  listen: Listen | null;
}): InboxStore {
  const { runner, ready, listen } = params;
  const lockMs = () => String(runner.limits.lockMs);

  async function run<T>(work: (statements: InboxStatements) => Promise<T>): Promise<T> {
    try {
      return await work((await ready()).inbox);
    } catch (error) {
      throw runner.translate(error);
    }
  }

  return {
    ask: ({ asker, requests, ttlMs }) =>
      run(async ({ ask, known }) => {
        const sane = requests.filter(({ sessionId }) => !sessionId.includes('\0'));
        if (sane.length === 0) return [];
        const [put] = await runner.json<[string[]]>(ask, [
          lockMs(),
          asker,
          ttlMs,
          sane.map(({ id }) => id),
          sane.map(({ sessionId }) => sessionId),
          sane.map(({ kind }) => kind),
        ]);
        const rest = sane.map(({ id }) => id).filter((id) => !put.includes(id));
        return rest.length === 0 ? put : [...put, ...(await runner.json<string[]>(known, [rest]))];
      }),
    take: ({ owner, limit }) =>
      run(async ({ take }) => {
        const rows = await runner.json<[string, string, InboxRequestKind][]>(take, [lockMs(), owner, limit]);
        return rows.map(([id, sessionId, kind]): InboxRequest => ({ id, sessionId, kind }));
      }),
    answer: ({ owner, answers }) =>
      run(async ({ answer }) => {
        // Of two answers to one request the first counts, and an UPDATE would take any.
        const firsts = [...new Map([...answers].reverse().map((one) => [one.id, one])).values()];
        if (firsts.length === 0) return;
        await runner.json(answer, [lockMs(), owner, firsts.map(({ id }) => id), firsts.map(({ body }) => body)]);
      }),
    collect: ({ ids }) =>
      run(async ({ collect }) => {
        const rows = await runner.json<[string, string][]>(collect, [lockMs(), [...new Set(ids)]]);
        return rows.map(([id, body]) => ({ id, body }));
      }),
    prune: ({ keepMs, limit }) =>
      run(async ({ prune }) => {
        const [count] = await runner.json<[number]>(prune, [lockMs(), keepMs, limit]);
        return count;
      }),
    ...(listen === null ? {} : { listen }),
  };
}
