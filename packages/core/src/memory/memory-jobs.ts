import type { Clock } from '../ports/clock.js';
import type { ClusterJobName, JobRun, JobStore } from '../ports/job-store.js';
import type { LeaseBook } from './lease-book.js';

/** Runs that are remembered, oldest forgotten first. */
const KEPT = 1_000;

/** The job part of the memory store. */
export function createMemoryJobs({ leases, clock }: { leases: LeaseBook; clock: Clock }): JobStore {
  const runs: JobRun[] = [];
  const lastSlots = new Map<ClusterJobName, number>();

  function replace(run: JobRun, change: Partial<JobRun>): JobRun {
    const next = Object.freeze({ ...run, ...change });
    runs[runs.indexOf(run)] = next;
    return next;
  }

  function slotOf(job: ClusterJobName): number {
    const known = lastSlots.get(job) ?? clock.now().getTime();
    lastSlots.set(job, known);
    return known;
  }

  function underWay(job: ClusterJobName): JobRun | null {
    const run = runs.find((one) => one.job === job && one.outcome === 'running');
    if (!run) return null;
    if (!leases.isOver(run.owner)) return run;
    replace(run, { outcome: 'abandoned', endedAt: clock.now() });
    return null;
  }

  return {
    lastSlot: async ({ job }) => new Date(slotOf(job)),
    async begin({ runId, job, slot, owner }) {
      const same = runs.find((run) => run.id === runId);
      if (same) return { begun: true, run: same };
      if (!leases.stands(owner)) return { begun: false, why: 'fenced', run: null };
      const other = underWay(job);
      if (other) return { begun: false, why: 'running', run: other };
      const last = lastSlots.get(job);
      if (slot !== null && last !== undefined && slot.getTime() <= last) {
        return { begun: false, why: 'slot_taken', run: runs.findLast((run) => run.job === job) ?? null };
      }
      if (slot !== null) lastSlots.set(job, slot.getTime());
      const begun = { id: runId, job, slot: slot && new Date(slot), owner, startedAt: clock.now() };
      const run: JobRun = Object.freeze({ ...begun, outcome: 'running', endedAt: null, counts: {}, error: null });
      runs.push(run);
      if (runs.length > KEPT) runs.shift();
      return { begun: true, run };
    },
    async end({ runId, owner, outcome, counts, error }) {
      const run = runs.find((one) => one.id === runId && one.owner === owner);
      if (run?.outcome === outcome) return true;
      if (run?.outcome !== 'running') return false;
      replace(run, { outcome, counts: { ...counts }, error, endedAt: clock.now() });
      return true;
    },
    async list({ job, before, limit }) {
      const end = before === undefined ? runs.length : runs.findIndex((run) => run.id === before);
      return runs
        .slice(0, Math.max(0, end))
        .filter((run) => job === undefined || run.job === job)
        .reverse()
        .slice(0, limit);
    },
    get: async ({ runId }) => runs.find((run) => run.id === runId) ?? null,
  };
}
