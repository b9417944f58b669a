/**
 * The credentials of one open session, as its sockets may use them.
 *
 * Owns: which socket may write (only the newest, and only until its end), the order of creds writes and the key writes under way. A
 * socket that has ended still finishes work and writes late; its successor would find old keys over new ones.
 */
import { type Clock, isWaSyncError, type Logger } from '@wa-sync/core';
import type { AuthenticationState, SignalDataSet, SignalDataTypeMap } from '@whiskeysockets/baileys';
import type { SessionAuth } from './auth-source.js';
import { awaitAtMost } from './await-at-most.js';
import { forgetUnfinishedPairing } from './unfinished-pairing.js';

const SAVE_AGAIN_MS = 5_000;
const ASK_AGAIN_MS = 5_000;

export function guardAuth(params: {
  sessionId: string;
  auth: SessionAuth;
  clock: Clock;
  logger: Logger;
  timeoutMs: number;
  /** Whether the session is still ours to write. */
  mayWrite(): boolean;
  /** The store of the credentials began or ceased to fail. */
  onFailing?(): void;
}) {
  const { sessionId, auth, clock, logger, timeoutMs, mayWrite } = params;
  const { keys, creds } = auth.state;
  const writes = new Set<Promise<unknown>>();
  let retired = false;
  let epoch = 0;
  let dirty = false;
  let saving: Promise<void> | null = null;
  let cancelRetry = () => {};
  let cancelAsking = () => {};
  let failing = false;

  function note(fails: boolean): void {
    cancelAsking();
    // A quiet account asks the store for nothing: what one slow answer said of it would stand for ever.
    if (fails && !retired) cancelAsking = clock.schedule(() => void askAgain(), ASK_AGAIN_MS);
    if (failing === fails) return;
    failing = fails;
    params.onFailing?.();
  }

  async function askAgain(): Promise<void> {
    await call('Reading keys', () => keys.get('session', ['0.0'])).catch(() => {});
  }

  async function call<T>(what: string, work: () => Promise<T> | T): Promise<T> {
    try {
      const answer = await awaitAtMost({ clock, timeoutMs, what, work });
      note(false);
      return answer;
    } catch (error) {
      // A claim that was lost is no fault of the store.
      if (!isWaSyncError(error) || error.code !== 'tenure_lost') note(true);
      throw error;
    }
  }

  const writable = () => !retired && mayWrite();

  async function save(): Promise<void> {
    cancelRetry();
    while (dirty && writable()) {
      dirty = false;
      try {
        await call('Writing credentials', () => auth.saveCreds());
      } catch (error) {
        dirty = true;
        throw error;
      }
    }
  }

  /** Stores what is not stored yet; calls share one run. */
  function flush(): Promise<void> {
    saving ??= save().finally(() => {
      saving = null;
    });
    return saving;
  }

  async function saveSoon(): Promise<void> {
    dirty = true;
    try {
      await flush();
    } catch (error) {
      if (isWaSyncError(error) && error.code === 'tenure_lost') return;
      logger.warn({ code: 'auth_write_failed', sessionId, error }, 'Writing credentials failed');
      cancelRetry();
      if (writable()) cancelRetry = clock.schedule(() => void saveSoon(), SAVE_AGAIN_MS);
    }
  }

  /** The auth state for the next socket; the one before loses its right to write. */
  function forNextSocket(): AuthenticationState {
    epoch += 1;
    const own = epoch;
    forgetUnfinishedPairing(creds);
    return {
      creds,
      keys: {
        get: <T extends keyof SignalDataTypeMap>(type: T, ids: string[]) =>
          call('Reading keys', () => keys.get(type, ids)),
        async set(data: SignalDataSet) {
          // Not an error: Baileys would repeat the write for half a minute, for a socket that is gone.
          if (own !== epoch || !writable()) return;
          const write = call('Writing keys', () => keys.set(data));
          writes.add(write);
          try {
            await write;
          } finally {
            writes.delete(write);
          }
        },
      },
    };
  }

  return {
    forNextSocket,
    /** Whether the last call to the store failed or took too long. */
    failing: () => failing,
    /**
     * The socket has ended: what it still begins to write is dropped. Nobody will hear of a message that it decrypts now, and WhatsApp
     * delivers it again; stored, that decryption would have used up the key that the second delivery needs.
     */
    revoke(): void {
      epoch += 1;
    },
    saveSoon: () => void saveSoon(),
    flush,
    /** Waits for key writes under way, at most `atMostMs`. */
    async settle(atMostMs: number): Promise<void> {
      if (writes.size === 0) return;
      try {
        await awaitAtMost({
          clock,
          timeoutMs: atMostMs,
          what: 'Writing keys',
          work: () => Promise.allSettled([...writes]),
        });
      } catch {
        // The store is slow; the next socket must not wait for it.
      }
    },
    quarantine: async (reason: string): Promise<void> => {
      await call('Putting credentials aside', async () => auth.quarantine?.(reason));
    },
    /** Nothing is written after this. */
    retire(): void {
      retired = true;
      dirty = false;
      cancelRetry();
      cancelAsking();
    },
  };
}

export type GuardedAuth = ReturnType<typeof guardAuth>;
