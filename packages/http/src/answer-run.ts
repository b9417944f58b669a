import type { SyncReport } from '@wa-sync/core';
import type * as z from 'zod';
import { describeProblem, HttpProblem, toProblem } from './problems.js';
import type { Answer, Call } from './route.js';
import type { Outcome, Run } from './run-registry.js';
import { describeReport, reportToWire } from './to-wire.js';
import type { acceptedAnswer, runAnswer, syncAnswer } from './wire-schemas.js';

/** Longest `Prefer: wait=` that is granted. */
const LONGEST_WAIT_MS = 300_000;

/** Starts a run or joins the equal one, waits for it as long as the caller likes, and answers 200 or 202. */
export async function answerRun(
  call: Omit<Call, 'query'>,
  run: { operation: string; sessionIds: readonly string[] | null; work(): Promise<SyncReport> },
): Promise<Answer> {
  const { runs, chargeRun, config, clock } = call.services;
  const { operation, sessionIds } = run;
  const key = JSON.stringify([operation, sessionIds]);
  let joined = runs.equal(key);
  if (!joined) {
    chargeRun(call.caller.key);
    joined = runs.start({ key, ...run });
  }
  const preferredMs = readPreferredWait(call.request.headers.get('prefer'));
  const outcome = await runs.wait(joined, preferredMs ?? config.waitMs, call.request.signal);
  const applied: Record<string, string> =
    preferredMs === null ? {} : { 'preference-applied': `wait=${preferredMs / 1_000}` };
  if (outcome) {
    const report = readReport(outcome);
    const timestamp = outcome.at.toISOString();
    const body: z.infer<typeof syncAnswer> = {
      message: describeReport(report),
      timestamp,
      report: reportToWire(report),
    };
    return { status: 200, body, headers: applied };
  }
  runs.keep(joined);
  const body: z.infer<typeof acceptedAnswer> = {
    message: 'The sync goes on; ask for it at Location',
    timestamp: clock.now().toISOString(),
    run: { id: joined.id, state: 'running' },
  };
  return { status: 202, body, headers: { ...applied, location: `${call.basePath}/runs/${joined.id}` } };
}

/** A run for `GET /runs/:id`. */
export function describeRun(run: Run): z.infer<typeof runAnswer> {
  const { id, operation, outcome } = run;
  const started = { id, operation, startedAt: run.startedAt.toISOString() };
  if (!outcome) return { ...started, state: 'running', finishedAt: null, report: null, problem: null };
  const finishedAt = outcome.at.toISOString();
  try {
    const report = reportToWire(readReport(outcome));
    return { ...started, state: 'completed', finishedAt, report, problem: null };
  } catch (error) {
    const { errors: _, ...problem } = describeProblem(toProblem(error));
    return { ...started, state: 'failed', finishedAt, report: null, problem };
  }
}

function readReport(outcome: Outcome): SyncReport {
  if (!outcome.ok) throw outcome.error;
  const { totals, sessions } = outcome.report;
  // Core never lets one session's failure stop the others; where the store failed them all, the call itself has failed.
  const storeFailed =
    totals.failed > 0 && sessions.every(({ action, reason }) => action === 'failed' && isStore(reason));
  if (storeFailed && totals.failed === totals.checked) throw new HttpProblem('store_failed');
  return outcome.report;
}

function isStore(reason: string): boolean {
  return reason.startsWith('store_');
}

function readPreferredWait(prefer: string | null): number | null {
  const seconds = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])/i.exec(prefer ?? '')?.[1];
  return seconds === undefined ? null : Math.min(LONGEST_WAIT_MS, Number(seconds) * 1_000);
}
