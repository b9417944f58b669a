import {
  addTransactionCapability,
  Curve,
  DEFAULT_CONNECTION_CONFIG,
  encodeWAMessage,
  generateRegistrationId,
  generateSignalPubKey,
  initAuthCreds,
  proto,
  signedKeyPair,
  unpadRandomMax16,
} from '@whiskeysockets/baileys';
import { createMemoryAuthState } from './create-credentials.js';
import type { Account } from './device-registry.js';
import type { KeyBundle } from './key-bundle.js';

/** The ciphertext of one message for one device. */
export type Encrypted = { type: 'pkmsg' | 'msg'; ciphertext: Uint8Array };

/** The encrypting half of a simulated phone: a Signal endpoint of its own, with the identity key of its account. */
export type Phone = {
  readonly registrationId: number;
  /** A bundle with a fresh one-time prekey, for whoever wants to write to this phone. */
  takeBundle(): KeyBundle;
  /** Encrypts for a device; `takeBundleOf` is asked where there is no session with it yet. */
  encrypt(deviceLid: string, message: proto.IMessage, takeBundleOf: () => KeyBundle | undefined): Promise<Encrypted>;
  decrypt(deviceLid: string, encrypted: Encrypted): Promise<proto.Message>;
  /** Drops the session with a device; the next message to it opens a new one. */
  forgetSession(deviceLid: string): Promise<void>;
  close(): void;
};

const SILENT_LOGGER = {
  level: 'silent',
  child: () => SILENT_LOGGER,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
};

export function createPhone(account: Account): Phone {
  const identity = account.identityKey;
  const signedPreKey = signedKeyPair(identity, 1);
  const registrationId = generateRegistrationId();
  const { creds, keys } = createMemoryAuthState({
    ...initAuthCreds(),
    signedIdentityKey: identity,
    signedPreKey,
    registrationId,
  });
  const transactional = addTransactionCapability(keys, SILENT_LOGGER, DEFAULT_CONNECTION_CONFIG.transactionOpts);
  const signal = DEFAULT_CONNECTION_CONFIG.makeSignalRepository({ creds, keys: transactional }, SILENT_LOGGER);
  let lastPreKeyId = 0;

  return {
    registrationId,
    takeBundle() {
      lastPreKeyId += 1;
      const preKey = Curve.generateKeyPair();
      void keys.set({ 'pre-key': { [lastPreKeyId]: preKey } });
      return {
        registrationId,
        identityKey: identity.public,
        signedPreKey: {
          keyId: signedPreKey.keyId,
          publicKey: Buffer.from(signedPreKey.keyPair.public),
          signature: Buffer.from(signedPreKey.signature),
        },
        preKey: { keyId: lastPreKeyId, publicKey: Buffer.from(preKey.public) },
      };
    },
    async encrypt(deviceLid, message, takeBundleOf) {
      if (!(await signal.validateSession(deviceLid)).exists) {
        const bundle = takeBundleOf();
        if (!bundle)
          throw new Error(`${deviceLid} has uploaded no keys: it has to log in once before it gets messages`);
        await signal.injectE2ESession({ jid: deviceLid, session: toSession(bundle) });
      }
      return signal.encryptMessage({ jid: deviceLid, data: encodeWAMessage(message) });
    },
    async decrypt(deviceLid, { type, ciphertext }) {
      const padded = await signal.decryptMessage({ jid: deviceLid, type, ciphertext });
      return proto.Message.decode(unpadRandomMax16(padded));
    },
    forgetSession: (deviceLid) => signal.deleteSession([deviceLid]),
    close: () => signal.close?.(),
  };
}

// libsignal takes public keys with the type byte in front, the wire carries them without.
function toSession({ registrationId, identityKey, signedPreKey, preKey }: KeyBundle) {
  return {
    registrationId,
    identityKey: generateSignalPubKey(identityKey),
    signedPreKey: { ...signedPreKey, publicKey: generateSignalPubKey(signedPreKey.publicKey) },
    preKey: preKey && { ...preKey, publicKey: generateSignalPubKey(preKey.publicKey) },
  };
}
