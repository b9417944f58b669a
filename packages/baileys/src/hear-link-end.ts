import type { Clock } from '@wa-sync/core';
import type { BaileysWebSocketLike } from './baileys-like.js';
import { rawWebSocket } from './end-socket.js';

/** How long Baileys gets to tell of it itself. */
const TELL_MS = 2_000;

/**
 * Hears a link end of which Baileys does not tell. It waits for every handler that was registered for the end of a socket before it emits its close, so one that hangs
 * leaves a socket that still looks open, and on which each send fails with "Connection Closed".
 *
 * @returns takes the ear away again
 */
export function hearLinkEnd(params: { ws: BaileysWebSocketLike; clock: Clock; onEnded(): void }): () => void {
  const { ws, clock, onEnded } = params;
  const raw = rawWebSocket(ws);
  let cancel = () => {};
  const heard = () => {
    cancel = clock.schedule(onEnded, TELL_MS);
  };
  raw.once?.('close', heard);
  return () => {
    cancel();
    raw.removeListener?.('close', heard);
  };
}
