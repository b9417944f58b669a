import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';

// node:crypto takes X25519 keys in DER only; these are the fixed bytes in front of the 32 raw ones.
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const KEY_LENGTH = 32;

/** An X25519 key pair whose public half is also at hand as the 32 raw bytes that travel on the wire. */
export type X25519KeyPair = { publicKey: Buffer; privateKey: KeyObject };

export function generateX25519KeyPair(): X25519KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return { publicKey: publicKey.export({ type: 'spki', format: 'der' }).subarray(-KEY_LENGTH), privateKey };
}

/** The 32 byte Diffie-Hellman secret of our private key and a peer's raw public key. */
export function agreeOnSecret(privateKey: KeyObject | Uint8Array, peerPublicKey: Uint8Array): Buffer {
  if (peerPublicKey.length !== KEY_LENGTH) {
    throw new Error(`An X25519 public key has ${KEY_LENGTH} bytes, this one has ${peerPublicKey.length}`);
  }
  return diffieHellman({
    privateKey: privateKey instanceof Uint8Array ? importPrivateKey(privateKey) : privateKey,
    publicKey: createPublicKey({
      key: Buffer.concat([SPKI_PREFIX, peerPublicKey]),
      format: 'der',
      type: 'spki',
    }),
  });
}

/** A key pair as raw bytes, the form in which Baileys and the registry keep keys. */
export function generateRawKeyPair(): { public: Buffer; private: Buffer } {
  const { publicKey, privateKey } = generateX25519KeyPair();
  return {
    public: Buffer.from(publicKey),
    private: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-KEY_LENGTH)),
  };
}

function importPrivateKey(raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, raw]), format: 'der', type: 'pkcs8' });
}
