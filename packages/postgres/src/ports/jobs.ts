import { type BeginAnswer, type ClusterJobName, type JobRun, type JobStore, WaSyncError } from '@wa-sync/core';
import type { StatementRunner } from '../driver/run-statement.js';
import type { JobStatements } from '../statements/job-statements.js';

type RunTuple = [
  id: string,
  job: ClusterJobName,
  slot: string | null,
  owner: string,
  outcome: JobRun['outcome'],
  startedAt: string,
  endedAt: string | null,
  counts: Record<string, number>,
  error: string | null,
];

type JobState = [
  revision: number | null,
  slotTaken: boolean,
  same: RunTuple | null,
  underWay: RunTuple | null,
  newest: RunTuple | null,
  stands: boolean,
];

/** Reads of a state that another won meanwhile, before giving up. */
const MOST_TRIES = 20;

/** The job part of the store. A run begins by read, decide, and a write that holds only while nobody else wrote. */
export function createJobs(params: {
  runner: StatementRunner;
  ready: () => Promise<{ jobs: JobStatements }>;
}): JobStore {
  const { runner, ready } = params;
  const lockMs = () => String(runner.limits.lockMs);

  async function run<T>(work: (statements: JobStatements) => Promise<T>): Promise<T> {
    try {
      return await work((await ready()).jobs);
    } catch (error) {
      throw runner.translate(error);
    }
  }

  async function lastSlot(statements: JobStatements, job: ClusterJobName): Promise<Date> {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const [slot] = await runner.json<[string | null]>(statements.lastSlot, [lockMs(), job]);
      if (slot !== null) return new Date(slot);
      // Somebody else added the row while we read: now it is there.
    }
    throw new WaSyncError('store_failed', `The job ${job} has no row`, { retryable: true });
  }

  return {
    lastSlot: ({ job }) => run((statements) => lastSlot(statements, job)),

    begin: ({ runId, job, slot, owner }) =>
      run(async (statements): Promise<BeginAnswer> => {
        const slotText = slot?.toISOString() ?? null;
        for (let tries = 0; tries < MOST_TRIES; tries += 1) {
          const [revision, slotTaken, same, underWay, newest, stands] = await runner.json<JobState>(statements.state, [
            job,
            slotText,
            runId,
            owner,
          ]);
          if (same !== null) return { begun: true, run: readRun(same) };
          if (!stands) return { begun: false, why: 'fenced', run: null };
          if (underWay !== null) return { begun: false, why: 'running', run: readRun(underWay) };
          if (revision === null) {
            await runner.json(statements.ensure, [lockMs(), job]);
            continue;
          }
          if (slotTaken) return { begun: false, why: 'slot_taken', run: newest === null ? null : readRun(newest) };
          const values = [lockMs(), job, runId, slotText, owner, revision];
          const [begun] = await runner.json<RunTuple[]>(statements.begin, values);
          if (begun !== undefined) return { begun: true, run: readRun(begun) };
        }
        throw new WaSyncError('store_failed', `The job ${job} was begun by others again and again`, {
          retryable: true,
        });
      }),

    end: ({ runId, owner, outcome, counts, error }) =>
      run(async ({ end }) => {
        const values = [lockMs(), runId, owner, outcome, JSON.stringify(counts), error?.replaceAll('\0', '') ?? null];
        const [ended] = await runner.json<[boolean]>(end, values);
        return ended;
      }),

    list: ({ job, before, limit }) =>
      run(async ({ list }) => {
        const tuples = await runner.json<RunTuple[]>(list, [job ?? null, before ?? null, limit]);
        return tuples.map(readRun);
      }),

    get: ({ runId }) =>
      run(async ({ get }) => {
        const [tuple] = await runner.json<RunTuple[]>(get, [runId]);
        return tuple === undefined ? null : readRun(tuple);
      }),
  };
}

function readRun([id, job, slot, owner, outcome, startedAt, endedAt, counts, error]: RunTuple): JobRun {
  return {
    id,
    job,
    slot: slot === null ? null : new Date(slot),
    owner,
    outcome,
    startedAt: new Date(startedAt),
    endedAt: endedAt === null ? null : new Date(endedAt),
    counts,
    error,
  };
}
