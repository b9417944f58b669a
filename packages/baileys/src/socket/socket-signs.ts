/**
 * The signs of life of one socket: what was heard from it, and what it answers when it is asked.
 *
 * Owns: the time of its last frame, and whether its Noise handshake is over, before which nothing may be asked.
 */
import type { Clock, ProbeAnswer } from '@wa-sync/core';
import type { BaileysSocketLike } from '../client/baileys-like.js';
import { handshakeMayRun, loginMayBeOver } from '../client/baileys-like.js';
import type { WhenClosed } from '../close/close-moment.js';
import { pingSocket } from './probe-socket.js';

/** A frame this young at the `open` event proves that it is true. */
const FRESH_MS = 3_000;
/** Stanzas that only a logged-in client gets. */
const LOGGED_IN_TAGS = new Set(['message', 'receipt', 'notification', 'ack', 'call', 'presence', 'chatstate']);

export class SocketSigns {
  private readonly startedAtMs: number;
  private lastAtMs: number | null = null;
  private handshakeOver = false;

  constructor(
    private readonly socket: BaileysSocketLike,
    private readonly clock: Clock,
  ) {
    this.startedAtMs = clock.monotonicMs();
  }

  silentForMs(): number | null {
    return this.lastAtMs === null ? null : Math.max(0, this.clock.monotonicMs() - this.lastAtMs);
  }

  lastFrameAtMs(): number | null {
    return this.lastAtMs;
  }

  loginMayBeOver(): boolean {
    return loginMayBeOver({ socket: this.socket, ageMs: this.ageMs() });
  }

  /** Returns whether it is a stanza: handshake messages arrive as bytes, everything after Noise as a node. */
  noteFrame(frame: unknown): boolean {
    this.lastAtMs = this.clock.monotonicMs();
    if (frame instanceof Uint8Array) return false;
    this.handshakeOver = true;
    return true;
  }

  /** Baileys emitted something that it only learns after the handshake. */
  noteHandshakeOver(): void {
    this.handshakeOver = true;
  }

  fresh(): boolean {
    const silentMs = this.silentForMs();
    return silentMs !== null && silentMs <= FRESH_MS;
  }

  /** @param ask.unseen - nobody heard the first events of this socket */
  async probe(ask: { timeoutMs: number; unseen: boolean; whenClosed: WhenClosed }): Promise<ProbeAnswer> {
    const { socket, clock } = this;
    const lateAndReady = () => ask.unseen && socket.ws.isOpen && !handshakeMayRun({ socket, ageMs: this.ageMs() });
    if (!this.handshakeOver && !lateAndReady()) return 'unavailable';
    return pingSocket({ socket, clock, timeoutMs: ask.timeoutMs, whenClosed: ask.whenClosed });
  }

  private ageMs(): number {
    return this.clock.monotonicMs() - this.startedAtMs;
  }
}

/** Whether a stanza shows that the login of its socket is over. */
export function provesLogin(stanza: unknown): boolean {
  return LOGGED_IN_TAGS.has(String((stanza as { tag?: unknown } | null)?.tag));
}
