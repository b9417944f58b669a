import type { Config } from '../config.js';
import type { Desired, StoredSession } from '../domain/session.js';
import { WaSyncError } from '../errors.js';
import type { WaSyncStore } from '../ports/store.js';
import { checkSessionId, maskNumbers } from '../session-id.js';
import type { SessionsApi } from '../wa-sync.js';
import type { HeldSessions } from './held-sessions.js';
import { createImportSessions } from './import-sessions.js';
import { pageLimit } from './page-limit.js';
import { createPairSession } from './pair-session.js';
import type { Provide } from './provide.js';

/** `wa.sessions`: rows, and what the host wants of them. */
export function createSessionsApi(deps: {
  config: Pick<Config, 'provider'>;
  store: WaSyncStore;
  held: HeldSessions;
  provide: Provide;
  history: SessionsApi['history'];
}): SessionsApi {
  const { config, store, held, provide } = deps;

  async function get(id: string): Promise<StoredSession | null> {
    const [row] = await store.sessions.get({ ids: [checkSessionId(id)] });
    return row ?? null;
  }

  async function setDesired(id: string, desired: Desired): Promise<void> {
    if (!(await store.sessions.setDesired({ id: checkSessionId(id), desired }))) throw notFound(id);
  }

  async function read(id: string): Promise<StoredSession> {
    const row = await get(id);
    if (!row) throw notFound(id);
    return row;
  }

  return {
    get,
    async create({ id, phone, desired = 'running' }) {
      const created = await store.sessions.create({ sessions: [{ id: checkSessionId(id), phone, desired }] });
      if (created.length === 0) throw new WaSyncError('session_exists', `Session ${maskNumbers(id)} exists already`);
      if (desired === 'running') await provide.open([id]);
      return read(id);
    },
    history: deps.history,
    import: createImportSessions(store),
    async list({ after, limit: asked } = {}) {
      const limit = pageLimit(asked);
      const sessions = await store.sessions.list({ after, limit });
      return { sessions, next: sessions.length === limit ? (sessions.at(-1)?.id ?? null) : null };
    },
    async start(id) {
      await setDesired(id, 'running');
      await provide.openNow(id);
      return read(id);
    },
    pair: createPairSession({
      config,
      async run(id) {
        await setDesired(id, 'running');
        return provide.openNow(id);
      },
    }),
    async logout(id) {
      const { connection } = held.get(checkSessionId(id)) ?? {};
      if (!connection?.logOut) throw new WaSyncError('not_supported', `Session ${maskNumbers(id)} is not run here`);
      try {
        await connection.logOut();
      } catch (cause) {
        throw new WaSyncError('connection_closed', `Session ${maskNumbers(id)} is not connected`, {
          cause,
          retryable: true,
        });
      }
    },
    async stop(id) {
      await setDesired(id, 'stopped');
      const here = held.get(id);
      if (here?.mode === 'provided') await provide.stop(here, { code: 'stopped' });
      return read(id);
    },
  };
}

function notFound(id: string): WaSyncError {
  return new WaSyncError('session_not_found', `There is no session ${maskNumbers(id)}`);
}
