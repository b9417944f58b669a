import type { HistoryApi, RunsApi, SessionsApi } from '../../api/wa-sync.js';
import { WaSyncError } from '../../domain/errors.js';
import { maskNumbers } from '../../domain/safe-text.js';
import { checkSessionId } from '../../domain/session.js';
import type { HistoryStore } from '../../ports/history-store.js';
import { JOB_NAMES, type JobStore } from '../../ports/job-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import { pageLimit } from '../limits/limit-calls.js';

/** What became of the rows: of one session in pages, of all as a feed. */
export function createHistoryApi({ store }: { store: WaSyncStore }): {
  history: HistoryApi;
  ofSession: SessionsApi['history'];
} {
  function entries(): HistoryStore {
    if (store.history) return store.history;
    throw new WaSyncError('not_supported', 'This store keeps no history');
  }

  return {
    history: {
      async since({ after = null, limit } = {}) {
        return entries().since({ after, limit: pageLimit(limit) });
      },
    },
    async ofSession(id, { before, limit: asked } = {}) {
      const [sessionId, limit] = [checkSessionId(id), pageLimit(asked)];
      const transitions = await entries().ofSession({ sessionId, before, limit });
      if (transitions.length === 0 && (await store.sessions.get({ ids: [sessionId] })).length === 0) {
        throw new WaSyncError('session_not_found', `There is no session ${maskNumbers(sessionId)}`);
      }
      return { transitions, next: transitions.length === limit ? (transitions.at(-1)?.id ?? null) : null };
    },
  };
}

/** `wa.runs`: the store's records of cluster jobs. */
export function createRunsApi({ store }: { store: WaSyncStore }): RunsApi {
  function jobs(): JobStore {
    if (store.jobs) return store.jobs;
    throw new WaSyncError('not_supported', 'This store keeps no records of job runs');
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
