import { randomInt } from 'node:crypto';
import type { MessageContent } from '../baileys/baileys-members.js';
import { createMemoryAuthState } from '../baileys/credentials.js';
import type { Baileys } from '../baileys/load-baileys.js';
import type { Account } from './device-registry.js';
import type { KeyBundle } from './key-bundle.js';
import { generateRawKeyPair } from './x25519.js';

/** The ciphertext of one message for one device. */
export type Encrypted = { type: 'pkmsg' | 'msg'; ciphertext: Uint8Array };

/** The encrypting half of a simulated phone: a Signal endpoint of its own, with the identity key of its account. */
export type Phone = {
  readonly registrationId: number;
  /** A bundle with a fresh one-time prekey, for whoever wants to write to this phone. */
  takeBundle(): KeyBundle;
  /** Encrypts for a device; `takeBundleOf` is asked where there is no session with it yet. */
  encrypt(deviceLid: string, message: object, takeBundleOf: () => KeyBundle | undefined): Promise<Encrypted>;
  decrypt(deviceLid: string, encrypted: Encrypted): Promise<MessageContent>;
  /** Drops the session with a device; the next message to it opens a new one. */
  forgetSession(deviceLid: string): void;
  close(): void;
};

const MAX_REGISTRATION_ID = 16_383;
const SILENT_LOGGER = {
  level: 'silent',
  child: () => SILENT_LOGGER,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
};

export function createPhone(account: Account, baileys: Baileys): Phone {
  const { transactionOpts, makeSignalRepository } = baileys.DEFAULT_CONNECTION_CONFIG;
  const identity = account.identityKey;
  const signedPreKey = baileys.signedKeyPair(identity, 1);
  const registrationId = randomInt(1, MAX_REGISTRATION_ID);
  const { creds, keys } = createMemoryAuthState({
    ...baileys.initAuthCreds(),
    signedIdentityKey: identity,
    signedPreKey,
    registrationId,
  });
  const transactional = baileys.addTransactionCapability(keys, SILENT_LOGGER, transactionOpts);
  const signal = makeSignalRepository({ creds, keys: transactional }, SILENT_LOGGER);
  // Kept here because Baileys 6 cannot say whether there is a session, and cannot delete one.
  const openSessions = new Set<string>();
  let lastPreKeyId = 0;

  // libsignal takes public keys with the type byte in front, the wire carries them without.
  function toSession({ registrationId, identityKey, signedPreKey, preKey }: KeyBundle) {
    return {
      registrationId,
      identityKey: baileys.generateSignalPubKey(identityKey),
      signedPreKey: { ...signedPreKey, publicKey: baileys.generateSignalPubKey(signedPreKey.publicKey) },
      preKey: preKey && { ...preKey, publicKey: baileys.generateSignalPubKey(preKey.publicKey) },
    };
  }

  return {
    registrationId,
    takeBundle() {
      lastPreKeyId += 1;
      const preKey = generateRawKeyPair();
      void keys.set({ 'pre-key': { [lastPreKeyId]: preKey } });
      return {
        registrationId,
        identityKey: identity.public,
        signedPreKey: {
          keyId: signedPreKey.keyId,
          publicKey: Buffer.from(signedPreKey.keyPair.public),
          signature: Buffer.from(signedPreKey.signature),
        },
        preKey: { keyId: lastPreKeyId, publicKey: preKey.public },
      };
    },
    async encrypt(deviceLid, message, takeBundleOf) {
      if (!openSessions.has(deviceLid)) {
        const bundle = takeBundleOf();
        if (!bundle)
          throw new Error(`${deviceLid} has uploaded no keys: it has to log in once before it gets messages`);
        await signal.injectE2ESession({ jid: deviceLid, session: toSession(bundle) });
        openSessions.add(deviceLid);
      }
      return signal.encryptMessage({ jid: deviceLid, data: baileys.encodeWAMessage(message) });
    },
    async decrypt(deviceLid, { type, ciphertext }) {
      const padded = await signal.decryptMessage({ jid: deviceLid, type, ciphertext });
      openSessions.add(deviceLid);
      return baileys.proto.Message.decode(baileys.unpadRandomMax16(padded));
    },
    forgetSession: (deviceLid) => void openSessions.delete(deviceLid),
    close: () => signal.close?.(),
  };
}
