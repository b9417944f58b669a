import type { WhatsAppConnection } from '@wa-sync/core';
import { sendText } from '../socket/send-text.js';
import type { SessionParts } from './session-context.js';
import type { SocketInUse } from './socket-in-use.js';

/** A session of the provider as the engine sees it: the same connection however many sockets it has in its life. */
export function createSessionConnection(
  session: SessionParts & {
    readonly fenced: AbortSignal;
    socketInUse(): SocketInUse | null;
    stop(reason: string): Promise<void>;
  },
): WhatsAppConnection {
  const { sessionId, feed } = session;
  const watch = () => session.socketInUse()?.watch ?? null;
  return {
    sessionId,
    snapshot: () => session.view.snapshot(),
    onChange: (listener) => session.view.onChange(listener),
    probe: async ({ timeoutMs }) => (await watch()?.probe({ timeoutMs })) ?? 'unavailable',
    heal: async ({ reason }) => session.socketInUse()?.giveUp(reason),
    close: ({ reason }) => session.stop(reason),
    async sendText(message) {
      const own = watch();
      if (own?.state().stage !== 'open' || session.fenced.aborted) return 'failed';
      const { clock } = session.deps;
      return sendText({ ...message, socket: own.socket, clock, whenClosed: (run) => own.whenClosed(run) });
    },
    async requestPairingCode({ phone }) {
      const own = watch();
      if (own === null) throw new Error('No socket is open');
      return own.requestPairingCode(phone);
    },
    async logOut() {
      const own = watch();
      if (own?.state().stage !== 'open') throw new Error('No socket is open');
      await own.socket.logout?.();
    },
    ...(feed && { onMessages: feed.onMessages, messagesDelivered: feed.delivered }),
  };
}
