import type { BeatAnswer, LeaseStore, Logger } from '@wa-sync/core';
import type { StoreKeys } from '../driver/keys.js';
import type { StoreCalls, TimeLimits } from '../driver/run-script.js';
import { conversationKeys } from '../scripts/conversation-parts.js';
import {
  addUnknownScript,
  beatScript,
  fenceScript,
  freeFencedScript,
  joinScript,
  leaveScript,
} from '../scripts/lease-scripts.js';
import { readHeartbeats } from '../scripts/session-row.js';

const MOST_ROWS = 1_000;

/** The lease part of the store. */
export function createLeases(params: {
  calls: StoreCalls;
  keys: StoreKeys;
  /** What calls are cut to now; a join lowers it. */
  limits: TimeLimits;
  configured: TimeLimits;
  logger: Logger;
}): LeaseStore {
  const { calls, limits, configured, logger } = params;
  const keys = conversationKeys(params.keys);
  let reportedHoldMs = 0;

  function reportHold(untilMs: number, nowMs: number): void {
    if (untilMs <= nowMs || untilMs === reportedHoldMs) return;
    reportedHoldMs = untilMs;
    logger.warn(
      { code: 'redis_changed', until: new Date(untilMs).toISOString() },
      'Redis was restarted or failed over: its last writes may be gone. Nothing is deleted or closed for one lease',
    );
  }

  function readBeat(answer: readonly unknown[]): BeatAnswer {
    const [alive, storeNow, number, joined, lastKnown, heartbeats, fencedLeft, heldUntil, outgoing, inbox] = answer;
    if (Number(alive) === 0) return { alive: false };
    reportHold(Number(heldUntil), Number(storeNow));
    return {
      alive: true,
      storeNow: new Date(Number(storeNow)),
      number: Number(number),
      joined: Number(joined),
      lastKnown: Number(lastKnown) === 1,
      others: [...readHeartbeats(heartbeats).values()],
      fencedLeft: Number(fencedLeft) === 1,
      outgoing: Number(outgoing) === 1,
      inbox: Number(inbox) === 1,
    };
  }

  return {
    async join({ incarnation, replicaId, ttlMs }) {
      // Below a third of the lease, so that a renewal that hangs leaves time for another.
      limits.commandMs = Math.max(1, Math.min(configured.commandMs, Math.floor(ttlMs / 3) - 1));
      const args = [incarnation, replicaId, String(ttlMs)];
      return readBeat(await calls.list(joinScript, { keys, args }));
    },
    async beat({ incarnation, replicaId, ttlMs, after, last, massOutage, stuck }) {
      const said = [massOutage, stuck].map((says) => (says ? '1' : '0'));
      const numbers = [after, last].map((number) => (number === null ? '' : String(number)));
      const args = [incarnation, replicaId, String(ttlMs), ...said, ...numbers];
      return readBeat(await calls.list(beatScript, { keys, args }));
    },
    fence: async ({ incarnation, number }) =>
      Number(await calls.run(fenceScript, { keys, args: [incarnation, String(number)] })) === 1,
    addUnknown: async ({ ttlMs }) => Number(await calls.run(addUnknownScript, { keys, args: [String(ttlMs)] })),
    async freeFenced({ limit }) {
      const args = [String(Math.min(limit, MOST_ROWS))];
      return (await calls.list(freeFencedScript, { keys, args })).map(String);
    },
    async leave({ incarnation }) {
      await calls.run(leaveScript, { keys, args: [incarnation] });
    },
  };
}
