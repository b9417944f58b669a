import { WaSyncError } from './errors.js';

const MAX_LENGTH = 255;

/** Why a text cannot name a session. */
export type SessionIdFault = 'empty' | 'too_long' | 'control_characters';

/** What keeps `id` from naming a session; `null` where nothing does. */
export function sessionIdFault(id: string): SessionIdFault | null {
  if (id.length === 0) return 'empty';
  if (id.length > MAX_LENGTH) return 'too_long';
  // Halves of characters too: no database keeps them.
  return /\p{Cc}|\p{Cs}/u.test(id) ? 'control_characters' : null;
}

/** What a session id is, for an error text. */
export const SESSION_ID_IS = `a text of 1 to ${MAX_LENGTH} characters without control characters`;

/**
 * Returns `id` if it may name a session: 1 to 255 characters, any script, no control characters.
 *
 * @throws WaSyncError `session_id_invalid`
 */
export function checkSessionId(id: unknown): string {
  if (typeof id !== 'string' || sessionIdFault(id) !== null) {
    const fix = typeof id === 'number' || typeof id === 'bigint' ? ', this is a number: write String(id)' : '';
    throw new WaSyncError('session_id_invalid', `A session id is ${SESSION_ID_IS}${fix}`);
  }
  return id;
}

/**
 * A 32-bit FNV-1a hash of the UTF-8 bytes of a session id. Stores keep it beside the row, and the sweep compares sums
 * of it: a sum of a million stays below 2^53. Source: Fowler, Noll, Vo, RFC 9923.
 */
export function sessionIdHash(id: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(id)) {
    hash ^= byte;
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}
