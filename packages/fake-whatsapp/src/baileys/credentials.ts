/**
 * Credentials of Baileys in types of our own, so that the published types compile beside any version of it.
 */

export type KeyPair = { public: Uint8Array; private: Uint8Array };

/** What Baileys keeps about a device. It may have further members. */
export type Credentials = {
  readonly noiseKey: KeyPair;
  readonly pairingEphemeralKeyPair: KeyPair;
  readonly signedIdentityKey: KeyPair;
  readonly signedPreKey: { keyPair: KeyPair; signature: Uint8Array; keyId: number };
  readonly registrationId: number;
  advSecretKey: string;
  me?: { id: string; name?: string; lid?: string };
  firstUnuploadedPreKeyId: number;
  nextPreKeyId: number;
  processedHistoryMessages: { key: { remoteJid?: string | null; fromMe?: boolean | null; id?: string | null } }[];
  accountSyncCounter: number;
  accountSettings: { unarchiveChats: boolean };
  registered: boolean;
  pairingCode: string | undefined;
  lastPropHash: string | undefined;
  routingInfo: Buffer | undefined;
  myAppStateKeyId?: string;
  additionalData?: unknown;
};

/** Keys by type and id; `null` deletes one. */
export type KeyRows = { readonly [type: string]: { readonly [id: string]: unknown } | undefined };

/** An auth state that any `makeWASocket` takes as `auth`, with the credentials as they were given. */
export type MemoryAuthState<Creds extends object> = {
  creds: Creds;
  keys: {
    /** `Value` is what the type of the keys says, such as a key pair for `pre-key`. */
    get<Value>(type: string, ids: string[]): Promise<{ [id: string]: Value }> | { [id: string]: Value };
    set(rows: KeyRows): Promise<void> | void;
  };
};

/** An auth state whose keys live in memory, for tests that need no store. Keys are kept by reference. */
export function createMemoryAuthState<Creds extends object>(creds: Creds): MemoryAuthState<Creds> {
  const kept = new Map<string, unknown>();
  return {
    creds,
    keys: {
      get<Value>(type: string, ids: string[]) {
        const found: { [id: string]: Value } = {};
        for (const id of ids) {
          const row = kept.get(`${type}/${id}`);
          if (row !== undefined) found[id] = row as Value;
        }
        return found;
      },
      set(rows) {
        for (const [type, entries] of Object.entries(rows)) {
          for (const [id, row] of Object.entries(entries ?? {})) {
            if (row === null || row === undefined) kept.delete(`${type}/${id}`);
            else kept.set(`${type}/${id}`, row);
          }
        }
      },
    },
  };
}
