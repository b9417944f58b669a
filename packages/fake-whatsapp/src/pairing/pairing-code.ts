import { createCipheriv, createDecipheriv, hkdfSync, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { Account } from '../devices/device-registry.js';
import { agreeOnSecret, generateX25519KeyPair, type X25519KeyPair } from '../devices/x25519.js';
import { secondsNow } from '../messages/message-stanzas.js';
import { type BinaryNode, childBytes, S_WHATSAPP_NET } from '../wire/binary-node.js';

const SALT_LENGTH = 32;
const CTR_IV_LENGTH = 16;
const GCM_IV_LENGTH = 12;
const GCM_TAG_LENGTH = 16;
const KEY_LENGTH = 32;
const CODE_KEY_ROUNDS = 131_072;
const BUNDLE_KEY_INFO = 'link_code_pairing_key_bundle_encryption_key';

/** A client that asked for a pairing code, until the phone enters it. */
export type CodeRequest = {
  /** Digits of the phone that shall enter the code. */
  phone: string;
  ref: Buffer;
  /** Ephemeral public key of the client, encrypted under the code. */
  wrappedEphemeralKey: Buffer;
};

/** The phone's half of one pairing by code, once somebody typed the code. */
export type CodeExchange = {
  /** What the client receives when the code was typed. */
  notification: BinaryNode;
  /** Derives the advertisement secret from the client's answer; throws where the code was a wrong one. */
  finish(finishNode: BinaryNode): { advSecretKey: string };
};

export async function enterCode(request: CodeRequest, code: string, account: Account): Promise<CodeExchange> {
  const ephemeral = generateX25519KeyPair();
  const clientEphemeralKey = await unwrap(request.wrappedEphemeralKey, code);
  return {
    notification: {
      tag: 'notification',
      attrs: {
        from: S_WHATSAPP_NET,
        type: 'link_code_companion_reg',
        id: randomBytes(8).toString('hex'),
        t: secondsNow(),
      },
      content: [
        {
          tag: 'link_code_companion_reg',
          attrs: { stage: 'primary_hello' },
          content: [
            {
              tag: 'link_code_pairing_wrapped_primary_ephemeral_pub',
              attrs: {},
              content: await wrap(ephemeral.publicKey, code),
            },
            { tag: 'primary_identity_pub', attrs: {}, content: account.identityKey.public },
            { tag: 'link_code_pairing_ref', attrs: {}, content: request.ref },
          ],
        },
      ],
    },
    finish: (finishNode) => ({ advSecretKey: deriveSecret(finishNode, ephemeral, clientEphemeralKey, account) }),
  };
}

function deriveCodeKey(code: string, salt: Buffer): Promise<Buffer> {
  return promisify(pbkdf2)(code, salt, CODE_KEY_ROUNDS, KEY_LENGTH, 'sha256');
}

async function wrap(publicKey: Buffer, code: string): Promise<Buffer> {
  const salt = randomBytes(SALT_LENGTH);
  const iv = randomBytes(CTR_IV_LENGTH);
  const cipher = createCipheriv('aes-256-ctr', await deriveCodeKey(code, salt), iv);
  return Buffer.concat([salt, iv, cipher.update(publicKey), cipher.final()]);
}

async function unwrap(wrapped: Buffer, code: string): Promise<Buffer> {
  const salt = wrapped.subarray(0, SALT_LENGTH);
  const iv = wrapped.subarray(SALT_LENGTH, SALT_LENGTH + CTR_IV_LENGTH);
  const decipher = createDecipheriv('aes-256-ctr', await deriveCodeKey(code, salt), iv);
  return Buffer.concat([decipher.update(wrapped.subarray(SALT_LENGTH + CTR_IV_LENGTH)), decipher.final()]);
}

function deriveSecret(
  finishNode: BinaryNode,
  ephemeral: X25519KeyPair,
  clientEphemeralKey: Buffer,
  account: Account,
): string {
  const bundle = childBytes(finishNode, 'link_code_pairing_wrapped_key_bundle');
  const clientIdentityKey = childBytes(finishNode, 'companion_identity_public');
  if (!bundle || !clientIdentityKey) throw new Error('The client finished the pairing without its key bundle');
  const shared = agreeOnSecret(ephemeral.privateKey, clientEphemeralKey);
  const random = openBundle(Buffer.from(bundle), shared).subarray(2 * KEY_LENGTH);
  const identityShared = agreeOnSecret(account.identityKey.private, clientIdentityKey);
  const secret = hkdfSync('sha256', Buffer.concat([shared, identityShared, random]), '', 'adv_secret', KEY_LENGTH);
  return Buffer.from(secret).toString('base64');
}

function openBundle(bundle: Buffer, shared: Buffer): Buffer {
  const salt = bundle.subarray(0, SALT_LENGTH);
  const iv = bundle.subarray(SALT_LENGTH, SALT_LENGTH + GCM_IV_LENGTH);
  const body = bundle.subarray(SALT_LENGTH + GCM_IV_LENGTH, -GCM_TAG_LENGTH);
  const key = Buffer.from(hkdfSync('sha256', shared, salt, BUNDLE_KEY_INFO, KEY_LENGTH));
  const decipher = createDecipheriv('aes-256-gcm', key, iv).setAuthTag(bundle.subarray(-GCM_TAG_LENGTH));
  try {
    return Buffer.concat([decipher.update(body), decipher.final()]);
  } catch (cause) {
    throw new Error('This is not the pairing code that the client shows', { cause });
  }
}
