/**
 * What this replica has written, or could not write, into the store's records of runs.
 *
 * Owns: begins and ends whose answer never came. A run that was begun without our knowing, or whose end was not
 * recorded, would stand in the way of every later one for as long as our lease stands, so both are completed before
 * the next begin.
 */
import { isWaSyncError } from '../../domain/errors.js';
import { logText } from '../../domain/safe-text.js';
import { errorLine, loggableError } from '../../logging/loggable-error.js';
import type { RandomSource } from '../../ports/clock.js';
import type { BeginAnswer, ClusterJobName, JobStore } from '../../ports/job-store.js';
import type { Logger } from '../../ports/logger.js';

interface Begin {
  readonly runId: string;
  readonly job: ClusterJobName;
  readonly slot: Date | null;
  readonly owner: string;
  /** Ticks in which it may still be asked again. */
  ticksLeft: number;
}

/** A slot is begun again with every tick while it is due; after these nobody asks for it any more. */
const TICKS_KEPT = 3;

type End = Parameters<JobStore['end']>[0];

export function createJobRecords(deps: { jobs: JobStore; random: RandomSource; logger: Logger }) {
  const { jobs, random, logger } = deps;
  const unanswered = new Map<ClusterJobName, Begin>();
  const unrecorded = new Map<string, End>();

  async function record(end: End): Promise<void> {
    unrecorded.set(end.runId, end);
    await jobs.end(end);
    unrecorded.delete(end.runId);
  }

  /** A begin whose answer never came, and that nobody asks for any more. */
  async function giveUp({ job, runId, owner }: Begin): Promise<void> {
    // Nobody may begin under this id from here on: our end would then come after its beginning.
    unanswered.delete(job);
    await record({ runId, owner, outcome: 'failed', counts: {}, error: 'begin_not_answered' });
  }

  async function recordEnds(): Promise<void> {
    for (const end of [...unrecorded.values()]) await record(end);
  }

  return {
    /** Begins a run; a begin of the same slot whose answer was lost is asked again under its own id. */
    async begin({ job, slot, owner }: Pick<Begin, 'job' | 'slot' | 'owner'>): Promise<BeginAnswer> {
      await recordEnds();
      const lost = unanswered.get(job);
      const same = lost?.owner === owner && lost.slot?.getTime() === slot?.getTime();
      if (lost && !same) await giveUp(lost);
      const begin = lost && same ? lost : { runId: random.token(), job, slot, owner, ticksLeft: TICKS_KEPT };
      unanswered.set(job, begin);
      try {
        const answer = await jobs.begin({ runId: begin.runId, job, slot, owner });
        unanswered.delete(job);
        // The first answer was lost, and meanwhile our lease was over for the others.
        if (answer.begun && answer.run.outcome !== 'running') return { begun: false, why: 'running', run: answer.run };
        return answer;
      } catch (error) {
        logger.error({ code: 'job_not_begun', job, err: error }, 'The store did not answer whether a run began');
        throw error;
      }
    },
    /** Records an end, now or later; never throws, because the work itself is done. */
    async end({ error, ...end }: Omit<End, 'error'> & { error: unknown }): Promise<void> {
      try {
        await record({ ...end, error: error === null ? null : wordsOf(error) });
      } catch (cause) {
        logger.error({ code: 'store_failed', err: cause }, 'The end of a run could not be recorded; trying again');
      }
    },
    /** Completes what is left over, where no run of the job is under way. */
    async catchUp(isUnderWay: (job: ClusterJobName) => boolean): Promise<void> {
      try {
        await recordEnds();
        for (const begin of [...unanswered.values()]) {
          if (isUnderWay(begin.job)) continue;
          begin.ticksLeft -= 1;
          if (begin.slot === null || begin.ticksLeft < 0) await giveUp(begin);
        }
      } catch (error) {
        logger.error({ code: 'store_failed', err: error }, 'The end of a run could not be recorded; trying again');
      }
    },
  };
}

function wordsOf(error: unknown): string {
  if (isWaSyncError(error)) return error.code;
  return typeof error === 'string' ? logText(error) : errorLine(loggableError(error));
}
