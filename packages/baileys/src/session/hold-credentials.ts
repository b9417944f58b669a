/**
 * Holds the credentials of one session over all its sockets: opened with the first login, written out before each
 * further one and at the stop.
 *
 * Owns: the guarded credentials. States: not opened, in use, closed (the next login opens them anew), retired. What
 * one socket may do with them is the business of `GuardedAuth`.
 */
import { type Clock, type Logger, maskNumbers, WaSyncError } from '@wa-sync/core';
import { type AuthOwner, GuardedAuth } from '../auth/guard-auth.js';
import type { BaileysCreds } from '../client/baileys-auth.js';
import { isPaired, phoneIn } from '../client/baileys-like.js';
import { awaitStore, pause } from '../client/timers.js';
import type { SessionDeps } from './session-context.js';

const KEY_WRITES_MS = 1_000;
/** How often the pause between two tries to quarantine them is doubled at most. */
const MOST_DOUBLINGS = 6;

/** Whose credentials they are. */
export interface CredentialsOwner {
  readonly sessionId: string;
  readonly tenure: string;
  /** The number that the session's row has. */
  readonly phone: string | null;
  readonly fenced: AbortSignal;
  readonly stopping: AbortSignal;
  /** Their store began or ceased to fail. */
  onFailing(): void;
}

export class HeldCredentials implements AuthOwner {
  readonly sessionId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly authTimeoutMs: number;
  private auth: GuardedAuth | null = null;

  constructor(
    private readonly owner: CredentialsOwner,
    private readonly deps: Pick<SessionDeps, 'auth' | 'authTimeoutMs' | 'backoff' | 'clock' | 'logger'>,
  ) {
    this.sessionId = owner.sessionId;
    this.clock = deps.clock;
    this.logger = deps.logger;
    this.authTimeoutMs = deps.authTimeoutMs;
  }

  /** Whether the last call to their store failed or took too long. */
  failing(): boolean {
    return this.auth?.failing() === true;
  }

  mayWrite(): boolean {
    return !this.owner.fenced.aborted;
  }

  onFailing(): void {
    this.owner.onFailing();
  }

  /** @throws what opening or writing them did */
  async readyForLogin(): Promise<GuardedAuth> {
    this.auth ??= await this.open();
    await store(this.auth);
    return this.auth;
  }

  /** Quarantines them, however long the store takes to let us: with them the next start would log in again. */
  async quarantine(reason: string): Promise<void> {
    const { owner, clock } = this;
    const own = this.auth;
    this.auth = null;
    if (own === null) return;
    await own.awaitWrites(KEY_WRITES_MS);
    own.retire();
    for (let failures = 0; !owner.stopping.aborted; failures++) {
      try {
        return await own.quarantine(reason);
      } catch (error) {
        this.complain('quarantine_failed', 'quarantine', error);
        const delayMs = this.deps.backoff.baseMs * 2 ** Math.min(failures, MOST_DOUBLINGS);
        await pause({ clock, delayMs, signal: owner.stopping });
      }
    }
  }

  async storeTheRest(): Promise<void> {
    if (this.auth === null || this.owner.fenced.aborted) return;
    try {
      await store(this.auth);
    } catch (error) {
      this.complain('auth_write_failed', 'writing credentials', error);
    }
  }

  /** Nothing is written after this. */
  retire(): void {
    this.auth?.retire();
  }

  private async open(): Promise<GuardedAuth> {
    const { sessionId, tenure, phone } = this.owner;
    // A source of the host that never returns would keep a place among the logins, and with as many as there are
    // places nobody would log in any more.
    const opened = await awaitStore({
      clock: this.clock,
      timeoutMs: this.authTimeoutMs,
      what: 'Opening credentials',
      work: () => this.deps.auth({ sessionId, tenure }),
    });
    refuseOtherNumber({ sessionId, creds: opened.state.creds, phone });
    return new GuardedAuth(this, opened);
  }

  private complain(code: string, what: string, error: unknown): void {
    const { sessionId } = this;
    this.logger.error({ code, sessionId, err: error }, `Session ${maskNumbers(sessionId)}: ${what} failed`);
  }
}

/** What a socket learned has to be stored before the next one logs in with it. */
async function store(auth: GuardedAuth): Promise<void> {
  await auth.awaitWrites(KEY_WRITES_MS);
  await auth.flush();
}

/**
 * So many digits at the end are the same however a number is written: WhatsApp leaves the ninth digit of many
 * Brazilian ones out.
 */
const TAIL = 8;

/**
 * Refuses credentials of another number than the session's, as a backup that was restored in the wrong place leaves
 * behind: opened, they would send the messages of one customer from the number of another, and throw out whoever uses
 * them rightly.
 *
 * @throws WaSyncError `auth_wrong_number`
 */
function refuseOtherNumber(params: { sessionId: string; creds: object; phone: string | null }): void {
  const { sessionId, creds } = params;
  const wanted = params.phone?.replace(/\D/g, '') ?? '';
  const found = isPaired(creds) ? phoneIn((creds as Partial<BaileysCreds>).me?.id) : null;
  if (wanted.length < TAIL || found === null || found.slice(-TAIL) === wanted.slice(-TAIL)) return;
  throw new WaSyncError(
    'auth_wrong_number',
    `The stored credentials of session ${maskNumbers(sessionId)} are those of ${maskNumbers(found)}, and the session is ${maskNumbers(wanted)}. Restore the right ones, or put them aside and pair again`,
  );
}
