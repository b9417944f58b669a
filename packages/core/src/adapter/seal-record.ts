import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import * as z from 'zod/mini';
import { WaSyncError } from '../domain/errors.js';
import { maskNumbers } from '../domain/safe-text.js';
import type { OptionSchema } from '../options/parse-options.js';

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Which record a ciphertext belongs to: moved to another row it does not open. */
interface RecordPlace {
  readonly sessionId: string;
  readonly type: string;
  readonly id: string;
}

// Ids may hold the separator: the lengths make two different places two different texts.
function placeBytes({ sessionId, type, id }: RecordPlace): Buffer {
  return Buffer.from(`${sessionId}|${type}|${id}|${sessionId.length}|${type.length}`);
}

/**
 * Encrypts a record with the current key (AES-256-GCM, NIST SP 800-38D): IV, tag, ciphertext. Without a ring it stays
 * plain.
 */
export function sealRecord(params: { keyRing: AuthKeyRing | undefined; value: Uint8Array } & RecordPlace): Uint8Array {
  const { keyRing, value } = params;
  if (keyRing === undefined) return value;
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', keyRing.keys[keyRing.current]!, iv);
  cipher.setAAD(placeBytes(params));
  const sealed = [cipher.update(value), cipher.final()];
  return Buffer.concat([iv, cipher.getAuthTag(), ...sealed]);
}

/**
 * Opens a record.
 *
 * @throws WaSyncError `auth_key_missing` where the ring lacks the key, `auth_corrupt` where the record does not open
 */
export function openRecord(
  params: { keyRing: AuthKeyRing | undefined; keyId: string | null; value: Uint8Array } & RecordPlace,
): Uint8Array {
  const { keyRing, keyId, value, sessionId, type } = params;
  if (keyId === null) return new Uint8Array(value);
  const key = keyRing !== undefined && Object.hasOwn(keyRing.keys, keyId) ? keyRing.keys[keyId] : undefined;
  const what = `a "${type}" record of session ${maskNumbers(sessionId)}`;
  if (key === undefined) {
    throw new WaSyncError('auth_key_missing', `The key ring lacks the key "${keyId}", which ${what} is encrypted with`);
  }
  try {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES));
    decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    decipher.setAAD(placeBytes(params));
    return new Uint8Array(Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]));
  } catch (cause) {
    throw new WaSyncError('auth_corrupt', `The key "${keyId}" does not open ${what}: it was changed or cut`, { cause });
  }
}

/** Keys that encrypt credentials at rest: AES-256-GCM, one of them for new records, all of them for reading. */
export interface AuthKeyRing {
  /** Id of the key that new records are written with. */
  current: string;
  /** 32 bytes a key, by key id. */
  keys: Readonly<Record<string, Uint8Array>>;
}

const keyId = z.string('takes the id of one of the keys').check(z.minLength(1), z.maxLength(64));

/** What an adapter's options take as a key ring. */
export const authKeyRingSchema: OptionSchema<AuthKeyRing> = z
  .strictObject({
    current: keyId,
    keys: z.record(
      z.string().check(z.minLength(1), z.maxLength(64)),
      z.custom<Uint8Array>((key) => key instanceof Uint8Array && key.byteLength === 32, 'takes 32 bytes'),
    ),
  })
  .check(
    z.refine((ring) => Object.hasOwn(ring.keys, ring.current), {
      message: 'takes the id of one of keys',
      path: ['current'],
    }),
  );
