import { randomBytes } from 'node:crypto';
import type { BinaryNode } from '../wire/binary-node.js';
import type { Account, AppStateKey, PublicPreKey, PublicSignedPreKey } from './device-registry.js';

export const KEY_TYPE_CURVE25519 = Buffer.from([5]);

/** What a sender needs to open an encrypted session with a device. */
export type KeyBundle = {
  registrationId: number;
  identityKey: Buffer;
  signedPreKey: PublicSignedPreKey;
  /** Used up by the one who takes it; missing once the stock is empty. */
  preKey?: PublicPreKey;
};

export function bigEndian(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

export function signedPreKeyNode(key: PublicSignedPreKey): BinaryNode {
  return {
    tag: 'skey',
    attrs: {},
    content: [
      { tag: 'id', attrs: {}, content: bigEndian(key.keyId, 3) },
      { tag: 'value', attrs: {}, content: key.publicKey },
      { tag: 'signature', attrs: {}, content: key.signature },
    ],
  };
}

/** The `<user>` of an `encrypt/get key` result. */
export function bundleNode(jid: string, bundle: KeyBundle): BinaryNode {
  const content: BinaryNode[] = [
    { tag: 'registration', attrs: {}, content: bigEndian(bundle.registrationId, 4) },
    { tag: 'type', attrs: {}, content: KEY_TYPE_CURVE25519 },
    { tag: 'identity', attrs: {}, content: bundle.identityKey },
    signedPreKeyNode(bundle.signedPreKey),
  ];
  if (bundle.preKey) {
    content.push({
      tag: 'key',
      attrs: {},
      content: [
        { tag: 'id', attrs: {}, content: bigEndian(bundle.preKey.keyId, 3) },
        { tag: 'value', attrs: {}, content: bundle.preKey.publicKey },
      ],
    });
  }
  return { tag: 'user', attrs: { jid, t: String(Math.floor(Date.now() / 1000)) }, content };
}

const APP_STATE_SYNC_KEY_SHARE = 6;

/** The account's key, made when it is first asked for. */
export function appStateKeyOf(account: Account): AppStateKey {
  account.appStateKey ??= { id: Buffer.concat([Buffer.alloc(2), randomBytes(4)]), data: randomBytes(32) };
  return account.appStateKey;
}

/**
 * The message by which a phone hands its key to a device that it has just linked. Without it Baileys 6.17 and several
 * forks hold all events back.
 */
export function appStateKeyMessage(account: Account): object {
  const { id, data } = appStateKeyOf(account);
  return {
    protocolMessage: {
      type: APP_STATE_SYNC_KEY_SHARE,
      appStateSyncKeyShare: {
        keys: [
          {
            keyId: { keyId: id },
            keyData: {
              keyData: data,
              fingerprint: { rawId: 1, currentIndex: 0, deviceIndexes: [0] },
              timestamp: Date.now(),
            },
          },
        ],
      },
    },
  };
}
