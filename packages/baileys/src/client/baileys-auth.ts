/**
 * Credentials of Baileys in types of our own. The published types must compile beside any version of Baileys, under
 * any package name, and beside none.
 */

/** A key pair of the Signal protocol. */
export interface KeyPairLike {
  public: Uint8Array;
  private: Uint8Array;
}

/** What Baileys keeps about a device. It has further optional members, which are stored and returned as they are. */
export interface BaileysCreds {
  readonly noiseKey: KeyPairLike;
  readonly pairingEphemeralKeyPair: KeyPairLike;
  readonly signedIdentityKey: KeyPairLike;
  readonly signedPreKey: { keyPair: KeyPairLike; signature: Uint8Array; keyId: number };
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
  additionalData?: unknown;
}

/** Keys by type and id; `null` deletes one. */
export interface SignalDataLike {
  readonly [type: string]: { readonly [id: string]: unknown } | undefined;
}

/** A key store of Baileys, as far as it is used here. */
export interface KeyStoreLike {
  get(type: string, ids: string[]): unknown;
  set(data: SignalDataLike): unknown;
}

/** An `AuthenticationState` of any Baileys or fork. */
export interface AuthStateLike {
  readonly creds: object;
  readonly keys: KeyStoreLike;
}

/** An auth state that any `makeWASocket` takes as `auth`. */
export interface BaileysAuthState {
  creds: BaileysCreds;
  keys: {
    /** `Value` is what the type of the keys says, such as `KeyPair` for `pre-key`. */
    get<Value>(type: string, ids: string[]): Promise<{ [id: string]: Value }>;
    set(data: SignalDataLike): Promise<void>;
  };
}

/** The credentials of one session, opened for one tenure. */
export interface SessionAuth<State extends AuthStateLike = AuthStateLike> {
  /** What Baileys takes as `auth`. `creds` is the same object for as long as the session is open. */
  readonly state: State;
  /** Stores `state.creds` as they are when it is called. */
  saveCreds(): Promise<void>;
  /** Quarantines the credentials after a logout. Without it they stay where they are. */
  quarantine?(reason: string): Promise<void>;
}

/**
 * Opens the credentials of a session. `tenure` is the token that writes have to carry, `null` where nobody has
 * claimed.
 */
export type AuthSource<State extends AuthStateLike = AuthStateLike> = (params: {
  sessionId: string;
  tenure: string | null;
}) => Promise<SessionAuth<State>>;
