import type { Config } from '../config.js';
import type { StoredSession } from '../domain/session.js';
import { WaSyncError } from '../errors.js';
import type { WaSyncStore } from '../ports/store.js';
import { maskNumbers } from '../session-id.js';
import type { StatusAnswer } from '../wa-sync.js';
import type { Held, HeldSessions } from './held-sessions.js';
import type { Liveness } from './liveness.js';
import { observe } from './observe.js';

/** Answers what is true of one session: from its connection where it is here, else from the row that its owner's lease vouches for. */
export function createAskStatus(deps: {
  config: Pick<Config, 'clock'>;
  store: WaSyncStore;
  held: HeldSessions;
  liveness: Liveness;
}) {
  const { store, held: sessions, liveness } = deps;
  const { clock } = deps.config;

  async function fromConnection(held: Held): Promise<StatusAnswer> {
    const verdict = await liveness.check(held, { force: false });
    const seen = observe(held);
    if (seen.kind === 'unknown') throw cannotTell(held.id, seen.why);
    // Connected by its own word, silent, and the one probe that was sent did not come back: that is not known yet.
    if (seen.status === 'CONNECTED' && verdict === 'unknown') throw cannotTell(held.id, 'probe_unanswered');
    const { status, health, reason } = seen;
    return { ...answer(held.id, status), evidence: 'observed', health, reason, askedOf: 'connection' };
  }

  async function fromLease(id: string): Promise<StatusAnswer> {
    let row: StoredSession | undefined;
    try {
      [row] = await store.sessions.get({ ids: [id] });
    } catch (cause) {
      throw cannotTell(id, 'store_failed', cause);
    }
    if (!row) throw new WaSyncError('session_not_found', `There is no session ${maskNumbers(id)}`);
    const { status, evidence } = row.effective;
    return { ...answer(id, status), evidence, health: row.health, reason: row.reason, askedOf: 'lease' };
  }

  function answer(sessionId: string, status: StatusAnswer['status']) {
    return { sessionId, connected: status === 'CONNECTED', timestamp: clock.now(), status };
  }

  return (id: string): Promise<StatusAnswer> => {
    const held = sessions.get(id);
    return held && !held.lost.signal.aborted ? fromConnection(held) : fromLease(id);
  };
}

function cannotTell(id: string, why: string, cause?: unknown): WaSyncError {
  const message = `The status of session ${maskNumbers(id)} cannot be told now (${why})`;
  return new WaSyncError('status_unknown', message, { cause, retryable: true });
}
