import type { Clock } from '@wa-sync/core';
import type { BaileysWebSocketLike } from './baileys-like.js';
import { rawWebSocket, terminateSocket } from './end-socket.js';

/** How long the peer may take to answer a close frame. */
const ANSWER_MS = 1_000;

/**
 * Baileys that finds its link dead by its own keep-alive closes the WebSocket and waits up to 30 s for a peer that is gone, before it tells anybody; meanwhile
 * it answers every query with "closed". So a close that somebody begins is cut short when it is not answered.
 *
 * @param params.onBegun - the socket will tell nothing any more but its close
 * @returns takes the ear away again
 */
export function cutHangingClose(params: { ws: BaileysWebSocketLike; clock: Clock; onBegun(): void }): () => void {
  const { ws, clock, onBegun } = params;
  const closing = ws as { close?: (...args: unknown[]) => unknown };
  const close = closing.close;
  if (typeof close !== 'function') return () => {};
  let cancel = () => {};
  const heard = (...args: unknown[]): unknown => {
    // Taken now: Baileys drops its reference while it closes.
    const raw = rawWebSocket(ws);
    cancel();
    cancel = clock.schedule(() => terminateSocket(raw), ANSWER_MS);
    onBegun();
    return close.apply(ws, args);
  };
  closing.close = heard;
  return () => {
    cancel();
    if (closing.close === heard) closing.close = close;
  };
}
