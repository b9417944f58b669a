/**
 * What a session of the provider shows, from one socket to the next.
 *
 * Owns: the status with its reason, the number, the time of the last frame, and who is notified of changes.
 */
import type { Clock, KnownObservation, SessionStatus } from '@wa-sync/core';
import { Listeners } from '../patches/notify-listeners.js';
import { AUTH_FAILING, HANDLERS_STALLED, type SocketState, type SocketWatch } from '../socket/socket-state.js';
import type { StalledHandlers } from '../socket/stalled-handlers.js';

type Shown = Pick<KnownObservation, 'status' | 'health' | 'reason' | 'reconnectAttempt' | 'qr'>;

export class SessionView {
  private readonly listeners = new Listeners();
  private shown: Shown = { status: 'CONNECTING', health: 'healthy', reason: null, reconnectAttempt: 0, qr: null };
  private watch: SocketWatch | null = null;
  private phone: string | null = null;
  private lastFrameAtMs: number | null = null;
  private everOpen = false;
  private pairing = false;

  constructor(
    private readonly clock: Clock,
    private readonly streak: StalledHandlers,
    /** Whether their store fails is shown too. */
    private readonly credentials: { failing(): boolean },
  ) {}

  onChange(listener: () => void): () => void {
    return this.listeners.add(listener);
  }

  /** Any status but the ones below; `RECONNECTING` stands for "being repaired", whatever that is called now. */
  show(next: Partial<Shown>): void {
    const { shown } = this;
    const status = next.status === 'RECONNECTING' ? this.repairing() : (next.status ?? shown.status);
    this.shown = { ...shown, qr: null, health: 'healthy', ...next, status };
    this.listeners.notify();
  }

  snapshot(): KnownObservation {
    return {
      kind: 'known',
      ...this.shown,
      phone: this.phone,
      qrExpiresAt: this.shown.qr === null ? null : (this.watch?.state().qrExpiresAt ?? null),
      restartRequested: this.streak.restart(),
      silentForMs: this.silentForMs(),
    };
  }

  follow(next: SocketWatch): void {
    this.watch = next;
  }

  unfollow(): void {
    this.silentForMs();
    this.watch?.dispose();
    this.watch = null;
  }

  /** Shows what the socket is doing; its close is for the caller to judge. */
  showSocket(socket: SocketState): void {
    if (socket.phone !== null) this.phone = socket.phone;
    if (socket.stage === 'pairing') this.show({ status: 'QR_CODE', reason: null, qr: socket.qr });
    if (socket.stage === 'paired') {
      this.pairing = true;
      this.show({ status: 'QR_CODE', reason: null });
    }
    if (socket.stage === 'open') {
      this.everOpen = true;
      this.pairing = false;
      const trouble = socket.stalled ? HANDLERS_STALLED : this.credentials.failing() ? AUTH_FAILING : null;
      const health = trouble === null ? 'healthy' : 'degraded';
      this.show({ status: 'CONNECTED', health, reason: trouble, reconnectAttempt: 0 });
    }
  }

  /** The pairing did not come to its end. */
  endPairing(): void {
    this.pairing = false;
  }

  clear(): void {
    this.listeners.clear();
  }

  /** `RECONNECTING` is for what was open before; what pairs keeps its QR code status until it is open. */
  private repairing(): SessionStatus {
    if (this.pairing) return 'QR_CODE';
    return this.everOpen ? 'RECONNECTING' : 'CONNECTING';
  }

  private silentForMs(): number | null {
    const silentMs = this.watch?.silentForMs() ?? null;
    if (silentMs !== null) this.lastFrameAtMs = this.clock.monotonicMs() - silentMs;
    return this.lastFrameAtMs === null ? null : Math.max(0, this.clock.monotonicMs() - this.lastFrameAtMs);
  }
}
