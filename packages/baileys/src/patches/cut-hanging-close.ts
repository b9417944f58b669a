import type { Clock } from '@wa-sync/core';
import type { BaileysWebSocketLike } from '../client/baileys-like.js';
import { type RawWebSocket, rawWebSocket, terminateSocket } from './end-socket.js';

/** How long the peer may take to answer a close frame. */
const ANSWER_MS = 1_000;

type Close = (...args: unknown[]) => unknown;

/**
 * Baileys that finds its link dead by its own keep-alive closes the WebSocket and waits up to 30 s for a peer that is
 * gone, before it emits the close; meanwhile it answers every query with "closed". So a close that somebody begins is
 * cut short when it is not answered.
 */
export class HangingCloseCut {
  private readonly ws: { close?: Close };
  private readonly close: Close | undefined;
  private readonly heard: Close | undefined;
  private cancel: (() => void) | null = null;

  /** @param observer.onCloseBegun - the socket will emit nothing any more but its close */
  constructor(ws: BaileysWebSocketLike, clock: Clock, observer: { onCloseBegun(): void }) {
    this.ws = ws as { close?: Close };
    const { close } = this.ws;
    if (typeof close !== 'function') return;
    this.close = close;
    this.heard = (...args) => {
      // Taken now: Baileys drops its reference while it closes.
      const raw = rawWebSocket(ws);
      this.cancel?.();
      this.cancel = clock.schedule(() => terminateSocket(raw), ANSWER_MS);
      observer.onCloseBegun();
      return close.apply(ws, args);
    };
    this.ws.close = this.heard;
  }

  stop(): void {
    this.cancel?.();
    if (this.heard && this.ws.close === this.heard) this.ws.close = this.close;
  }
}

/** How long Baileys gets to emit it itself. */
const REPORT_MS = 2_000;

/**
 * Notices a link end that Baileys does not emit. It waits for every handler that was registered for the end of a
 * socket before it emits its close, so one that hangs leaves a socket that still seems open, and on which each send
 * fails with "Connection Closed".
 */
export class LinkEndListener {
  private readonly raw: RawWebSocket;
  private readonly heard: () => void;
  private cancel: (() => void) | null = null;

  constructor(ws: BaileysWebSocketLike, clock: Clock, observer: { onLinkEnded(): void }) {
    this.raw = rawWebSocket(ws);
    this.heard = () => {
      this.cancel = clock.schedule(() => observer.onLinkEnded(), REPORT_MS);
    };
    this.raw.on?.('close', this.heard);
  }

  stop(): void {
    this.cancel?.();
    this.raw.removeListener?.('close', this.heard);
  }
}
