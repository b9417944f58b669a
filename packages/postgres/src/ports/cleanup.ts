import type { CleanupCandidate, CleanupStore, SessionStatus } from '@wa-sync/core';
import type { StatementRunner } from '../driver/run-statement.js';
import { MOST_ROWS } from '../driver/run-statement.js';
import { type ChangedRow, mirroredWrites } from '../statements/apply-mirrored.js';
import type { PreparedStore } from '../statements/prepare-store.js';

type CandidateTuple = [id: string, status: SessionStatus, aliveAt: string, inactiveForMs: number];

/** The cleanup part of the store. */
export function createCleanup(params: { runner: StatementRunner; ready: () => Promise<PreparedStore> }): CleanupStore {
  const { runner, ready } = params;
  const lockMs = () => String(runner.limits.lockMs);

  async function run<T>(work: (prepared: PreparedStore) => Promise<T>): Promise<T> {
    try {
      return await work(await ready());
    } catch (error) {
      throw runner.translate(error);
    }
  }

  /** In statements of a thousand: a lock is held for as long as a statement runs. */
  async function inBatches(ids: readonly string[], work: (some: string[]) => Promise<string[]>): Promise<string[]> {
    const all = [...new Set(ids)].sort();
    const done: string[] = [];
    for (let from = 0; from < all.length; from += MOST_ROWS)
      done.push(...(await work(all.slice(from, from + MOST_ROWS))));
    return done;
  }

  return {
    census: () =>
      run(async ({ cleaning }) => {
        const [total, active] = await runner.json<[number, number]>(cleaning.census, []);
        return { total, active };
      }),
    candidates: ({ after, limit, ...rule }) =>
      run(async ({ cleaning }) => {
        const values = [after?.replaceAll('\0', '') ?? '', rule.inactiveForMs, limit, rule.restedForMs];
        return (await runner.json<CandidateTuple[]>(cleaning.candidates[rule.stage], values)).map(readCandidate);
      }),
    deactivate: ({ ids, inactiveForMs, restedForMs }) =>
      run(async ({ cleaning, cleaningOursOnly, writing, mirror }) => {
        const mirrored = mirroredWrites({ runner, mirror, statements: writing, waitMs: 0 });
        return inBatches(ids, async (some) => {
          const rows = await mirrored.apply(some, (items, mode) =>
            runner.json<ChangedRow[]>((mode.mirror ? cleaning : cleaningOursOnly).deactivate, [
              lockMs(),
              items,
              inactiveForMs,
              restedForMs,
            ]),
          );
          return rows.map(({ tuple }) => tuple[0]);
        });
      }),
    markForPurge: ({ ids, inactiveForMs, restedForMs }) =>
      run(({ cleaning }) =>
        inBatches(ids, (some) =>
          runner.json<string[]>(cleaning.markForPurge, [lockMs(), some, inactiveForMs, restedForMs]),
        ),
      ),
    marked: ({ after, limit }) =>
      run(async ({ cleaning }) => {
        const values = [after?.replaceAll('\0', '') ?? '', limit];
        return (await runner.json<CandidateTuple[]>(cleaning.marked, values)).map(readCandidate);
      }),
    purge: ({ ids }) =>
      run(({ cleaning }) => inBatches(ids, (some) => runner.json<string[]>(cleaning.purge, [lockMs(), some]))),
  };
}

function readCandidate([id, status, aliveAt, inactiveForMs]: CandidateTuple): CleanupCandidate {
  return { id, status, aliveAt: new Date(aliveAt), inactiveForMs };
}
