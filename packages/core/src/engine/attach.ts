import type { Config } from '../config.js';
import { WaSyncError } from '../errors.js';
import type { WhatsAppConnection } from '../ports/connection.js';
import { checkSessionId, maskNumbers } from '../session-id.js';
import type { AttachHandle } from '../wa-sync.js';
import { closeConnection } from './close-connection.js';
import type { FollowMessages } from './follow-messages.js';
import type { GiveBack } from './give-back.js';
import type { Held, HeldSessions } from './held-sessions.js';
import type { Reconciler } from './reconcile.js';
import type { LinkWatch } from './watch-links.js';

/** Watches connections that the host owns. */
export function createAttach(deps: {
  config: Pick<Config, 'logger' | 'clock'>;
  held: HeldSessions;
  giveBack: GiveBack;
  reconciler: Reconciler;
  messages: FollowMessages;
  links: LinkWatch;
  onChange(held: Held): void;
}) {
  const { held: sessions, reconciler, onChange } = deps;
  const { clock } = deps.config;

  function hold(connection: WhatsAppConnection): Held {
    const previous = sessions.get(connection.sessionId);
    previous?.unsubscribe();
    // The host's loop has made a new socket: the session stays ours under the new connection.
    const held = sessions.add({ mode: 'attached', connection, replaces: previous });
    if (previous && previous.connection !== connection) {
      void closeConnection(previous.connection, 'replaced_by_attach', deps.config);
    }
    held.unsubscribe = connection.onChange(() => onChange(held));
    deps.links.note(held);
    if (previous?.connection !== connection) deps.messages.follow(connection);
    return held;
  }

  async function detach(held: Held): Promise<void> {
    if (sessions.get(held.id) !== held) return;
    const { id, tenure, stored } = held;
    const from = stored?.status ?? null;
    sessions.remove(held);
    await closeConnection(held.connection, 'detached', deps.config);
    if (tenure !== null) await deps.giveBack.release({ id, tenure, from }, { code: 'detached' }, { unobserved: true });
  }

  return async (connection: WhatsAppConnection): Promise<AttachHandle> => {
    const id = checkSessionId(connection.sessionId);
    if (sessions.get(id)?.mode === 'provided') {
      throw new WaSyncError(
        'session_provided',
        `Session ${maskNumbers(id)} is run by the provider: stop it before attaching a socket`,
      );
    }
    const held = hold(connection);
    await reconciler.reconcile([held], { fresh: false, trigger: 'event', sinceMs: clock.monotonicMs() });
    return { sessionId: id, lost: held.lost.signal, detach: () => detach(held) };
  };
}
