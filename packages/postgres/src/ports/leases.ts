import type { BeatAnswer, LeaseStore } from '@wa-sync/core';
import type { StatementRunner, TimeLimits } from '../driver/run-statement.js';
import type { BeatTuple, LeaseStatements } from '../statements/lease-statements.js';

/** The heartbeat part of the store. `prepared` returns the statements once the store is ready. */
export function createLeases(params: {
  runner: StatementRunner;
  /** Runs the renewals. */
  beats: StatementRunner;
  /** Whether a renewal that hangs may be sent again over another connection. */
  secondWay: boolean;
  ready: () => Promise<{ leases: LeaseStatements }>;
  freeFenced: LeaseStore['freeFenced'];
  configured: TimeLimits;
}): LeaseStore {
  const { runner, beats, secondWay, ready, freeFenced, configured } = params;
  const { limits } = runner;

  async function run<T>(work: (statements: LeaseStatements) => Promise<T>): Promise<T> {
    try {
      return await work((await ready()).leases);
    } catch (error) {
      throw runner.translate(error);
    }
  }

  return {
    join: ({ incarnation, replicaId, ttlMs }) =>
      run(async ({ join }) => {
        // Below a third of the lease, so that a renewal that hangs leaves time for another.
        const thirdMs = Math.floor(ttlMs / 3) - 1;
        limits.statementMs = Math.min(configured.statementMs, thirdMs);
        limits.lockMs = Math.min(configured.lockMs, Math.floor(thirdMs / 2));
        return readBeat(await beats.json<BeatTuple>(join, [String(limits.lockMs), incarnation, replicaId, ttlMs]));
      }),
    beat: ({ incarnation, replicaId, ttlMs, after, last, massOutage, stuck }) =>
      run(async ({ beat }) => {
        const values = [String(limits.lockMs), incarnation, replicaId, ttlMs, after, massOutage, stuck, last];
        const renew = () => beats.json<BeatTuple>(beat, values);
        return readBeat(secondWay ? await firstAnswer(renew, ttlMs / 6) : await renew());
      }),
    fence: ({ incarnation, number }) =>
      run(async ({ fence, isFenced }) => {
        const [fenced] = await runner.json<[boolean]>(fence, [String(limits.lockMs), incarnation, number]);
        if (fenced) return true;
        // Another challenger may have done it while we waited; only a new statement sees that.
        const [already] = await runner.json<[boolean]>(isFenced, [incarnation]);
        return already;
      }),
    addUnknown: ({ ttlMs }) =>
      run(async ({ addUnknown }) => {
        const [added] = await runner.json<[number]>(addUnknown, [String(limits.lockMs), ttlMs]);
        return added;
      }),
    freeFenced,
    leave: ({ incarnation }) =>
      run(async ({ leave }) => {
        await beats.json(leave, [String(limits.lockMs), incarnation]);
      }),
  };
}

/** Runs work, and once more beside it where it has not settled in time: the first answer counts. */
async function firstAnswer<T>(work: () => Promise<T>, afterMs: number): Promise<T> {
  const first = work();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), afterMs);
  });
  try {
    if ((await Promise.race([first.then(() => 'settled'), late])) !== 'late') return await first;
  } finally {
    clearTimeout(timer);
  }
  return Promise.any([first, work()]).catch((failed: AggregateError) => {
    throw failed.errors[0];
  });
}

function readBeat([own, storeNow, others, fencedLeft, outgoing, inbox]: BeatTuple): BeatAnswer {
  if (own === null) return { alive: false };
  const [number, joined, lastKnown] = own;
  return {
    alive: true,
    storeNow: new Date(storeNow),
    number,
    joined,
    lastKnown,
    others: others.map(([incarnation, replicaId, drawn, first, beatAt, ttlMs, fenced, massOutage, stuck]) => ({
      incarnation,
      replicaId,
      number: drawn,
      joined: first,
      beatAt: new Date(beatAt),
      ttlMs,
      fenced,
      massOutage,
      stuck,
    })),
    fencedLeft,
    outgoing,
    inbox,
  };
}
