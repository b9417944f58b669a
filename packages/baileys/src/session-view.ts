/**
 * What a session of the provider shows, from one socket to the next.
 *
 * Owns: the status with its reason, the number, the time of the last frame, and who is told of changes.
 */
import type { Clock, KnownObservation, Reason, SessionStatus } from '@wa-sync/core';
import { createListeners } from './notify-listeners.js';
import { AUTH_FAILING, DEAF, type SocketState, type SocketWatch } from './socket-watch.js';

type Shown = Pick<KnownObservation, 'status' | 'health' | 'reason' | 'reconnectAttempt' | 'qr'>;

export function createSessionView(params: {
  clock: Clock;
  /** Whether the store of the credentials fails. */
  authFailing(): boolean;
  /** Why only a restart may help. */
  restart(): Reason | null;
}) {
  const { clock } = params;
  const listeners = createListeners();
  let shown: Shown = { status: 'CONNECTING', health: 'healthy', reason: null, reconnectAttempt: 0, qr: null };
  let watch: SocketWatch | null = null;
  let phone: string | null = null;
  let lastFrameAtMs: number | null = null;
  let everOpen = false;
  let pairing = false;

  /** `RECONNECTING` is for what was open before; what pairs keeps its QR code status until it is open. */
  function repairing(): SessionStatus {
    if (pairing) return 'QR_CODE';
    return everOpen ? 'RECONNECTING' : 'CONNECTING';
  }

  function silentForMs(): number | null {
    const now = watch?.silentForMs() ?? null;
    if (now !== null) lastFrameAtMs = clock.monotonicMs() - now;
    return lastFrameAtMs === null ? null : Math.max(0, clock.monotonicMs() - lastFrameAtMs);
  }

  /** Any status but the ones below; `RECONNECTING` stands for "being repaired", whatever that is called now. */
  function show(next: Partial<Shown>): void {
    const status = next.status === 'RECONNECTING' ? repairing() : (next.status ?? shown.status);
    shown = { ...shown, qr: null, health: 'healthy', ...next, status };
    listeners.tell();
  }

  return {
    onChange: listeners.add,
    show,
    snapshot: (): KnownObservation => ({
      kind: 'known',
      ...shown,
      phone,
      qrExpiresAt: shown.qr === null ? null : (watch?.state().qrExpiresAt ?? null),
      restartRequested: params.restart(),
      silentForMs: silentForMs(),
    }),
    follow(next: SocketWatch): void {
      watch = next;
    },
    unfollow(): void {
      silentForMs();
      watch?.dispose();
      watch = null;
    },
    /** Shows what the socket is doing; its close is for the caller to judge. */
    showSocket(socket: SocketState): void {
      if (socket.phone !== null) phone = socket.phone;
      if (socket.stage === 'pairing') show({ status: 'QR_CODE', reason: null, qr: socket.qr });
      if (socket.stage === 'paired') {
        pairing = true;
        show({ status: 'QR_CODE', reason: null });
      }
      if (socket.stage === 'open') {
        everOpen = true;
        pairing = false;
        const trouble = socket.deaf ? DEAF : params.authFailing() ? AUTH_FAILING : null;
        const health = trouble === null ? 'healthy' : 'degraded';
        show({ status: 'CONNECTED', health, reason: trouble, reconnectAttempt: 0 });
      }
    },
    /** The pairing did not come to its end. */
    endPairing(): void {
      pairing = false;
    },
    clear: () => listeners.clear(),
  };
}

export type SessionView = ReturnType<typeof createSessionView>;
