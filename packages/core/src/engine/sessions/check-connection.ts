import { WaSyncError } from '../../domain/errors.js';
import { checkSessionId } from '../../domain/session.js';
import type { WhatsAppConnection } from '../../ports/connection.js';

const METHODS = ['snapshot', 'probe', 'onChange', 'heal', 'close'] as const;

/**
 * Returns `given` if it is a connection.
 *
 * @param takes - what has to be given where it was given
 * @throws WaSyncError `config_invalid` that says what was given in its place, `session_id_invalid`
 */
export function checkConnection(given: unknown, takes: string): WhatsAppConnection {
  const missing = METHODS.filter((name) => typeof (given as WhatsAppConnection | null)?.[name] !== 'function');
  if (missing.length > 0) throw new WaSyncError('config_invalid', `${takes}: ${describe(given, missing)}`);
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
