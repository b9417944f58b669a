import { createHmac, createPublicKey, verify } from 'node:crypto';
import { Curve, getBinaryNodeChild, getBinaryNodeChildBuffer, proto } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { loadBaileys } from '../src/baileys/load-baileys.js';
import { createDeviceRegistry } from '../src/devices/device-registry.js';
import { generateX25519KeyPair } from '../src/devices/x25519.js';
import { generateRootKey, issueCertificateChain, ROOT_SERIAL } from '../src/link/certificate-chain.js';
import { pairSuccessNode } from '../src/pairing/device-identity.js';

// Baileys 7.0.0-rc14 ignores what libsignal's verify returns, so that it accepts any signature. The signatures are
// checked here by node:crypto instead, so that the server also holds for a Baileys that checks.
type Bytes = Uint8Array | null | undefined;

function bytes(value: Bytes): Buffer {
  if (!value) throw new Error('Bytes are missing');
  return Buffer.from(value);
}

const P = 2n ** 255n - 19n;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = base % P, rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % P) {
    if (rest & 1n) result = (result * square) % P;
  }
  return result;
}

/** Verifies a Signal (XEdDSA) signature: the Montgomery key is mapped to the Edwards curve. */
function isSignedBy(publicKey: Bytes, message: Bytes, signature: Bytes): boolean {
  const u = BigInt(`0x${bytes(publicKey).reverse().toString('hex')}`);
  const y = ((u - 1n + P) * power(u + 1n, P - 2n)) % P;
  const edwards = Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse();
  const plain = bytes(signature);
  edwards[31]! |= plain[63]! & 0x80;
  plain[63]! &= 0x7f;
  const key = createPublicKey({
    key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), edwards]),
    format: 'der',
    type: 'spki',
  });
  return verify(null, bytes(message), key, plain);
}

describe('signatures', () => {
  it('chains the static key of the server to the root', async () => {
    const root = generateRootKey();
    const { publicKey } = generateX25519KeyPair();
    const { intermediate, leaf } = proto.CertChain.decode(issueCertificateChain(root, publicKey, await loadBaileys()));
    const rootPublicKey = Buffer.from(root.publicKey, 'base64');
    expect(isSignedBy(rootPublicKey, intermediate?.details, intermediate?.signature)).toBe(true);
    const { key, issuerSerial } = proto.CertChain.NoiseCertificate.Details.decode(bytes(intermediate?.details));
    expect(issuerSerial).toBe(ROOT_SERIAL);
    expect(isSignedBy(key, leaf?.details, leaf?.signature)).toBe(true);
    const certified = proto.CertChain.NoiseCertificate.Details.decode(bytes(leaf?.details));
    expect(bytes(certified.key)).toEqual(publicKey);
    expect(isSignedBy(publicKey, leaf?.details, leaf?.signature)).toBe(false);
  });

  it('signs the identity of a linked device with the key of the phone', async () => {
    const account = createDeviceRegistry().account('491');
    const device = Curve.generateKeyPair();
    const advSecretKey = Buffer.alloc(32, 7).toString('base64');
    const node = pairSuccessNode(
      {
        account,
        device: 3,
        deviceIdentityKey: device.public,
        advSecretKey,
        stanzaId: 'x',
        platform: 'android',
      },
      await loadBaileys(),
    );
    const content = getBinaryNodeChildBuffer(getBinaryNodeChild(node, 'pair-success'), 'device-identity')!;
    const { details, hmac } = proto.ADVSignedDeviceIdentityHMAC.decode(content);
    expect(bytes(hmac)).toEqual(
      createHmac('sha256', Buffer.from(advSecretKey, 'base64')).update(bytes(details)).digest(),
    );
    const signed = proto.ADVSignedDeviceIdentity.decode(bytes(details));
    const message = Buffer.concat([Buffer.from([6, 0]), bytes(signed.details), device.public]);
    expect(isSignedBy(account.identityKey.public, message, signed.accountSignature)).toBe(true);
    expect(proto.ADVDeviceIdentity.decode(bytes(signed.details))).toMatchObject({ keyIndex: 3 });
  });
});
