/**
 * The signs of life of one socket: what was heard from it, and what it answers when it is asked.
 *
 * Owns: the time of its last frame, and whether its Noise handshake is over, before which nothing may be asked.
 */
import type { Clock, ProbeAnswer } from '@wa-sync/core';
import type { BaileysSocketLike } from './baileys-like.js';
import type { WhenClosed } from './close-moment.js';
import { createLateSocket } from './late-socket.js';
import { pingSocket } from './probe-socket.js';

/** A frame this young at the `open` event proves that it is true. */
const FRESH_MS = 3_000;
/** Stanzas that only a logged-in client gets. */
const LOGGED_IN_TAGS = new Set(['message', 'receipt', 'notification', 'ack', 'call', 'presence', 'chatstate']);

export function createSocketSigns(params: { socket: BaileysSocketLike; clock: Clock; whenClosed: WhenClosed }) {
  const { socket, clock, whenClosed } = params;
  const late = createLateSocket({ socket, clock });
  let lastFrameAtMs: number | null = null;
  let handshakeOver = false;

  function silentForMs(): number | null {
    return lastFrameAtMs === null ? null : Math.max(0, clock.monotonicMs() - lastFrameAtMs);
  }

  return {
    silentForMs,
    lastFrameAtMs: () => lastFrameAtMs,
    loginMayBeOver: late.loginMayBeOver,
    /** Answers whether it is a stanza: handshake messages arrive as bytes, everything after Noise as a node. */
    noteFrame(frame: unknown): boolean {
      lastFrameAtMs = clock.monotonicMs();
      if (frame instanceof Uint8Array) return false;
      handshakeOver = true;
      return true;
    },
    /** Baileys told something that it only learns after the handshake. */
    noteHandshakeOver(): void {
      handshakeOver = true;
    },
    fresh(): boolean {
      const silentMs = silentForMs();
      return silentMs !== null && silentMs <= FRESH_MS;
    },
    /** @param ask.unseen - nobody heard the first events of this socket */
    async probe(ask: { timeoutMs: number; unseen: boolean }): Promise<ProbeAnswer> {
      const mayAsk = handshakeOver || (ask.unseen && socket.ws.isOpen && !late.handshakeMayRun());
      if (!mayAsk) return 'unavailable';
      return pingSocket({ socket, clock, timeoutMs: ask.timeoutMs, whenClosed });
    },
  };
}

/** Whether a stanza shows that the login of its socket is over. */
export function tellsLogin(stanza: unknown): boolean {
  return LOGGED_IN_TAGS.has(String((stanza as { tag?: unknown } | null)?.tag));
}
