import type { BeatAnswer, LeaseStore } from '@wa-sync/core';
import type { StatementRunner, TimeLimits } from '../driver/run-statement.js';
import type { LeaseStatements } from '../statements/lease-statements.js';

type BeatTuple = [
  alive: boolean,
  storeNow: string,
  others: [
    incarnation: string,
    replicaId: string,
    beats: number,
    beatAt: string,
    ttlMs: number,
    fenced: boolean,
    massOutage: boolean,
  ][],
  claimable: boolean,
  outgoing: boolean,
  inbox: boolean,
];

/** The heartbeat part of the store. `prepared` returns the statements once the store is ready. */
export function createLeases(params: {
  runner: StatementRunner;
  ready: () => Promise<{ leases: LeaseStatements }>;
  freeFenced: LeaseStore['freeFenced'];
  configured: TimeLimits;
}): LeaseStore {
  const { runner, ready, freeFenced, configured } = params;
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
        return readBeat(await runner.json<BeatTuple>(join, [String(limits.lockMs), incarnation, replicaId, ttlMs]));
      }),
    beat: ({ incarnation, massOutage }) =>
      run(async ({ beat }) =>
        readBeat(await runner.json<BeatTuple>(beat, [String(limits.lockMs), incarnation, massOutage])),
      ),
    fence: ({ incarnation, beats }) =>
      run(async ({ fence, isFenced }) => {
        const [fenced] = await runner.json<[boolean]>(fence, [String(limits.lockMs), incarnation, beats]);
        if (fenced) return true;
        // Another challenger may have done it while we waited; only a new statement sees that.
        const [already] = await runner.json<[boolean]>(isFenced, [incarnation]);
        return already;
      }),
    freeFenced,
    leave: ({ incarnation }) =>
      run(async ({ leave }) => {
        await runner.json(leave, [String(limits.lockMs), incarnation]);
      }),
  };
}

function readBeat([alive, storeNow, others, claimable, outgoing, inbox]: BeatTuple): BeatAnswer {
  if (!alive) return { alive: false };
  return {
    alive: true,
    storeNow: new Date(storeNow),
    others: others.map(([incarnation, replicaId, beats, beatAt, ttlMs, fenced, massOutage]) => ({
      incarnation,
      replicaId,
      beats,
      beatAt: new Date(beatAt),
      ttlMs,
      fenced,
      massOutage,
    })),
    claimable,
    outgoing,
    inbox,
  };
}
