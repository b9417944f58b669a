import type { Clock } from '@wa-sync/core';
import type { BaileysWebSocketLike } from '../client/baileys-like.js';
import { type RawWebSocket, rawWebSocket } from './end-socket.js';

/** How long Baileys gets to tell of it itself. */
const TELL_MS = 2_000;

/**
 * Hears a link end of which Baileys does not tell. It waits for every handler that was registered for the end of a socket before it emits its close, so one that hangs
 * leaves a socket that still looks open, and on which each send fails with "Connection Closed".
 */
export class LinkEndEar {
  private readonly raw: RawWebSocket;
  private readonly heard: () => void;
  private cancel: (() => void) | null = null;

  constructor(ws: BaileysWebSocketLike, clock: Clock, told: { onLinkEnded(): void }) {
    this.raw = rawWebSocket(ws);
    this.heard = () => {
      this.cancel = clock.schedule(() => told.onLinkEnded(), TELL_MS);
    };
    this.raw.on?.('close', this.heard);
  }

  stop(): void {
    this.cancel?.();
    this.raw.removeListener?.('close', this.heard);
  }
}
