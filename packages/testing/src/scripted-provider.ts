import type { Clock, ConnectionProvider, SessionStatus } from '@wa-sync/core';
import { createScriptedConnection, type ScriptedConnection } from './scripted-connection.js';

/** One call of a provider's `open`. */
export interface OpenedConnection {
  readonly sessionId: string;
  readonly tenure: string;
  readonly fenced: AbortSignal;
  readonly connection: ScriptedConnection;
}

/** A {@link ConnectionProvider} with the list of what it opened. */
export interface ScriptedProvider extends ConnectionProvider {
  /** Every connection ever opened, the oldest first. */
  readonly opened: readonly OpenedConnection[];
  /** The last one opened for a session. */
  latest(sessionId: string): OpenedConnection | undefined;
}

/**
 * A provider of scripted connections.
 *
 * @param params `status` is what a connection says at first, by default `CONNECTING`; `onOpen` plays each one
 * @example
 * const provider = createScriptedProvider({ clock, onOpen: ({ connection }) => connection.script.open() });
 */
export function createScriptedProvider(params: {
  clock: Clock;
  status?: SessionStatus | undefined;
  onOpen?: ((opened: OpenedConnection) => void) | undefined;
}): ScriptedProvider {
  const { clock, status = 'CONNECTING', onOpen } = params;
  const opened: OpenedConnection[] = [];
  return {
    opened,
    latest: (sessionId) => opened.findLast((one) => one.sessionId === sessionId),
    open({ sessionId, tenure, fenced }) {
      const connection = createScriptedConnection({ sessionId, clock, status });
      const one = { sessionId, tenure, fenced, connection };
      opened.push(one);
      onOpen?.(one);
      return connection;
    },
  };
}
