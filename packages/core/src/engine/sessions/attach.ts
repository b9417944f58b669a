import type { AttachHandle } from '../../api/wa-sync.js';
import { WaSyncError } from '../../domain/errors.js';
import { maskNumbers } from '../../domain/safe-text.js';
import type { Config } from '../../options/config.js';
import type { WhatsAppConnection } from '../../ports/connection.js';
import type { ReleaseSessions } from '../lease/release-sessions.js';
import type { LinkWatch } from '../lease/watch-links.js';
import type { HostCalls } from '../limits/host-calls.js';
import type { FollowMessages } from '../messages/follow-messages.js';
import { closeConnection } from '../owned-sessions/close-connection.js';
import type { Held, HeldSessions } from '../owned-sessions/held-sessions.js';
import { listenToConnection } from '../owned-sessions/listen-to-connection.js';
import type { Reconciler } from '../reconcile/reconcile.js';
import { checkConnection } from './check-connection.js';

const TAKES = 'attach takes a connection, such as observeBaileysSocket({ sessionId, socket, onDead }) returns';

/** Watches connections that the host owns. */
export function createAttach(deps: {
  config: Pick<Config, 'logger' | 'clock'>;
  held: HeldSessions;
  releaseSessions: ReleaseSessions;
  reconciler: Reconciler;
  messages: FollowMessages;
  links: LinkWatch;
  host: HostCalls;
  onChange(held: Held): void;
}) {
  const { held: sessions, reconciler } = deps;
  const { clock } = deps.config;

  function hold(connection: WhatsAppConnection): Held {
    connection.useLogger?.({ logger: deps.config.logger });
    const previous = sessions.get(connection.sessionId);
    const same = previous?.connection === connection;
    // The same connection given twice is one attach, unless the session was lost in between.
    if (previous && same && !previous.lost.signal.aborted) return previous;
    previous?.unsubscribe();
    // The host's loop has made a new socket: the session stays ours under the new connection.
    const held = sessions.add({ mode: 'attached', connection, replaces: previous });
    listenToConnection(held, deps);
    deps.links.note(held);
    if (same) return held;
    deps.messages.follow(connection);
    if (previous) {
      void closeConnection(previous.connection, 'replaced_by_attach', deps.config);
      // Two loops of one process would end each other's sockets with 440 for ever, so the older one has to stop.
      previous.lost.abort();
    }
    return held;
  }

  async function detach({ id, connection }: Held): Promise<void> {
    const held = sessions.get(id);
    if (held?.connection !== connection) return;
    const { tenure, stored } = held;
    const from = stored?.status ?? null;
    sessions.remove(held);
    await closeConnection(connection, 'detached', deps.config);
    if (tenure !== null)
      await deps.releaseSessions.release({ id, tenure, from }, { code: 'detached' }, { unobserved: true });
  }

  return (given: WhatsAppConnection): AttachHandle => {
    const connection = checkConnection(given, TAKES);
    const id = connection.sessionId;
    if (sessions.get(id)?.mode === 'provided') {
      throw new WaSyncError(
        'session_provided',
        `Session ${maskNumbers(id)} is run by the provider: stop it before attaching a socket`,
      );
    }
    // Nothing is awaited before the subscription: events of the socket must not get lost while the host awaits this
    // call.
    const held = hold(connection);
    const pass = reconciler.reconcile([held], { fresh: false, trigger: 'event', sinceMs: clock.monotonicMs() });
    return {
      sessionId: id,
      lost: held.lost.signal,
      ready: pass.then(() => {}),
      detach: () => detach(held),
    };
  };
}
