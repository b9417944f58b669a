import type { HostCalls, HostFunction } from '../limits/host-calls.js';
import type { Held } from './held-sessions.js';

/**
 * Listens to the changes of a held connection until `held.unsubscribe()`, which never throws. Where a connection
 * cannot be listened to, the sweep still reads it.
 */
export function listenToConnection(held: Held, { host, onChange }: { host: HostCalls; onChange(held: Held): void }) {
  const asked: HostFunction = {
    name: 'connection.onChange',
    code: 'connection_failed',
    text: 'A connection cannot be listened to: its changes are found by the sync',
    fields: { sessionId: held.id },
  };
  const unsubscribe = host.notify(asked, () => held.connection.onChange(() => onChange(held)));
  held.unsubscribe = () => void host.notify(asked, () => unsubscribe?.());
}
