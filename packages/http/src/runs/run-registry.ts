/**
 * Runs of this process. Owns: what is under way (equal requests share it) and the last runs that outlasted their request, so that
 * `GET /runs/:id` can tell how they ended. Only this process knows them: behind a balancer another replica answers 404.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '@wa-sync/core';
import { untilAborted, withTimeout } from '@wa-sync/core/adapter';
import type { RunResult } from './run-results.js';

/** Runs kept after they were answered with 202. */
const KEPT = 500;

export type Outcome =
  | { readonly ok: true; readonly result: RunResult; readonly at: Date }
  | { readonly ok: false; readonly error: unknown; readonly at: Date };

export interface Run {
  readonly id: string;
  readonly operation: string;
  /** The sessions it is about; `null`: all. */
  readonly sessionIds: readonly string[] | null;
  readonly startedAt: Date;
  /** `null` while it runs. */
  readonly outcome: Outcome | null;
  /** Settles with the outcome and never rejects. */
  readonly settled: Promise<Outcome>;
}

export type RunRegistry = ReturnType<typeof createRunRegistry>;

export function createRunRegistry(clock: Clock) {
  const underWay = new Map<string, Run>();
  const kept = new Map<string, Run>();

  return {
    /** The equal run that is under way. */
    equal: (key: string): Run | undefined => underWay.get(key),

    start(params: {
      key: string;
      operation: string;
      sessionIds: readonly string[] | null;
      work(): Promise<RunResult>;
    }): Run {
      const { key, operation, sessionIds, work } = params;
      const run: { -readonly [Part in keyof Run]: Run[Part] } = {
        id: randomUUID(),
        operation,
        sessionIds,
        startedAt: clock.now(),
        outcome: null,
        settled: (async (): Promise<Outcome> => work().then(succeeded, failed))().then((outcome) => {
          run.outcome = outcome;
          underWay.delete(key);
          return outcome;
        }),
      };
      underWay.set(key, run);
      return run;
    },

    /** The outcome, or `null` where it is not there within `waitMs` or one of `signals` aborts first. */
    async wait(run: Run, waitMs: number, signals: readonly AbortSignal[]): Promise<Outcome | null> {
      if (run.outcome) return run.outcome;
      if (waitMs === 0) return null;
      return withTimeout(clock, waitMs, () => run.settled, { until: untilAborted(...signals) });
    },

    /** From now on {@link find} knows it. */
    keep(run: Run): void {
      kept.set(run.id, run);
      if (kept.size <= KEPT) return;
      for (const [id, old] of kept) {
        if (old.outcome === null) continue;
        kept.delete(id);
        return;
      }
    },

    find: (id: string): Run | undefined => kept.get(id),
  };

  function succeeded(result: RunResult): Outcome {
    return { ok: true, result, at: clock.now() };
  }

  function failed(error: unknown): Outcome {
    return { ok: false, error, at: clock.now() };
  }
}
