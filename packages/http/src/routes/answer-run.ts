import type * as z from 'zod/mini';
import type { Answer } from '../reply/make-reply.js';
import { HttpProblem } from '../reply/problems.js';
import type { acceptedAnswer } from '../reply/wire-schemas.js';
import type { RunResult } from '../runs/run-results.js';
import type { Call } from './route.js';

/** Longest `Prefer: wait=` that is granted. */
const LONGEST_WAIT_MS = 300_000;

/** Starts a run or joins the equal one, waits for it as long as the caller likes, and returns 200 or 202. */
export async function answerRun(
  call: Call,
  run: {
    operation: string;
    sessionIds: readonly string[] | null;
    /** What distinguishes it from other runs of the operation. */
    options?: object;
    work(): Promise<RunResult>;
  },
): Promise<Answer> {
  const { runs, runWork, chargeRun, config, clock, stopping } = call.services;
  const { operation, sessionIds, options, work } = run;
  const key = JSON.stringify([operation, sessionIds, options]);
  let joined = runs.equal(key);
  if (!joined) {
    const caller = call.caller.key;
    runWork.assertRoom(caller);
    chargeRun(caller);
    // A run goes on without whoever asked for it.
    const worker = { key: caller, signal: () => stopping };
    joined = runs.start({ key, operation, sessionIds, work: () => runWork.run(worker, work) });
  }
  const preferredMs = readPreferredWait(call.ask.header('prefer'));
  const outcome = await runs.wait(joined, preferredMs ?? config.waitMs, [call.ask.signal(), stopping]);
  const applied: Record<string, string> =
    preferredMs === null ? {} : { 'preference-applied': `wait=${preferredMs / 1_000}` };
  if (outcome) {
    if (!outcome.ok) throw outcome.error;
    const { message, report } = outcome.result;
    return { status: 200, body: { message, timestamp: outcome.at.toISOString(), report }, headers: applied };
  }
  // The run ends with the process, so nobody could be asked how; and a server that closes waits for this answer.
  if (stopping.aborted) throw new HttpProblem('not_running', 'This replica has stopped meanwhile');
  runs.keep(joined);
  const body: z.infer<typeof acceptedAnswer> = {
    message: 'The run goes on; ask for it at Location',
    timestamp: clock.now().toISOString(),
    run: { id: joined.id, state: 'running' },
  };
  return { status: 202, body, headers: { ...applied, location: `${call.basePath}/runs/${joined.id}` } };
}

function readPreferredWait(prefer: string | null): number | null {
  const seconds = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])/i.exec(prefer ?? '')?.[1];
  return seconds === undefined ? null : Math.min(LONGEST_WAIT_MS, Number(seconds) * 1_000);
}
