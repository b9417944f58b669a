import * as z from 'zod/mini';
import type { OptionSchema } from '../parse-options.js';

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
