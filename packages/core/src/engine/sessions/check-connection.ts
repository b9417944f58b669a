import { WaSyncError } from '../../errors.js';
import type { WhatsAppConnection } from '../../ports/connection.js';
import { checkSessionId } from '../../session-id.js';

const METHODS = ['snapshot', 'probe', 'onChange', 'heal', 'close'] as const;

/**
 * Returns `given` if it is a connection.
 *
 * @throws WaSyncError `config_invalid` that says what was given in its place, `session_id_invalid`
 */
export function checkConnection(given: unknown): WhatsAppConnection {
  const missing = METHODS.filter((name) => typeof (given as WhatsAppConnection | null)?.[name] !== 'function');
  if (missing.length > 0) {
    const takes = 'attach takes a connection, such as observeBaileysSocket({ sessionId, socket, onDead }) returns';
    throw new WaSyncError('config_invalid', `${takes}: ${describe(given, missing)}`);
  }
  const connection = given as WhatsAppConnection;
  checkSessionId(connection.sessionId);
  return connection;
}

function describe(given: unknown, missing: readonly string[]): string {
  if (given === null || typeof given !== 'object') return `this is ${given === null ? 'null' : typeof given}`;
  const { then, ev, socket } = given as Record<string, unknown>;
  if (typeof then === 'function') return 'this is a promise, await it first';
  if (ev !== undefined) return 'this is the socket itself';
  if (socket !== undefined) return 'these are only its options';
  return `this one lacks ${missing.join(', ')}`;
}
