import { WaSyncError } from '../../domain/errors.js';
import { maskNumbers } from '../../domain/safe-text.js';
import type { Config } from '../../options/config.js';
import type { WhatsAppConnection } from '../../ports/connection.js';
import type { HostCalls } from '../limits/host-calls.js';
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
