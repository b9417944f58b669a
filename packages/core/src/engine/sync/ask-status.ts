import type { StatusAnswer, StatusOptions } from '../../api/wa-sync.js';
import { WaSyncError } from '../../domain/errors.js';
import { maskNumbers } from '../../domain/safe-text.js';
import type { StoredSession } from '../../domain/session.js';
import type { Config } from '../../options/config.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { AskOwner } from '../inbox/ask-owner.js';
import type { OwnerAnswers, OwnerStatus } from '../inbox/owner-answers.js';
import type { Held, HeldSessions } from '../owned-sessions/held-sessions.js';
import { observe } from '../owned-sessions/observe.js';
import type { Liveness } from '../reconcile/liveness.js';

type Limit = NonNullable<StatusOptions['limit']>;

export type AskStatus = ReturnType<typeof createAskStatus>;

/**
 * Returns what is true of one session: from its connection where it is here, from its owner where another replica has
 * it, else from the row.
 */
export function createAskStatus(deps: {
  config: Pick<Config, 'clock'>;
  store: WaSyncStore;
  held: HeldSessions;
  liveness: Liveness;
  askOwner: AskOwner;
}) {
  const { store, held: sessions, liveness, askOwner } = deps;
  const { clock } = deps.config;

  /** What a connection that is held here says. */
  async function ofHeld(held: Held): Promise<OwnerAnswers['status']> {
    const verdict = await liveness.check(held, { force: false });
    const seen = observe(held);
    if (seen.kind === 'unknown') return { unknown: seen.why };
    // It says connected, it is silent, and the one probe was not answered: not known yet.
    if (seen.status === 'CONNECTED' && verdict === 'unknown') return { unknown: 'probe_unanswered' };
    const { status, health, reason } = seen;
    return { status, evidence: 'observed', health, reason };
  }

  async function readRow(id: string, limit: Limit): Promise<StoredSession> {
    const row = await limit(async () => {
      try {
        return (await store.sessions.get({ ids: [id] }))[0];
      } catch (cause) {
        throw statusUnknown(id, 'store_failed', cause);
      }
    });
    if (!row) throw new WaSyncError('session_not_found', `There is no session ${maskNumbers(id)}`);
    return row;
  }

  async function ofAnother(id: string, limit: Limit): Promise<StatusAnswer> {
    const row = await readRow(id, limit);
    if (!askOwner.mayAsk(row)) return fromRow(row);
    const said = await askOwner.ask(id, 'status');
    if (said.kind === 'answered') return answer(id, said.answer, 'owner');
    const later = await readRow(id, limit);
    // A session that ended during the question has left a row that says so.
    const lives = askOwner.mayAsk(later) && later.effective.evidence !== 'expired';
    if (said.kind === 'unknown' && lives) throw statusUnknown(id, said.why, said.cause);
    return fromRow(later);
  }

  function fromRow({ id, effective, health, reason }: StoredSession): StatusAnswer {
    return answer(id, { ...effective, health, reason }, 'lease');
  }

  function answer(sessionId: string, said: OwnerAnswers['status'], askedOf: StatusAnswer['askedOf']): StatusAnswer {
    if ('unknown' in said) throw statusUnknown(sessionId, said.unknown);
    const { status, evidence, health, reason }: OwnerStatus = said;
    const connected = status === 'CONNECTED';
    return { sessionId, connected, timestamp: clock.now(), status, evidence, health, reason, askedOf };
  }

  return {
    ofHeld,
    async ask(id: string, { limit = (read) => read() }: StatusOptions = {}): Promise<StatusAnswer> {
      const held = sessions.get(id);
      if (!held || (held.tenure === null && held.lost.signal.aborted)) return ofAnother(id, limit);
      return answer(id, await ofHeld(held), 'connection');
    },
  };
}

function statusUnknown(id: string, why: string, cause?: unknown): WaSyncError {
  const message = `The status of session ${maskNumbers(id)} cannot be determined now (${why})`;
  return new WaSyncError('status_unknown', message, { cause, retryable: true });
}
