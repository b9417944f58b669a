/**
 * The credentials of one open session, as its sockets may use them.
 *
 * Owns: which socket may write (only the newest, and only until its end), the order of creds writes and the key writes
 * under way. A socket that has ended still finishes work and writes late; its successor would find old keys over new
 * ones.
 */
import { type Clock, isWaSyncError, type Logger } from '@wa-sync/core';
import type { AuthStateLike, BaileysCreds, SessionAuth, SignalDataLike } from '../client/baileys-auth.js';
import { awaitStore } from '../client/timers.js';

const SAVE_AGAIN_MS = 5_000;
const ASK_AGAIN_MS = 5_000;

/** Whose credentials are guarded. */
export interface AuthOwner {
  readonly sessionId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long one call to their store may take. */
  readonly authTimeoutMs: number;
  /** Whether this replica may still write for the session. */
  mayWrite(): boolean;
  /** The store of the credentials began or ceased to fail. */
  onFailing(): void;
}

export class GuardedAuth {
  private writes: readonly Promise<unknown>[] = [];
  private retired = false;
  private epoch = 0;
  private dirty = false;
  private saving: Promise<void> | null = null;
  private cancelRetry: (() => void) | null = null;
  private cancelAsking: (() => void) | null = null;
  private fails = false;

  constructor(
    private readonly owner: AuthOwner,
    private readonly auth: SessionAuth,
  ) {}

  /** The auth state for the next socket; the one before loses its right to write. */
  forNextSocket(): AuthStateLike {
    this.epoch += 1;
    const own = this.epoch;
    const { creds, keys } = this.auth.state;
    forgetUnfinishedPairing(creds);
    return {
      creds,
      keys: {
        get: (type: string, ids: string[]) => this.call('Reading keys', () => keys.get(type, ids)),
        set: async (data: SignalDataLike) => {
          // Not an error: Baileys would repeat the write for half a minute, for a socket that is gone.
          if (own === this.epoch && this.writable()) await this.writeKeys(data);
        },
      },
    };
  }

  /** Whether the last call to the store failed or took too long. */
  failing(): boolean {
    return this.fails;
  }

  /**
   * The socket has ended: what it still begins to write is dropped. Nobody will hear of a message that it decrypts
   * now, and WhatsApp delivers it again; stored, that decryption would have used up the key that the second delivery
   * needs.
   */
  revoke(): void {
    this.epoch += 1;
  }

  saveSoon(): void {
    void this.saveOrRetry();
  }

  /** Stores what is not stored yet; calls share one run. */
  flush(): Promise<void> {
    this.saving ??= this.save().finally(() => {
      this.saving = null;
    });
    return this.saving;
  }

  /** Waits for key writes under way, at most `atMostMs`. */
  async awaitWrites(atMostMs: number): Promise<void> {
    if (this.writes.length === 0) return;
    try {
      await awaitStore({
        clock: this.owner.clock,
        timeoutMs: atMostMs,
        what: 'Writing keys',
        work: () => Promise.allSettled(this.writes),
      });
    } catch {
      // The store is slow; the next socket must not wait for it.
    }
  }

  async quarantine(reason: string): Promise<void> {
    await this.call('Putting credentials aside', async () => this.auth.quarantine?.(reason));
  }

  /** Nothing is written after this. */
  retire(): void {
    this.retired = true;
    this.dirty = false;
    this.cancelRetry?.();
    this.cancelAsking?.();
  }

  private writable(): boolean {
    return !this.retired && this.owner.mayWrite();
  }

  private async writeKeys(data: SignalDataLike): Promise<void> {
    const write = this.call('Writing keys', () => this.auth.state.keys.set(data));
    this.writes = [...this.writes, write];
    try {
      await write;
    } finally {
      this.writes = this.writes.filter((other) => other !== write);
    }
  }

  private async save(): Promise<void> {
    this.cancelRetry?.();
    while (this.dirty && this.writable()) {
      this.dirty = false;
      try {
        await this.call('Writing credentials', () => this.auth.saveCreds());
      } catch (error) {
        this.dirty = true;
        throw error;
      }
    }
  }

  private async saveOrRetry(): Promise<void> {
    const { sessionId, clock, logger } = this.owner;
    this.dirty = true;
    try {
      await this.flush();
    } catch (error) {
      if (isWaSyncError(error) && error.code === 'tenure_lost') return;
      logger.warn({ code: 'auth_write_failed', sessionId, err: error }, 'Writing credentials failed');
      this.cancelRetry?.();
      if (this.writable()) this.cancelRetry = clock.schedule(() => this.saveSoon(), SAVE_AGAIN_MS);
    }
  }

  private async call<T>(what: string, work: () => Promise<T> | T): Promise<T> {
    const { clock, authTimeoutMs: timeoutMs } = this.owner;
    try {
      const answer = await awaitStore({ clock, timeoutMs, what, work });
      this.note(false);
      return answer;
    } catch (error) {
      // A lost claim is no fault of the store.
      if (!isWaSyncError(error) || error.code !== 'tenure_lost') this.note(true);
      throw error;
    }
  }

  private note(fails: boolean): void {
    this.cancelAsking?.();
    // An account without traffic asks the store for nothing, so one slow answer would leave it marked for ever.
    if (fails && !this.retired) {
      this.cancelAsking = this.owner.clock.schedule(() => void this.askAgain(), ASK_AGAIN_MS);
    }
    if (this.fails === fails) return;
    this.fails = fails;
    this.owner.onFailing();
  }

  private async askAgain(): Promise<void> {
    await this.call('Reading keys', () => this.auth.state.keys.get('session', ['0.0'])).catch(() => {});
  }
}

/**
 * Takes back what asking for a pairing code leaves in credentials that nobody linked: with a `me` in them, Baileys
 * would log in as a device that does not exist, and WhatsApp would call it logged out. Credentials of a linked device
 * name a device, or have an account, and are never touched.
 */
function forgetUnfinishedPairing(creds: Partial<BaileysCreds> & { account?: unknown }): void {
  const { me, account, pairingCode } = creds;
  if (!me || account || pairingCode === undefined || me.id.includes(':')) return;
  delete creds.me;
  creds.pairingCode = undefined;
  creds.registered = false;
}
