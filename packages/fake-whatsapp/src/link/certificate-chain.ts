import type { Baileys } from '../baileys/load-baileys.js';
import { generateRawKeyPair } from '../devices/x25519.js';

/** The key that signs every server certificate, in base64. Whoever holds it can pose as the server: tests only. */
export type RootKey = { publicKey: string; privateKey: string };

/** What a client must believe in, instead of WhatsApp's own root, to accept the fake server. */
export type Trust = {
  /** 32 bytes, base64. */
  publicKey: string;
  /** Serial of the root certificate that the intermediate one has to name as its issuer. */
  serial: number;
};

export const ROOT_SERIAL = 0;
const INTERMEDIATE_SERIAL = 1;
const LEAF_SERIAL = 2;
const VALID_FOR_S = 10 * 365 * 24 * 60 * 60;

// Symbol.for: the ESM and the CJS build of this package, or two copies of it, share one process and so one root.
const PROCESS_ROOT = Symbol.for('@wa-sync/fake-whatsapp/root-key');
type RootHolder = { [PROCESS_ROOT]?: RootKey };

/** The root key of this process, made when it is first asked for. */
export function processRootKey(): RootKey {
  const holder = globalThis as RootHolder;
  holder[PROCESS_ROOT] ??= generateRootKey();
  return holder[PROCESS_ROOT];
}

export function generateRootKey(): RootKey {
  const pair = generateRawKeyPair();
  return {
    publicKey: pair.public.toString('base64'),
    privateKey: pair.private.toString('base64'),
  };
}

/** Encodes the chain root -> intermediate -> leaf whose leaf certifies the server's static Noise key. */
export function issueCertificateChain(root: RootKey, staticPublicKey: Uint8Array, baileys: Baileys): Uint8Array {
  const { proto, Curve } = baileys;
  const intermediateKey = generateRawKeyPair();
  const rootPrivateKey = Buffer.from(root.privateKey, 'base64');

  function sign(issuerPrivateKey: Uint8Array, serial: number, issuerSerial: number, key: Uint8Array) {
    const now = Math.floor(Date.now() / 1000);
    const notAfter = now + VALID_FOR_S;
    const fields = { serial, issuerSerial, key, notBefore: now - 60, notAfter };
    const details = proto.CertChain.NoiseCertificate.Details.encode(fields).finish();
    return { details, signature: Curve.sign(issuerPrivateKey, details) };
  }

  return proto.CertChain.encode({
    intermediate: sign(rootPrivateKey, INTERMEDIATE_SERIAL, ROOT_SERIAL, intermediateKey.public),
    leaf: sign(intermediateKey.private, LEAF_SERIAL, INTERMEDIATE_SERIAL, staticPublicKey),
  }).finish();
}
