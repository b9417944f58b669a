import { type AuthEntry, type AuthStore, type Clock, checkSessionId, systemClock } from '@wa-sync/core';
import { parseOptions } from '@wa-sync/core/adapter';
import * as z from 'zod/mini';
import type {
  AuthSource,
  BaileysAuthState,
  BaileysCreds,
  SessionAuth,
  SignalDataLike,
} from '../client/baileys-auth.js';
import type { BaileysOption } from '../client/baileys-module.js';
import { type BaileysLoader, createBaileysLoader } from '../client/load-baileys.js';
import { baileysOption, clockOption, durationMs, withMethods } from '../client/option-types.js';
import { awaitStore } from '../client/timers.js';
import { createAuthCodec } from './encode-auth.js';

/** Type and id of the one record that is no signal key. */
const CREDS = 'creds';

/** What `createBaileysAuthState` takes. */
export interface BaileysAuthStateOptions {
  /** `store.auth` of a wa-sync store, or anything else that implements the port. */
  store: AuthStore;
  sessionId: string;
  /** Token of the claim that writes carry; `null` or absent: writes are not guarded. */
  tenure?: string | null | undefined;
  /** How long one call to the store may take. @defaultValue 10,000 */
  timeoutMs?: number | undefined;
  /** Baileys as the host has it. @defaultValue `@whiskeysockets/baileys` or `baileys`, whichever is installed */
  baileys?: BaileysOption | undefined;
  /** @defaultValue the system's */
  clock?: Clock | undefined;
}

export const authStoreOption = withMethods<AuthStore>('an auth store, such as store.auth', [
  'read',
  'write',
  'quarantine',
  'purge',
]);

const schema = z.strictObject({
  store: authStoreOption,
  sessionId: z.string('takes a session id'),
  tenure: z._default(z.nullable(z.string('takes the token of a claim')), null),
  timeoutMs: z._default(durationMs(), 10_000),
  baileys: z.optional(baileysOption),
  clock: z._default(clockOption, systemClock),
});

/**
 * Opens the Baileys credentials of a session in a wa-sync store. Makes a new identity only where the store holds no
 * record at all: a store that cannot be read, or a record that makes no sense, is an error.
 *
 * @throws WaSyncError `auth_corrupt`, `baileys_unavailable`, `store_timeout`, `config_invalid`, and what the store
 * throws
 * @example
 * const { state, saveCreds } = await createBaileysAuthState({ store: store.auth, sessionId: 'shop' });
 * const socket = makeWASocket({ auth: state });
 * socket.ev.on('creds.update', saveCreds);
 */
export async function createBaileysAuthState(options: BaileysAuthStateOptions): Promise<SessionAuth<BaileysAuthState>> {
  const { baileys, ...rest } = parseOptions('createBaileysAuthState', schema, options);
  return openAuthState({ ...rest, loader: createBaileysLoader({ baileys, clock: rest.clock }) });
}

/** An auth store in the form that the provider opens sessions with. */
export function fromAuthStore(params: {
  store: AuthStore;
  timeoutMs: number;
  clock: Clock;
  loader: BaileysLoader;
}): AuthSource {
  return ({ sessionId, tenure }) => openAuthState({ ...params, sessionId, tenure });
}

async function openAuthState(params: {
  store: AuthStore;
  sessionId: string;
  tenure: string | null;
  timeoutMs: number;
  clock: Clock;
  loader: BaileysLoader;
}): Promise<SessionAuth<BaileysAuthState>> {
  const { store, tenure, timeoutMs, clock, loader } = params;
  const sessionId = checkSessionId(params.sessionId);
  const baileys = await loader.need(['initAuthCreds', 'BufferJSON', 'readAppStateKey']);
  const codec = createAuthCodec(baileys);
  const call = <T>(what: string, work: () => Promise<T>) => awaitStore({ clock, timeoutMs, what, work });
  const write = (entries: readonly AuthEntry[]) =>
    call('Writing credentials', () => store.write({ sessionId, tenure, entries }));

  async function loadCreds(): Promise<BaileysCreds> {
    const found = await call('Reading credentials', () => store.read({ sessionId, type: CREDS, ids: [CREDS] }));
    const bytes = found.get(CREDS);
    return bytes === undefined ? (baileys.initAuthCreds() as BaileysCreds) : codec.decodeCreds(sessionId, bytes);
  }

  const creds = await loadCreds();
  let lastSave: Promise<void> = Promise.resolve();

  return {
    state: {
      creds,
      keys: {
        async get<Value>(type: string, ids: string[]) {
          const found = await call('Reading keys', () => store.read({ sessionId, type, ids }));
          const values: { [id: string]: Value } = {};
          for (const [id, bytes] of found) {
            const value = codec.decodeKey(type, bytes);
            if (value !== undefined) values[id] = value as Value;
          }
          return values;
        },
        async set(data: SignalDataLike) {
          const entries = Object.entries(data).flatMap(([type, byId]) =>
            Object.entries(byId ?? {}).map(([id, value]) => ({
              type,
              id,
              value: value === null || value === undefined ? null : codec.encode(value),
            })),
          );
          // One call for all of them: Baileys repeats a failed set as a whole.
          if (entries.length > 0) await write(entries);
        },
      },
    },
    saveCreds() {
      // The bytes are taken now and written in the order of the calls, so that an older state never lands last.
      const value = codec.encode(creds);
      const save = lastSave.then(() => write([{ type: CREDS, id: CREDS, value }]));
      lastSave = save.catch(() => {});
      return save;
    },
    quarantine: (reason) => call('Putting credentials aside', () => store.quarantine({ sessionId, reason })),
  };
}
