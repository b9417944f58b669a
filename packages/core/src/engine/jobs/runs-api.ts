import { WaSyncError } from '../../errors.js';
import { JOB_NAMES, type JobStore } from '../../ports/job-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { RunsApi } from '../../wa-sync.js';
import { pageLimit } from '../limits/page-limit.js';

/** `wa.runs`: the store's book of cluster jobs. */
export function createRunsApi({ store }: { store: WaSyncStore }): RunsApi {
  function jobs(): JobStore {
    if (store.jobs) return store.jobs;
    throw new WaSyncError('not_supported', 'This store keeps no book of job runs');
  }

  return {
    async list({ job, before, limit: asked } = {}) {
      const limit = pageLimit(asked);
      if (job !== undefined && !JOB_NAMES.includes(job)) {
        throw new WaSyncError('config_invalid', 'job takes cleanup or inactivity');
      }
      const runs = await jobs().list({ job, before, limit });
      return { runs, next: runs.length === limit ? (runs.at(-1)?.id ?? null) : null };
    },
    get: async (id) => jobs().get({ runId: id }),
  };
}
