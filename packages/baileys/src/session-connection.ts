import type { Clock, WhatsAppConnection } from '@wa-sync/core';
import type { MessageFeed } from './message-feed.js';
import { sendText } from './send-text.js';
import type { SessionSocket } from './session-socket.js';
import type { SessionView } from './session-view.js';

/** A session of the provider as the engine sees it: the same connection however many sockets it has in its life. */
export function createSessionConnection(params: {
  sessionId: string;
  view: SessionView;
  socket: SessionSocket;
  feed: MessageFeed | undefined;
  fenced: AbortSignal;
  clock: Clock;
  stop(reason: string): Promise<void>;
}): WhatsAppConnection {
  const { sessionId, view, socket, feed, fenced, clock, stop } = params;
  return {
    sessionId,
    snapshot: view.snapshot,
    onChange: view.onChange,
    probe: async ({ timeoutMs }) => (await socket.watch()?.probe({ timeoutMs })) ?? 'unavailable',
    heal: ({ reason }) => socket.giveUp(reason),
    close: ({ reason }) => stop(reason),
    async sendText(message) {
      const watch = socket.watch();
      if (watch?.state().stage !== 'open' || fenced.aborted) return 'failed';
      return sendText({ ...message, socket: watch.socket, clock, whenClosed: watch.whenClosed });
    },
    async requestPairingCode({ phone }) {
      const watch = socket.watch();
      if (watch === null) throw new Error('No socket is open');
      return watch.requestPairingCode(phone);
    },
    async logOut() {
      const watch = socket.watch();
      if (watch?.state().stage !== 'open') throw new Error('No socket is open');
      await watch.socket.logout?.();
    },
    ...(feed && { onMessages: feed.onMessages, messagesTold: feed.idle }),
  };
}
