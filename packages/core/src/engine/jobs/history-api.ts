import { WaSyncError } from '../../errors.js';
import { maskNumbers } from '../../mask-numbers.js';
import type { HistoryStore } from '../../ports/history-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import { checkSessionId } from '../../session-id.js';
import type { HistoryApi, SessionsApi } from '../../wa-sync.js';
import { pageLimit } from '../limits/page-limit.js';

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
