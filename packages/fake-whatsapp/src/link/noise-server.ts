import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import type { Baileys } from '../baileys/load-baileys.js';
import { agreeOnSecret, generateX25519KeyPair, type X25519KeyPair } from '../devices/x25519.js';

const NOISE_MODE = Buffer.from('Noise_XX_25519_AESGCM_SHA256\0\0\0\0');
const IV_LENGTH = 12;
const TAG_LENGTH = 16;
const NO_DATA = Buffer.alloc(0);

/** What the server proves itself with: its static key and the encoded certificate chain over it. */
export type NoiseIdentity = { staticKey: X25519KeyPair; certificateChain: Uint8Array };

/** The server's half of one Noise XX handshake, then of the encrypted transport. */
export type NoiseServer = {
  /** Takes the client's first frame and returns the frame to answer with. */
  answerHello(clientHello: Uint8Array): Uint8Array;
  /** Takes the client's second frame; from here on `encrypt` and `decrypt` work. */
  readFinish(clientFinish: Uint8Array): { clientStaticKey: Buffer; payload: Buffer };
  encrypt(plaintext: Uint8Array): Buffer;
  decrypt(ciphertext: Uint8Array): Buffer;
};

export function createNoiseServer(
  identity: NoiseIdentity,
  waHeader: Uint8Array,
  { proto }: Pick<Baileys, 'proto'>,
): NoiseServer {
  const ephemeral = generateX25519KeyPair();
  let hash: Buffer = NOISE_MODE;
  let salt: Buffer = NOISE_MODE;
  let handshakeKey: Buffer = NOISE_MODE;
  let handshakeCounter = 0;
  let transport: { write: Buffer; read: Buffer; written: number; received: number } | undefined;

  function mixIntoHash(data: Uint8Array): void {
    hash = createHash('sha256').update(hash).update(data).digest();
  }

  function split(secret: Uint8Array): [Buffer, Buffer] {
    const keys = Buffer.from(hkdfSync('sha256', secret, salt, NO_DATA, 64));
    return [keys.subarray(0, 32), keys.subarray(32)];
  }

  function mixIntoKey(secret: Uint8Array): void {
    [salt, handshakeKey] = split(secret);
    handshakeCounter = 0;
  }

  function sealInHandshake(plaintext: Uint8Array): Buffer {
    const sealed = seal(handshakeKey, handshakeCounter++, plaintext, hash);
    mixIntoHash(sealed);
    return sealed;
  }

  function openInHandshake(ciphertext: Uint8Array): Buffer {
    const opened = open(handshakeKey, handshakeCounter++, ciphertext, hash);
    mixIntoHash(ciphertext);
    return opened;
  }

  mixIntoHash(waHeader);

  return {
    answerHello(clientHello) {
      const clientEphemeral = proto.HandshakeMessage.decode(clientHello).clientHello?.ephemeral;
      if (!clientEphemeral) throw new Error('The first frame of the client is no clientHello');
      mixIntoHash(clientEphemeral);
      mixIntoHash(ephemeral.publicKey);
      mixIntoKey(agreeOnSecret(ephemeral.privateKey, clientEphemeral));
      const encryptedStatic = sealInHandshake(identity.staticKey.publicKey);
      mixIntoKey(agreeOnSecret(identity.staticKey.privateKey, clientEphemeral));
      const payload = sealInHandshake(identity.certificateChain);
      return proto.HandshakeMessage.encode({
        serverHello: { ephemeral: ephemeral.publicKey, static: encryptedStatic, payload },
      }).finish();
    },

    readFinish(clientFinish) {
      const finish = proto.HandshakeMessage.decode(clientFinish).clientFinish;
      if (!finish?.static || !finish.payload) throw new Error('The second frame of the client is no clientFinish');
      const clientStaticKey = openInHandshake(finish.static);
      mixIntoKey(agreeOnSecret(ephemeral.privateKey, clientStaticKey));
      const payload = openInHandshake(finish.payload);
      const [read, write] = split(NO_DATA);
      transport = { read, write, written: 0, received: 0 };
      return { clientStaticKey, payload };
    },

    encrypt(plaintext) {
      if (!transport) throw new Error('The handshake is not finished');
      return seal(transport.write, transport.written++, plaintext, NO_DATA);
    },

    decrypt(ciphertext) {
      if (!transport) throw new Error('The handshake is not finished');
      return open(transport.read, transport.received++, ciphertext, NO_DATA);
    },
  };
}

function nonce(counter: number): Buffer {
  const iv = Buffer.alloc(IV_LENGTH);
  iv.writeUInt32BE(counter, 8);
  return iv;
}

function seal(key: Buffer, counter: number, plaintext: Uint8Array, authenticated: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce(counter)).setAAD(authenticated);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Buffer, counter: number, ciphertext: Uint8Array, authenticated: Uint8Array): Buffer {
  const body = ciphertext.subarray(0, ciphertext.length - TAG_LENGTH);
  const tag = ciphertext.subarray(ciphertext.length - TAG_LENGTH);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce(counter)).setAAD(authenticated).setAuthTag(tag);
  return Buffer.concat([decipher.update(body), decipher.final()]);
}
