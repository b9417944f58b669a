import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import { type AuthenticationCreds, type BinaryNode, proto } from '@whiskeysockets/baileys';
import { WebSocket } from 'ws';
import { agreeOnSecret, generateX25519KeyPair } from '../src/devices/x25519.js';
import type { FakeWhatsApp } from '../src/index.js';
import { decodeNode } from '../src/wire/decode-node.js';
import { encodeNode } from '../src/wire/encode-node.js';
import { tokenDictionary } from '../src/wire/token-dictionary.js';

const MODE = Buffer.from('Noise_XX_25519_AESGCM_SHA256\0\0\0\0');
const NONE = Buffer.alloc(0);

export type RawClientOptions = {
  creds: AuthenticationCreds;
  /** Third version byte of the header. */
  dictionary: number;
  /** Words that the client really uses. Default: those of the header. */
  speaks?: number;
  /** Sent in front of the header, as a client does that was given an address. */
  routingInfo?: Buffer;
};

export type RawClient = {
  send(node: BinaryNode): void;
  /** The next stanza of the server. */
  next(): Promise<BinaryNode>;
  /** How the server closed. */
  closed: Promise<{ code: number; reason: string }>;
  /** When the handshake was finished on this side. */
  readonly finishedAt: number;
  close(): void;
};

/** A client that is no Baileys: the handshake and the frames by hand, so that each byte of them can be chosen. */
export function connectRaw(wa: FakeWhatsApp, options: RawClientOptions): RawClient {
  const { creds, dictionary, speaks = dictionary, routingInfo } = options;
  const header = Buffer.from([0x57, 0x41, 6, dictionary]);
  const words = () => tokenDictionary(speaks);
  const ephemeral = generateX25519KeyPair();
  const ws = new WebSocket(wa.url);
  const stanzas: BinaryNode[] = [];
  const waiting: ((node: BinaryNode) => void)[] = [];
  let input: Buffer = NONE;
  let hash = createHash('sha256').update(MODE).update(header).digest();
  let salt: Buffer = MODE;
  let key: Buffer = MODE;
  let transport: { write: Buffer; read: Buffer; written: number; received: number } | undefined;
  let finishedAt = 0;

  const mix = (data: Uint8Array) => {
    hash = createHash('sha256').update(hash).update(data).digest();
  };
  const derive = (secret: Uint8Array) => {
    const keys = Buffer.from(hkdfSync('sha256', secret, salt, NONE, 64));
    return [keys.subarray(0, 32), keys.subarray(32)] as const;
  };
  const mixKey = (secret: Uint8Array) => {
    [salt, key] = derive(secret);
  };

  function frame(payload: Uint8Array): Buffer {
    const length = Buffer.alloc(3);
    length.writeUIntBE(payload.length, 0, 3);
    return Buffer.concat([length, payload]);
  }

  function finishHandshake(serverHello: proto.HandshakeMessage.IServerHello): void {
    mix(serverHello.ephemeral!);
    mixKey(agreeOnSecret(ephemeral.privateKey, serverHello.ephemeral!));
    const serverKey = open(key, 0, serverHello.static!, hash);
    mix(serverHello.static!);
    mixKey(agreeOnSecret(ephemeral.privateKey, serverKey));
    open(key, 0, serverHello.payload!, hash);
    mix(serverHello.payload!);
    // The second message under one key has number 1: its first was the certificate.
    const sealedKey = seal(key, 1, creds.noiseKey.public, hash);
    mix(sealedKey);
    mixKey(agreeOnSecret(creds.noiseKey.private, serverHello.ephemeral!));
    const [username = '', device = ''] = creds.me!.id.split('@')[0]!.split(':');
    const login = proto.ClientPayload.encode({ username: Number(username), device: Number(device) }).finish();
    const payload = seal(key, 0, login, hash);
    mix(payload);
    ws.send(frame(proto.HandshakeMessage.encode({ clientFinish: { static: sealedKey, payload } }).finish()));
    const [write, read] = derive(NONE);
    transport = { write, read, written: 0, received: 0 };
    finishedAt = Date.now();
  }

  ws.on('open', () => {
    const hello = proto.HandshakeMessage.encode({ clientHello: { ephemeral: ephemeral.publicKey } }).finish();
    mix(ephemeral.publicKey);
    const routing = routingInfo ? [Buffer.from([0x45, 0x44, 0, 1]), frame(routingInfo)] : [];
    ws.send(Buffer.concat([...routing, header, frame(hello)]));
  });
  ws.on('message', (chunk: Buffer) => {
    input = Buffer.concat([input, chunk]);
    while (input.length >= 3 && input.length >= 3 + input.readUIntBE(0, 3)) {
      const end = 3 + input.readUIntBE(0, 3);
      const received = input.subarray(3, end);
      input = input.subarray(end);
      if (!transport) finishHandshake(proto.HandshakeMessage.decode(received).serverHello!);
      else {
        const node = decodeNode(open(transport.read, transport.received++, received, NONE), words());
        const wanted = waiting.shift();
        if (wanted) wanted(node);
        else stanzas.push(node);
      }
    }
  });
  ws.on('error', () => {});

  return {
    send(node) {
      ws.send(frame(seal(transport!.write, transport!.written++, encodeNode(node, words()), NONE)));
    },
    next() {
      const node = stanzas.shift();
      return node ? Promise.resolve(node) : new Promise((resolve) => waiting.push(resolve));
    },
    closed: new Promise((resolve) => {
      ws.once('close', (code, reason) => resolve({ code, reason: String(reason) }));
    }),
    get finishedAt() {
      return finishedAt;
    },
    close: () => ws.terminate(),
  };
}

function nonce(counter: number): Buffer {
  const iv = Buffer.alloc(12);
  iv.writeUInt32BE(counter, 8);
  return iv;
}

function seal(key: Buffer, counter: number, plaintext: Uint8Array, authenticated: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce(counter)).setAAD(authenticated);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Buffer, counter: number, sealed: Uint8Array, authenticated: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce(counter));
  decipher.setAAD(authenticated).setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
}
