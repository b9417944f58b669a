/**
 * Runs that requests to this process started. Owns: what is under way (equal requests share it), and those that
 * outlasted their request, so that `GET /runs/:id` can say how they ended.
 *
 * They are no job runs: those are rows in the store, one for each run of a cluster job whoever began it, with counts
 * and without a report. These are any of the POSTs (one session, a caller's own sessions, a dry run) with its report,
 * and only this process knows them: behind a balancer another replica answers 404.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '@wa-sync/core';
import { untilAborted, withTimeout } from '@wa-sync/core/adapter';
import type * as z from 'zod/mini';
import { describeProblem, toProblem } from '../reply/problems.js';
import type { requestRun } from '../reply/wire-schemas.js';
import type { RunResult } from './run-results.js';

/** Runs kept after they were answered with 202. */
const KEPT = 500;
/** What those that are over may take together: a report names up to a thousand sessions. */
const KEPT_CHARACTERS = 16_000_000;

export type Outcome =
  | { readonly ok: true; readonly result: RunResult; readonly at: Date }
  | { readonly ok: false; readonly error: unknown; readonly at: Date };

export interface Run {
  readonly id: string;
  readonly operation: string;
  /** The sessions it is about; `null`: all. */
  readonly sessionIds: readonly string[] | null;
  readonly startedAt: Date;
  /** Settles with the outcome and never rejects. */
  readonly settled: Promise<Outcome>;
}

/** A run that was answered with 202. */
export interface KeptRun extends Pick<Run, 'sessionIds'> {
  readonly over: boolean;
  /** The body of `GET /runs/:id`: as a text, which takes a third of what its objects do. */
  readonly text: string;
}

export type RequestRuns = ReturnType<typeof createRequestRuns>;

export function createRequestRuns(clock: Clock) {
  const underWay = new Map<string, Run>();
  /** Those that are over in the order in which they ended. */
  const kept = new Map<string, KeptRun>();
  let characters = 0;

  function set({ id, sessionIds }: Run, over: boolean, body: z.infer<typeof requestRun>): void {
    const text = JSON.stringify(body);
    kept.delete(id);
    kept.set(id, { sessionIds, over, text });
    if (over) characters += text.length;
    for (const [oldest, run] of kept) {
      if (oldest === id || (kept.size <= KEPT && characters <= KEPT_CHARACTERS)) return;
      if (!run.over) continue;
      kept.delete(oldest);
      characters -= run.text.length;
    }
  }

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
      const settled = (async () => work().then(succeeded, failed))().finally(() => underWay.delete(key));
      const run = { id: randomUUID(), operation, sessionIds, startedAt: clock.now(), settled };
      underWay.set(key, run);
      return run;
    },

    /** The outcome, or `null` where it is not there within `waitMs` or one of `signals` aborts first. */
    async wait({ settled }: Run, waitMs: number, signals: readonly AbortSignal[]): Promise<Outcome | null> {
      if (waitMs === 0) return null;
      return withTimeout(clock, waitMs, () => settled, { until: untilAborted(...signals) });
    },

    /** From now on {@link find} knows it. */
    keep(run: Run): void {
      if (kept.has(run.id)) return;
      set(run, false, describeRun(run, null));
      void run.settled.then((outcome) => set(run, true, describeRun(run, outcome)));
    },

    find: (id: string): KeptRun | undefined => kept.get(id),
  };

  function succeeded(result: RunResult): Outcome {
    return { ok: true, result, at: clock.now() };
  }

  function failed(error: unknown): Outcome {
    return { ok: false, error, at: clock.now() };
  }
}

function describeRun({ id, operation, startedAt }: Run, outcome: Outcome | null): z.infer<typeof requestRun> {
  const started = { kind: 'request', id, operation, startedAt: startedAt.toISOString() } as const;
  if (!outcome) return { ...started, state: 'running', finishedAt: null, report: null, problem: null };
  const finishedAt = outcome.at.toISOString();
  if (outcome.ok) {
    return { ...started, state: 'completed', finishedAt, report: outcome.result.report, problem: null };
  }
  const { errors: _, ...problem } = describeProblem(toProblem(outcome.error));
  return { ...started, state: 'failed', finishedAt, report: null, problem };
}
