import { WaSyncError } from './errors.js';

const MAX_LENGTH = 255;

/**
 * Returns `id` if it may name a session: 1 to 255 characters, any script, no control characters.
 *
 * @throws WaSyncError `session_id_invalid`
 */
export function checkSessionId(id: unknown): string {
  if (typeof id !== 'string' || id.length === 0 || id.length > MAX_LENGTH || /\p{Cc}|\p{Cs}/u.test(id)) {
    const fix = typeof id === 'number' || typeof id === 'bigint' ? ', this is a number: write String(id)' : '';
    throw new WaSyncError(
      'session_id_invalid',
      `A session id is a text of 1 to ${MAX_LENGTH} characters without control characters${fix}`,
    );
  }
  return id;
}

/**
 * A 32-bit FNV-1a hash of the UTF-8 bytes of a session id. Stores keep it beside the row, and the sweep compares sums of it:
 * a sum of a million stays below 2^53. Source: Fowler, Noll, Vo, RFC 9923.
 */
export function sessionIdHash(id: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(id)) {
    hash ^= byte;
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}
