import type { Clock, ProbeAnswer, Reason } from '@wa-sync/core';
import type { BaileysSocketLike } from '../client/baileys-like.js';
import type { CloseFacts } from '../close/close-reasons.js';
import type { OnMessages } from '../messages/tap-messages.js';
import type { PairingCode } from './pairing-offer.js';

/**
 * `unseen`: attached after its events went by · `connecting` · `pairing`: shows a QR code · `paired`: linked, WhatsApp
 * is about to ask for a new socket · `unproven`: says `open`, and nothing was heard since · `open` · `closed`.
 */
export type SocketStage = 'unseen' | 'connecting' | 'pairing' | 'paired' | 'unproven' | 'open' | 'closed';

/** What `watchSocket` is given, and reports. */
export interface WatchSocketParams {
  readonly socket: BaileysSocketLike;
  readonly clock: Clock;
  /** How long a login may be without a frame before it is given up. */
  readonly attemptTimeoutMs: number;
  /**
   * How long the handling of one stanza may take before it counts as stalled; after twice as long the socket is given
   * up.
   */
  readonly handlersStalledAfterMs: number;
  /** The stage, or what it shows, changed. */
  onChange(): void;
  /** A frame arrived. */
  onFrame?(): void;
  /** The socket will not recover; `end` has to follow. */
  onDead(reason: string): void;
  /** A stanza's handler failed. */
  onHandlerError?(error: unknown): void;
  /** Stanzas of this kind are handled in time. */
  onHandled?(kind: string): void;
  /** Messages arrived; absent where nobody wants them. */
  readonly onMessages?: OnMessages | undefined;
  /** A stanza arrived after the handshake. */
  readonly onStanza?: ((node: unknown) => void) | undefined;
  /** The host's own lifetime of a QR code. */
  readonly qrTimeoutMs?: number | undefined;
}

/** What a socket is doing at the moment. */
export interface SocketState {
  readonly stage: SocketStage;
  readonly qr: string | null;
  readonly qrExpiresAt: Date | null;
  /** Whether stanzas arrive and nothing comes of them. */
  readonly stalled: boolean;
  /** What kind of stanza it is that is not handled; `null` where all are. */
  readonly stuckKind: string | null;
  readonly phone: string | null;
  /** Set once the stage is `closed`. */
  readonly close: CloseFacts | null;
}

/** One socket under watch. Its state is asked for: an object with accessors would cost each session some kilobytes. */
export interface SocketWatch {
  readonly socket: BaileysSocketLike;
  state(): SocketState;
  /** Asks for a code to be typed in on the phone, while the stage is `pairing`. */
  requestPairingCode(phone: string): Promise<PairingCode>;
  /** Also at its `dispose`, after which nothing is heard of the socket. */
  whenClosed(run: () => void): () => void;
  /** Milliseconds since the last frame; `null` when none came. */
  silentForMs(): number | null;
  probe(params: { timeoutMs: number }): Promise<ProbeAnswer>;
  /** Ends the socket; resolves with its close event. `graceMs` is how long the peer may take to close. */
  end(params: { reason: string; graceMs?: number }): Promise<void>;
  /** Drops listeners and timers; the socket itself is left alone. */
  dispose(): void;
}

/** The reason of degraded health where a connection receives and handles nothing. */
export const HANDLERS_STALLED: Reason = {
  code: 'handlers_stalled',
  detail: 'Stanzas arrive and their handling does not end',
};

/** The reason of degraded health where the credentials cannot be read or written. */
export const AUTH_FAILING: Reason = {
  code: 'auth_unavailable',
  detail: 'The store of the credentials fails or does not answer: messages cannot be decrypted',
};
