import { WaSyncError } from '../../errors.js';
import { maskNumbers } from '../../mask-numbers.js';
import type { WhatsAppConnection } from '../../ports/connection.js';

/** Unlinks the device of a connection at WhatsApp. */
export async function logOut(connection: WhatsAppConnection): Promise<void> {
  const named = `Session ${maskNumbers(connection.sessionId)}`;
  if (!connection.logOut) throw new WaSyncError('not_supported', `${named} has a connection that cannot log out`);
  try {
    await connection.logOut();
  } catch (cause) {
    throw new WaSyncError('connection_closed', `${named} is not connected`, { cause, retryable: true });
  }
}
