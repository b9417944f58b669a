import { maskNumbers, WaSyncError } from '@wa-sync/core';
import type { BaileysCreds } from '../client/baileys-auth.js';
import { isPaired, phoneIn } from '../client/baileys-like.js';

/** So many digits at the end are the same however a number is written: WhatsApp leaves the ninth digit of many Brazilian ones out. */
const TAIL = 8;

/**
 * Refuses credentials of another number than the session's, as a backup that was restored in the wrong place leaves behind: opened, they would send the messages of
 * one customer from the number of another, and throw out whoever uses them rightly.
 *
 * @throws WaSyncError `auth_wrong_number`
 */
export function refuseOtherNumber(params: { sessionId: string; creds: object; phone: string | null }): void {
  const { sessionId, creds } = params;
  const wanted = params.phone?.replace(/\D/g, '') ?? '';
  const found = isPaired(creds) ? phoneIn((creds as Partial<BaileysCreds>).me?.id) : null;
  if (wanted.length < TAIL || found === null || found.slice(-TAIL) === wanted.slice(-TAIL)) return;
  throw new WaSyncError(
    'auth_wrong_number',
    `The stored credentials of session ${maskNumbers(sessionId)} are those of ${maskNumbers(found)}, and the session is ${maskNumbers(wanted)}. Restore the right ones, or put them aside and pair again`,
  );
}
