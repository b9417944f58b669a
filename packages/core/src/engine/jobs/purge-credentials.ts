import type { CleanedSession } from '../../domain/report.js';
import type { Config } from '../../options/config.js';
import type { CleanupCandidate } from '../../ports/cleanup-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { HostCalls } from '../limits/host-calls.js';
import { createSlots } from '../limits/limit-calls.js';

const AT_ONCE = 8;
const ANSWER_LIMIT_MS = 30_000;
type Purged = NonNullable<CleanedSession['credentials']> | 'failed' | 'came_back';

/**
 * Says who deletes the credentials of sessions that are being purged, and asks the host's `purgeCredentials` where
 * there is one. Sessions that were not asked about, because the run may not go on, are left out of the answer.
 */
export function createPurgeCredentials(deps: {
  config: Pick<Config, 'logger' | 'cleanup'>;
  store: WaSyncStore;
  host: HostCalls;
}) {
  const { store, host } = deps;
  const { logger, cleanup } = deps.config;

  async function ask(sessionId: string, callback: NonNullable<Config['cleanup']['purgeCredentials']>): Promise<Purged> {
    const code = 'purge_credentials_failed';
    const text = 'The credentials of a session could not be deleted';
    try {
      // The session may have come back while others were asked about, and a deletion by the host cannot be undone.
      const [row] = await store.sessions.get({ ids: [sessionId] });
      if (row && (row.active || row.owner !== null)) return 'came_back';
    } catch (error) {
      logger.error({ code, sessionId, err: error }, text);
      return 'failed';
    }
    const asked = { name: 'cleanup.purgeCredentials', code, text, fields: { sessionId } };
    const done = await host.ask(asked, ANSWER_LIMIT_MS, () => callback({ sessionId }));
    return done === null ? 'failed' : 'callback';
  }

  return async (marked: readonly CleanupCandidate[], mayAsk: () => boolean): Promise<Map<CleanupCandidate, Purged>> => {
    const { purgeCredentials } = cleanup;
    if (!purgeCredentials) return new Map(marked.map((found) => [found, store.auth ? 'store' : 'host']));
    const takePlace = createSlots(AT_ONCE);
    const asked = new Map<CleanupCandidate, Purged>();
    const askOne = async (found: CleanupCandidate): Promise<void> => {
      const freePlace = await takePlace();
      if (mayAsk()) asked.set(found, await ask(found.id, purgeCredentials));
      freePlace();
    };
    await Promise.all(marked.map(askOne));
    return asked;
  };
}
