import { WaSyncError } from '../../domain/errors.js';
import type { CleanedSession } from '../../domain/report.js';
import type { Config } from '../../options/config.js';
import type { CleanupCandidate } from '../../ports/cleanup-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import { createSlots, withTimeout } from '../limits/limit-calls.js';

const AT_ONCE = 8;
const ANSWER_LIMIT_MS = 30_000;
type Purged = NonNullable<CleanedSession['credentials']> | 'failed' | 'came_back';

/**
 * Says who deletes the credentials of sessions that are being purged, and asks the host's `purgeCredentials` where
 * there is one. Sessions that were not asked about, because the run may not go on, are left out of the answer.
 */
export function createPurgeCredentials(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'cleanup'>;
  store: WaSyncStore;
}) {
  const { store } = deps;
  const { clock, logger } = deps.config;
  const { purgeCredentials: callback } = deps.config.cleanup;

  async function ask(sessionId: string, callHost: NonNullable<typeof callback>): Promise<Purged> {
    try {
      // The session may have come back while others were asked about, and a deletion by the host cannot be undone.
      const [row] = await store.sessions.get({ ids: [sessionId] });
      if (row && (row.active || row.owner !== null)) return 'came_back';
      const done = await withTimeout(clock, ANSWER_LIMIT_MS, async () => {
        await callHost({ sessionId });
        return true;
      });
      if (done) return 'callback';
      throw new WaSyncError('store_timeout', 'purgeCredentials did not answer in time');
    } catch (error) {
      logger.error(
        { code: 'purge_credentials_failed', sessionId, err: error },
        'The credentials of a session could not be deleted',
      );
      return 'failed';
    }
  }

  return async (marked: readonly CleanupCandidate[], mayAsk: () => boolean): Promise<Map<CleanupCandidate, Purged>> => {
    if (!callback) return new Map(marked.map((found) => [found, store.auth ? 'store' : 'host']));
    const takePlace = createSlots(AT_ONCE);
    const asked = new Map<CleanupCandidate, Purged>();
    const askOne = async (found: CleanupCandidate): Promise<void> => {
      const freePlace = await takePlace();
      if (mayAsk()) asked.set(found, await ask(found.id, callback));
      freePlace();
    };
    await Promise.all(marked.map(askOne));
    return asked;
  };
}
