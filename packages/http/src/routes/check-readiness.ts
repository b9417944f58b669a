import type { Clock, WaSync } from '@wa-sync/core';
import { whenEnded, withTimeout } from '@wa-sync/core/adapter';
import { HttpProblem } from '../reply/problems.js';

/** A readiness check must end before the timeout of an orchestrator. */
const READY_WITHIN_MS = 2_000;
/** Readings of the store begin at least so far apart. */
const APART_MS = 1_000;

/** Resolves where the store answers, and rejects with why it does not. */
export type CheckReadiness = () => Promise<void>;

/**
 * Asks the store whether it answers, for anybody and without a token, so that no number of callers is a load on it:
 * one reading a second at most, shared by all who ask meanwhile, and never a second one beside a reading that hangs.
 */
export function createCheckReadiness({
  sessions,
  clock,
}: {
  sessions: Pick<WaSync['sessions'], 'list'>;
  clock: Clock;
}): CheckReadiness {
  let begunAtMs: number | null = null;
  /** What is known of the last reading: settles with it, or once it is late. */
  let verdict: Promise<void> = Promise.resolve();
  let reading = false;

  async function read(): Promise<void> {
    reading = true;
    let ended: Promise<void> | null = null;
    try {
      await sessions.list({ limit: 1 });
    } catch (error) {
      ended = whenEnded(error);
      throw error;
    } finally {
      if (ended) void ended.then(settled);
      else settled();
    }
  }

  function settled(): void {
    reading = false;
  }

  function begin(): Promise<void> {
    begunAtMs = clock.monotonicMs();
    return withTimeout(clock, READY_WITHIN_MS, read, {
      late() {
        throw new HttpProblem('store_timeout');
      },
    });
  }

  return () => {
    // A reading that hangs keeps its verdict, which is `store_timeout` by then, until it has settled.
    if (!reading && (begunAtMs === null || clock.monotonicMs() - begunAtMs >= APART_MS)) {
      verdict = begin();
      verdict.catch(() => {});
    }
    return verdict;
  };
}
