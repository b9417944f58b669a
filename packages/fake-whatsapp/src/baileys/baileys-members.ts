import type { BinaryNode } from '../wire/binary-node.js';
import type { Credentials, KeyPair } from './credentials.js';

/** A kind of message of Baileys' `proto`. What is read holds more than is named here. */
type Codec<Fields> = {
  encode(fields: Fields): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Fields;
};
type Bytes = Uint8Array | null;

type SignedDetails = { details?: Bytes; signature?: Bytes };

export type ClientPayload = {
  username?: number | { toString(): string } | null;
  device?: number | null;
  devicePairingData?: {
    eRegid?: Bytes;
    eIdent?: Bytes;
    eSkeyId?: Bytes;
    eSkeyVal?: Bytes;
    eSkeySig?: Bytes;
  } | null;
};

/** The content of a message by its kind: `conversation`, `imageMessage` and so on, as in Baileys' `proto.IMessage`. */
export type MessageContent = {
  conversation?: string | null;
  extendedTextMessage?: { text?: string | null } | null;
  deviceSentMessage?: { destinationJid?: string | null; message?: MessageContent | null } | null;
};

type Proto = {
  HandshakeMessage: Codec<{
    clientHello?: { ephemeral?: Bytes } | null;
    serverHello?: { ephemeral?: Bytes; static?: Bytes; payload?: Bytes } | null;
    clientFinish?: { static?: Bytes; payload?: Bytes } | null;
  }>;
  ClientPayload: Codec<ClientPayload>;
  CertChain: Codec<{ intermediate?: SignedDetails | null; leaf?: SignedDetails | null }> & {
    NoiseCertificate: {
      Details: Codec<{ serial: number; issuerSerial: number; key: Uint8Array; notBefore: number; notAfter: number }>;
    };
  };
  ADVDeviceIdentity: Codec<{ rawId: number; timestamp: number; keyIndex: number }>;
  ADVSignedDeviceIdentity: Codec<{
    details: Uint8Array;
    accountSignatureKey: Uint8Array;
    accountSignature: Uint8Array;
  }>;
  ADVSignedDeviceIdentityHMAC: Codec<{ details: Uint8Array; hmac: Uint8Array }>;
  HistorySync: Codec<{ syncType: number; chunkOrder: number; progress: number }>;
  Message: Codec<MessageContent>;
};

type SignalSession = {
  registrationId: number;
  identityKey: Uint8Array;
  signedPreKey: { keyId: number; publicKey: Uint8Array; signature: Uint8Array };
  preKey?: { keyId: number; publicKey: Uint8Array };
};

/** Of the Signal layer only what every version has. */
export type SignalRepository = {
  injectE2ESession(input: { jid: string; session: SignalSession }): Promise<void>;
  encryptMessage(input: { jid: string; data: Uint8Array }): Promise<{ type: 'pkmsg' | 'msg'; ciphertext: Uint8Array }>;
  decryptMessage(input: { jid: string; type: 'pkmsg' | 'msg'; ciphertext: Uint8Array }): Promise<Uint8Array>;
  close?(): void;
};

/** Which server this copy believes. Before 7.0.0-rc10 it checks the serial alone and has no public key. */
export type CertDetails = { SERIAL: number; PUBLIC_KEY?: Uint8Array };

/** What the server calls in the host's Baileys. */
export type BaileysMembers = {
  proto: Proto;
  Curve: { sign(privateKey: Uint8Array, message: Uint8Array): Uint8Array };
  WA_CERT_DETAILS: CertDetails;
  initAuthCreds(): Credentials;
  configureSuccessfulPairing(stanza: BinaryNode, creds: object): { creds: Partial<Credentials> };
  signedKeyPair(identity: KeyPair, keyId: number): { keyPair: KeyPair; signature: Uint8Array; keyId: number };
  generateSignalPubKey(publicKey: Uint8Array): Uint8Array;
  encodeWAMessage(message: object): Uint8Array;
  unpadRandomMax16(padded: Uint8Array): Uint8Array;
  addTransactionCapability(keys: object, logger: object, options: unknown): object;
  DEFAULT_CONNECTION_CONFIG: {
    transactionOpts: unknown;
    makeSignalRepository(auth: { creds: object; keys: object }, logger: object): SignalRepository;
  };
};

type Place = Record<string, unknown>;

/** Whether a member is there, by the deepest part of it that is called. */
const PARTS: Record<keyof BaileysMembers, readonly string[]> = {
  proto: [
    'HandshakeMessage.decode',
    'ClientPayload.decode',
    'CertChain.NoiseCertificate.Details.encode',
    'ADVDeviceIdentity.encode',
    'ADVSignedDeviceIdentity.encode',
    'ADVSignedDeviceIdentityHMAC.encode',
    'HistorySync.encode',
    'Message.decode',
  ],
  Curve: ['sign'],
  WA_CERT_DETAILS: ['SERIAL'],
  initAuthCreds: [''],
  configureSuccessfulPairing: [''],
  signedKeyPair: [''],
  generateSignalPubKey: [''],
  encodeWAMessage: [''],
  unpadRandomMax16: [''],
  addTransactionCapability: [''],
  DEFAULT_CONNECTION_CONFIG: ['makeSignalRepository'],
};

/** Without these nobody logs in; the others are needed by simulated phones alone. */
export const LOGIN_MEMBERS = [
  'proto',
  'Curve',
  'WA_CERT_DETAILS',
  'initAuthCreds',
  'configureSuccessfulPairing',
] as const;

/**
 * A module and what stands under its `default`, as `import()` of CommonJS gives it; once more where it was wrapped
 * twice.
 */
function placesIn(module: unknown): Place[] {
  const places: Place[] = [];
  for (let place = module; isPlace(place) && places.length < 3; place = place.default) places.push(place);
  return places;
}

/** Whether a function is the module itself, as `module.exports = makeWASocket` makes it, and none that returns it. */
export function isModule(value: unknown): boolean {
  return placesIn(value).some((place) => place.proto !== undefined || place.initAuthCreds !== undefined);
}

/** The members of a module that are there, and the names of those parts that are not. */
export function pickMembers(module: unknown): { members: Partial<BaileysMembers>; missing: string[] } {
  const places = placesIn(module);
  const members: Place = {};
  const missing: string[] = [];
  for (const [name, parts] of Object.entries(PARTS)) {
    const member = places.map((place) => place[name]).find((found) => found !== undefined);
    const lacking = parts.filter((part) => !hasPart(member, part)).map((part) => (part ? `${name}.${part}` : name));
    if (lacking.length === 0) members[name] = member;
    missing.push(...lacking);
  }
  return { members: members as Partial<BaileysMembers>, missing };
}

function hasPart(member: unknown, path: string): boolean {
  let part = member;
  for (const name of path.split('.').filter((each) => each !== '')) part = isPlace(part) ? part[name] : undefined;
  return typeof part === 'function' || typeof part === 'number';
}

function isPlace(value: unknown): value is Place {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
