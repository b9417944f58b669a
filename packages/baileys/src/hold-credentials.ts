/**
 * Holds the credentials of one session over all its sockets: opened with the first login, written out before each further one and at
 * the stop.
 *
 * Owns: the guarded credentials. States: not opened, in use, put aside (the next login opens them anew), retired. What one socket may
 * do with them is the business of `guardAuth`.
 */
import { maskNumbers } from '@wa-sync/core';
import { awaitAtMost } from './await-at-most.js';
import { type GuardedAuth, guardAuth } from './guard-auth.js';
import { pause } from './pause.js';
import { textOf } from './quiet-baileys-logger.js';
import { refuseOtherNumber } from './refuse-other-number.js';
import type { SessionDeps } from './session-run.js';

const SETTLE_KEYS_MS = 1_000;
/** Between two tries to put them aside the pause grows no further than so often doubled. */
const MOST_DOUBLINGS = 6;

export function holdCredentials(
  params: {
    sessionId: string;
    tenure: string;
    /** The number that the session's row has. */
    phone: string | null;
    fenced: AbortSignal;
    stopping: AbortSignal;
    /** Their store began or ceased to fail. */
    onFailing(): void;
  },
  deps: Pick<SessionDeps, 'auth' | 'authTimeoutMs' | 'backoff' | 'clock' | 'logger'>,
) {
  const { sessionId, tenure, phone, fenced, stopping, onFailing } = params;
  const { clock, logger } = deps;
  let auth: GuardedAuth | null = null;

  async function open(): Promise<GuardedAuth> {
    // A source of the host that never answers would keep a place among the logins, and with as many as there are places nobody would log in any more.
    const opened = await awaitAtMost({
      clock,
      timeoutMs: deps.authTimeoutMs,
      what: 'Opening credentials',
      work: () => deps.auth({ sessionId, tenure }),
    });
    refuseOtherNumber({ sessionId, creds: opened.state.creds, phone });
    const mayWrite = () => !fenced.aborted;
    return guardAuth({ sessionId, auth: opened, clock, logger, timeoutMs: deps.authTimeoutMs, mayWrite, onFailing });
  }

  /** What a socket learned has to be stored before the next one logs in with it. */
  async function store(own: GuardedAuth): Promise<void> {
    await own.settle(SETTLE_KEYS_MS);
    await own.flush();
  }

  function complain(code: string, what: string, error: unknown): void {
    logger.error({ code, sessionId, error: textOf(error) }, `Session ${maskNumbers(sessionId)}: ${what} failed`);
  }

  return {
    /** Whether the last call to their store failed or took too long. */
    failing: () => auth?.failing() === true,

    /** @throws what opening or writing them did */
    async readyForLogin(): Promise<GuardedAuth> {
      auth ??= await open();
      await store(auth);
      return auth;
    },

    /** Puts them aside, however long the store takes to let us: with them the next start would log in again. */
    async quarantine(reason: string): Promise<void> {
      const own = auth;
      auth = null;
      if (own === null) return;
      await own.settle(SETTLE_KEYS_MS);
      own.retire();
      for (let failures = 0; !stopping.aborted; failures++) {
        try {
          return await own.quarantine(reason);
        } catch (error) {
          complain('quarantine_failed', 'quarantine', error);
          const delayMs = deps.backoff.baseMs * 2 ** Math.min(failures, MOST_DOUBLINGS);
          await pause({ clock, delayMs, signal: stopping });
        }
      }
    },

    async storeTheRest(): Promise<void> {
      if (auth === null || fenced.aborted) return;
      try {
        await store(auth);
      } catch (error) {
        complain('auth_write_failed', 'writing credentials', error);
      }
    },

    /** Nothing is written after this. */
    retire: () => auth?.retire(),
  };
}
