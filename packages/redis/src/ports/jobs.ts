import { type BeginAnswer, type ClusterJobName, JOB_NAMES, type JobRun, type JobStore } from '@wa-sync/core';
import type { StoreKeys } from '../driver/keys.js';
import type { StoreCalls } from '../driver/run-script.js';
import { beginScript, endScript, getRunScript, lastSlotScript, listRunsScript } from '../scripts/job-scripts.js';
import { sessionKeys } from '../scripts/script-parts.js';
import { toJson } from '../scripts/session-row.js';

type RunTuple = [
  job: ClusterJobName,
  slot: number | null,
  owner: string,
  outcome: JobRun['outcome'],
  startedAt: number,
  endedAt: number | null,
  counts: string,
  error: string | null,
  number: number,
];

const CLUSTER_JOBS = JOB_NAMES.filter((name) => name !== 'sync');

/** The job part of the store. */
export function createJobs({ calls, keys }: { calls: StoreCalls; keys: StoreKeys }): JobStore {
  const names = [...sessionKeys(keys), keys.job, keys.run];

  return {
    async lastSlot({ job }) {
      return new Date(Number(await calls.run(lastSlotScript, { keys: names, args: [job] })));
    },
    async begin({ runId, job, slot, owner }): Promise<BeginAnswer> {
      const args = [runId, job, slot === null ? '' : String(slot.getTime()), owner];
      const own = [...names, keys.runsOf(job)];
      const [word, id, text] = (await calls.list(beginScript, { keys: own, args })).map(String);
      const run = id === undefined || text === undefined ? null : readRun(id, text);
      if (word === 'begun' && run !== null) return { begun: true, run };
      return { begun: false, why: word as 'running' | 'slot_taken' | 'fenced', run };
    },
    async end({ runId, owner, outcome, counts, error }) {
      const args = [runId, owner, outcome, toJson(counts), toJson([error])];
      return Number(await calls.run(endScript, { keys: names, args })) === 1;
    },
    async list({ job, before, limit }) {
      const asked = job === undefined ? CLUSTER_JOBS : [job];
      const args = [String(limit), toJson(before === undefined ? [] : [before])];
      const flat = await calls.list(listRunsScript, { keys: [...names, ...asked.map(keys.runsOf)], args });
      const runs: JobRun[] = [];
      for (let at = 0; at < flat.length; at += 2) runs.push(readRun(String(flat[at]), String(flat[at + 1])));
      return runs;
    },
    async get({ runId }) {
      const text = await calls.run(getRunScript, { keys: names, args: [runId] });
      return text === null ? null : readRun(runId, String(text));
    },
  };
}

function readRun(id: string, text: string): JobRun {
  const [job, slot, owner, outcome, startedAt, endedAt, counts, error] = JSON.parse(text) as RunTuple;
  return {
    id,
    job,
    slot: slot === null ? null : new Date(slot),
    owner,
    outcome,
    startedAt: new Date(startedAt),
    endedAt: endedAt === null ? null : new Date(endedAt),
    counts: JSON.parse(counts) as Record<string, number>,
    error,
  };
}
