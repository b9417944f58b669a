import type { SessionsApi } from '../../api/wa-sync.js';
import { WaSyncError } from '../../domain/errors.js';
import { maskNumbers } from '../../domain/safe-text.js';
import type { Desired, StoredSession } from '../../domain/session.js';
import { checkSessionId } from '../../domain/session.js';
import type { Config } from '../../options/config.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { AskOwner, OwnerSaid } from '../inbox/ask-owner.js';
import { createBatcher } from '../limits/batch-calls.js';
import type { HostCalls } from '../limits/host-calls.js';
import { pageLimit } from '../limits/limit-calls.js';
import { logOut } from '../owned-sessions/close-connection.js';
import type { Held, HeldSessions } from '../owned-sessions/held-sessions.js';
import { createImportFromHost } from './import-from-host.js';
import { createImportSessions } from './import-sessions.js';
import { readNewSession } from './new-session.js';
import { createPairSession } from './pair-session.js';
import type { Provide } from './provide.js';

/** A cleanup takes a session once a run, so one that is started anew is not taken again by the same. */
const START_ATTEMPTS = 3;

/** `wa.sessions`: rows, and what the host wants of them. */
export function createSessionsApi(deps: {
  config: Pick<Config, 'provider' | 'clock' | 'logger'>;
  store: WaSyncStore;
  held: HeldSessions;
  provide: Provide;
  askOwner: AskOwner;
  host: HostCalls;
  history: SessionsApi['history'];
}): SessionsApi {
  const { config, store, held, provide, askOwner } = deps;

  /** A caller that reads many by one reads them in one statement. A statement that hangs holds up its own only. */
  const getTogether = createBatcher<string, StoredSession | null>({
    next: 'beside',
    maxSize: () => 1_000,
    async run(ids) {
      const rows = new Map((await store.sessions.get({ ids: [...new Set(ids)] })).map((row) => [row.id, row]));
      return ids.map((id) => rows.get(id) ?? null);
    },
  });

  async function get(id: string): Promise<StoredSession | null> {
    return getTogether(checkSessionId(id));
  }

  async function setDesired(id: string, desired: Desired): Promise<void> {
    if (!(await store.sessions.setDesired({ id: checkSessionId(id), desired }))) throw notFound(id);
  }

  async function read(id: string): Promise<StoredSession> {
    const row = await get(id);
    if (!row) throw notFound(id);
    return row;
  }

  /**
   * Wants a session to run, and opens it here; `null` where another replica has it. A cleanup that is under way may
   * deactivate it between the two: it is wanted now, so it is activated again.
   */
  async function runHere(id: string): Promise<Held | null> {
    for (let attempt = 1; ; attempt += 1) {
      await setDesired(id, 'running');
      const here = await provide.openNow(id);
      if (here !== null || attempt === START_ATTEMPTS || (await get(id))?.active !== false) return here;
    }
  }

  /** The desired state is recorded, and the owner finds it with its next sync; this is only sooner. */
  async function askOwnerToAct(id: string): Promise<void> {
    const row = await get(id);
    if (row && askOwner.mayAsk(row)) await askOwner.ask(id, 'settle');
  }

  return {
    get,
    async create(params) {
      const session = readNewSession('create', params);
      const { id, desired } = session;
      const created = await store.sessions.create({ sessions: [session] });
      if (created.length === 0) {
        throw new WaSyncError(
          'session_exists',
          `Session ${maskNumbers(id)} exists already; ensure() takes it as it is`,
        );
      }
      if (desired === 'running') await provide.open([id]);
      return read(id);
    },
    async ensure(params) {
      const session = readNewSession('ensure', params);
      await store.sessions.create({ sessions: [session] });
      const row = await read(session.id);
      if (!isClaimable(row)) return row;
      await provide.open([row.id]);
      return read(row.id);
    },
    history: deps.history,
    import: createImportSessions(store),
    importFromHost: createImportFromHost(deps),
    async list({ after, limit: asked } = {}) {
      const limit = pageLimit(asked);
      const sessions = await store.sessions.list({ after, limit });
      return { sessions, next: sessions.length === limit ? (sessions.at(-1)?.id ?? null) : null };
    },
    async start(id) {
      if ((await runHere(id)) === null) await askOwnerToAct(id);
      return read(id);
    },
    pair: createPairSession({ config, run: runHere }),
    async logout(id) {
      const here = held.get(checkSessionId(id));
      if (here) return logOut(here.connection, config.clock);
      const said = askOwner.mayAsk(await read(id)) ? await askOwner.ask(id, 'logout') : null;
      if (said?.kind === 'answered' && 'done' in said.answer) return;
      throw notLoggedOut(id, said);
    },
    async stop(id) {
      await setDesired(id, 'stopped');
      const here = held.get(id);
      if (here?.mode === 'provided') await provide.stop(here, { code: 'stopped' });
      if (!here) await askOwnerToAct(id);
      return read(id);
    },
  };
}

/** As the tick judges it: what a person must link again is not opened by start-up code. */
function isClaimable({ desired, active, owner, status }: StoredSession): boolean {
  return desired === 'running' && active && owner === null && status !== 'LOGGED_OUT';
}

function notFound(id: string): WaSyncError {
  return new WaSyncError('session_not_found', `There is no session ${maskNumbers(id)}`);
}

function notLoggedOut(id: string, said: OwnerSaid<'logout'> | null): WaSyncError {
  const named = `Session ${maskNumbers(id)}`;
  if (said?.kind === 'unknown') {
    const message = `The replica that runs session ${maskNumbers(id)} did not say whether it is logged out (${said.why})`;
    return new WaSyncError('owner_silent', message, { cause: said.cause, retryable: true });
  }
  if (said?.kind === 'answered' && 'refused' in said.answer && said.answer.refused === 'connection_closed') {
    return new WaSyncError('connection_closed', `${named} is not connected`, { retryable: true });
  }
  return new WaSyncError('not_supported', `${named} is not run here`);
}
