import { WaSyncError } from '../../domain/errors.js';
import { maskNumbers } from '../../domain/safe-text.js';
import type { Config } from '../../options/config.js';
import type { Clock } from '../../ports/clock.js';
import type { WhatsAppConnection } from '../../ports/connection.js';
import { awaitHostCall, type HostCalls, tooLate } from '../limits/host-calls.js';
import { withTimeout } from '../limits/limit-calls.js';

/** Longer than any store call or logout that a close may wait for. */
const CLOSE_LIMIT_MS = 15_000;

/** Closes a connection; returns whether its end was seen. One that never settles is given up after a limit. */
export async function closeConnection(
  connection: WhatsAppConnection,
  reason: string,
  { clock, logger }: Pick<Config, 'clock' | 'logger'>,
): Promise<boolean> {
  const { sessionId } = connection;
  try {
    const closed = await withTimeout(clock, CLOSE_LIMIT_MS, async () => {
      await connection.close({ reason });
      return true;
    });
    if (closed) return true;
    logger.error(
      { code: 'close_failed', sessionId, limitMs: CLOSE_LIMIT_MS },
      'A connection did not answer its close: going on without it',
    );
  } catch (error) {
    logger.error({ code: 'close_failed', sessionId, err: error }, 'Closing a connection failed');
  }
  return false;
}

/** Closes a connection whose end nobody waits for. */
export function closeUnawaited(connection: WhatsAppConnection, reason: string, host: HostCalls): void {
  const { sessionId } = connection;
  const asked = {
    name: 'connection.close',
    code: 'close_failed',
    text: 'Closing a connection failed',
    fields: { sessionId },
  };
  void host.notify(asked, () => connection.close({ reason }));
}

/** Longer than WhatsApp takes for any answer that still comes. */
const ANSWER_LIMIT_MS = 30_000;

/**
 * Unlinks the device of a connection at WhatsApp.
 *
 * @throws WaSyncError `not_supported`, `connection_closed`
 */
export async function logOut(connection: WhatsAppConnection, clock: Clock): Promise<void> {
  const named = `Session ${maskNumbers(connection.sessionId)}`;
  if (!connection.logOut) throw new WaSyncError('not_supported', `${named} has a connection that cannot log out`);
  const outcome = await awaitHostCall({ clock, withinMs: ANSWER_LIMIT_MS, call: () => connection.logOut?.() });
  if (outcome.kind === 'returned') return;
  if (outcome.kind === 'failed') {
    const { error: cause } = outcome;
    throw new WaSyncError('connection_closed', `${named} is not connected`, { cause, retryable: true });
  }
  const text = `${named}: ${tooLate('logOut of its connection', ANSWER_LIMIT_MS).message}; the device may still be linked`;
  throw new WaSyncError('connection_closed', text, { retryable: true });
}

/**
 * Asks for a code to type in; `until` ends the waiting earlier.
 *
 * @throws WaSyncError `pairing_failed`
 */
export async function requestPairingCode(params: {
  connection: WhatsAppConnection;
  phone: string;
  clock: Clock;
  until: (end: () => void) => () => void;
}): Promise<{ code: string; expiresAt: Date } | null> {
  const { connection, phone, clock, until } = params;
  const call = () => connection.requestPairingCode?.({ phone });
  const outcome = await awaitHostCall({ clock, withinMs: ANSWER_LIMIT_MS, call, until });
  if (outcome.kind === 'returned') return outcome.result ?? null;
  if (outcome.kind === 'ended') return null;
  const cause =
    outcome.kind === 'failed' ? outcome.error : tooLate('requestPairingCode of its connection', ANSWER_LIMIT_MS);
  throw new WaSyncError('pairing_failed', 'WhatsApp gave no pairing code', { cause, retryable: true });
}
