/**
 * What one Baileys socket is doing, from its first event to its close.
 *
 * Owns: the stage of the socket, the time of its last frame, its listeners and its timers. Knows nothing of what comes after the
 * close. Baileys' `open` is not believed blindly: on a dead socket it is emitted once all its login queries have timed out.
 */
import type { Clock, ProbeAnswer } from '@wa-sync/core';
import { type BaileysSocketLike, type ConnectionUpdateLike, phoneOf } from './baileys-like.js';
import { createCloseMoment, untilClosed } from './close-moment.js';
import type { CloseFacts } from './close-reasons.js';
import { containListeners } from './contain-listeners.js';
import { cutHangingClose } from './cut-hanging-close.js';
import { endSocket, failPendingQueries, flushEvents, type RawWebSocket, terminateSocket } from './end-socket.js';
import { hearLinkEnd } from './hear-link-end.js';
import { createLateSocket, OURS, SETTLE_MS } from './late-socket.js';
import { limitAttempt, proveOpen } from './limit-attempt.js';
import { createPairingOffer } from './pairing-offer.js';
import { createPendingHandlers } from './pending-handlers.js';
import { pingSocket } from './probe-socket.js';
import { readCloseError } from './read-close-error.js';
import { restTransactions } from './rest-transactions.js';
import type { SocketStage, SocketWatch } from './socket-watch.js';
import { type MessageTap, tapMessages } from './tap-messages.js';

/** A frame this young at the `open` event proves that it is true. */
const FRESH_MS = 3_000;
const CLOSE_EVENT_MS = 1_000;
const LINK_ENDED: CloseFacts = { code: 428, message: 'Connection Closed' };
/** Stanzas that only a logged-in client gets. */
const LOGGED_IN_TAGS = new Set(['message', 'receipt', 'notification', 'ack', 'call', 'presence', 'chatstate']);

export function watchSocket(params: {
  socket: BaileysSocketLike;
  clock: Clock;
  /** How long a login may be without a frame before it is given up. */
  attemptTimeoutMs: number;
  /** How long the handling of one stanza may take before the connection counts as deaf; after twice as long it is given up. */
  deafAfterMs: number;
  /** The stage, or what it shows, changed. */
  onChange(): void;
  /** A frame arrived. */
  onFrame?(): void;
  /** The socket will not recover; `end` has to follow. */
  onDead(reason: string): void;
  /** A stanza's handler failed. */
  onHandlerError?(error: unknown): void;
  /** Stanzas of this kind are handled in time. */
  onHandled?: ((kind: string) => void) | undefined;
  /** Messages arrived; absent where nobody wants them. */
  onMessages?: Parameters<typeof tapMessages>[0]['onMessages'] | undefined;
  /** A stanza arrived after the handshake. */
  onStanza?: ((node: unknown) => void) | undefined;
  /** The host's own lifetime of a QR code. */
  qrTimeoutMs?: number | undefined;
}): SocketWatch {
  const { socket, clock, attemptTimeoutMs } = params;
  const { ws } = socket;
  const late = createLateSocket({ socket, clock });
  const offer = createPairingOffer({ socket, clock, qrTimeoutMs: params.qrTimeoutMs });
  let tap: MessageTap | null = null;
  let stage: SocketStage = 'unseen';
  let qr: string | null = null;
  let lastFrameAtMs: number | null = null;
  let noiseDone = false;
  let closeFacts: CloseFacts | null = null;
  let disposed = false;
  let ending: RawWebSocket | null = null;
  let cancelTimer = () => {};
  let stopCutting = () => {};
  let stopHearing = () => {};
  const closeMoment = createCloseMoment();

  const handlers = createPendingHandlers({
    clock,
    deafAfterMs: params.deafAfterMs,
    onChange: () => params.onChange(),
    onHopeless: () => {
      if (alive()) params.onDead('deaf');
    },
    onHandled: (kind) => params.onHandled?.(kind),
  });

  const alive = () => !disposed && stage !== 'closed';

  /** The one timer of a socket. */
  function setTimer(run: () => unknown, delayMs: number): void {
    cancelTimer();
    cancelTimer = clock.schedule(() => {
      if (alive()) run();
    }, delayMs);
  }

  function move(next: SocketStage): void {
    if (stage === next) return;
    stage = next;
    if (next !== 'pairing') qr = null;
    params.onChange();
  }

  function onUpdate(update: ConnectionUpdateLike): void {
    if (!alive()) return;
    if (update.connection === 'close') becomeClosed(readCloseError(update.lastDisconnect?.error));
    else if (ending !== null) return;
    else if (update.connection === 'open') onOpen();
    else if (update.isNewLogin) startAttempt('paired');
    else if (update.qr) onQr(update.qr);
    else if (update.connection === 'connecting' && stage === 'unseen') startAttempt('connecting');
  }

  function startAttempt(next: 'paired' | 'connecting'): void {
    limitAttempt({
      clock,
      setTimer,
      limitMs: attemptTimeoutMs,
      lastFrameAtMs: () => lastFrameAtMs,
      goesOn: () => alive() && ending === null && stage === next,
      onTooLong: () => params.onDead('login_timeout'),
    });
    move(next);
  }

  function onQr(code: string): void {
    // People need longer than any attempt; Baileys itself ends a QR code that nobody scans.
    cancelTimer();
    noiseDone = true;
    qr = code;
    offer.onQr();
    if (stage === 'pairing') params.onChange();
    else move('pairing');
  }

  function onOpen(): void {
    cancelTimer();
    noiseDone = true;
    const silentMs = silentForMs();
    const proven = silentMs !== null && silentMs <= FRESH_MS;
    move(proven ? 'open' : 'unproven');
    if (!proven) void prove('unproven');
  }

  function onFrame(frame: unknown): void {
    if (!alive()) return;
    lastFrameAtMs = clock.monotonicMs();
    // Handshake messages arrive as bytes, everything after Noise as a node.
    if (!(frame instanceof Uint8Array)) {
      noiseDone = true;
      if (stage === 'connecting') offer.onFrame(frame);
      params.onStanza?.(frame);
      const tag = (frame as { tag?: unknown } | null)?.tag;
      if (ending === null && (stage === 'unproven' || (stage === 'unseen' && LOGGED_IN_TAGS.has(String(tag)))))
        becomeOpen();
    }
    params.onFrame?.();
  }

  function becomeOpen(): void {
    cancelTimer();
    move('open');
  }

  function onRefused(_request: unknown, response: unknown): void {
    const status = (response as { statusCode?: unknown } | undefined)?.statusCode;
    // Baileys has no ear for this event and would wait for ever.
    if (alive()) params.onDead(`http_${typeof status === 'number' ? status : 'refused'}`);
  }

  function prove(asked: 'unproven' | 'unseen'): Promise<void> {
    return proveOpen({
      setTimer,
      goesOn: () => alive() && ending === null && stage === asked,
      worthAsking: () => asked === 'unproven' || late.loginMayBeOver(),
      probe,
      onProven: becomeOpen,
      onSilent: () => params.onDead(asked === 'unproven' ? 'open_unproven' : 'silent'),
    });
  }

  function mayAsk(): boolean {
    return noiseDone || (stage === 'unseen' && ws.isOpen && !late.handshakeMayRun());
  }

  async function probe({ timeoutMs }: { timeoutMs: number }): Promise<ProbeAnswer> {
    if (!alive() || !mayAsk()) return 'unavailable';
    return pingSocket({ socket, clock, timeoutMs, whenClosed: closeMoment.whenClosed });
  }

  function silentForMs(): number | null {
    return lastFrameAtMs === null ? null : Math.max(0, clock.monotonicMs() - lastFrameAtMs);
  }

  function becomeClosed(facts: CloseFacts): void {
    if (!alive()) return;
    closeFacts = facts;
    cancelTimer();
    handlers.clear();
    stopListening();
    tap?.end();
    move('closed');
    closeMoment.tell();
    failPendingQueries(socket);
  }

  /** Ends the socket once; a second call only takes back the grace that the first one gave. */
  async function end({ reason, graceMs = 0 }: { reason: string; graceMs?: number }): Promise<void> {
    if (!alive()) return;
    if (ending !== null) {
      if (graceMs === 0) terminateSocket(ending);
      await untilClosed(closeMoment.whenClosed);
      return;
    }
    cancelTimer();
    handlers.clear();
    const raw = endSocket({ socket, reason });
    // From here on the socket tells nothing but its close.
    ending = raw;
    if (graceMs > 0) setTimer(cut, graceMs);
    else if (alive()) cut();
    await untilClosed(closeMoment.whenClosed);

    function cut(): void {
      terminateSocket(raw);
      // A fork that never tells must not keep its session waiting.
      setTimer(() => becomeClosed({ code: 408, data: { waSync: reason } }), CLOSE_EVENT_MS);
    }
  }

  function stopListening(): void {
    stopCutting();
    stopHearing();
    socket.ev.off('connection.update', onUpdate);
    ws.off('frame', onFrame);
    ws.off('unexpected-response', onRefused);
  }

  function start(): void {
    if (ws.isClosed || ws.isClosing) {
      stage = 'closed';
      closeFacts = { code: 428, message: 'Attached after its end' };
      closeMoment.tell();
      return;
    }
    restTransactions(socket);
    if (params.onMessages) tap = tapMessages({ socket, onMessages: params.onMessages });
    socket.ev.on('connection.update', onUpdate);
    ws.on('frame', Object.assign(onFrame, { [OURS]: true }));
    ws.on('unexpected-response', onRefused);
    stopHearing = hearLinkEnd({ ws, clock, onEnded: () => becomeClosed(LINK_ENDED) });
    stopCutting = cutHangingClose({ ws, clock, onBegun: () => flushEvents(socket) });
    socket.registerSocketEndHandler?.(() => {
      if (!disposed) flushEvents(socket);
    });
    containListeners({
      ws,
      onBroken: (error) => {
        // Given back to the host, a socket behaves as it would without us.
        if (disposed) throw error;
        if (alive()) params.onDead('stream_broken');
      },
      onHandlerError: (error) => {
        if (disposed) throw error;
        params.onHandlerError?.(error);
      },
      onHandler: (outcome, kind) => {
        if (alive() && ending === null) void handlers.follow(outcome, kind);
      },
    });
    // An open WebSocket may be in its handshake or long logged in: only its next event, or a proof, tells.
    if (!ws.isConnecting) {
      setTimer(() => prove('unseen'), SETTLE_MS);
      return;
    }
    // Set before, so that nobody is told yet: the caller does not have this watch in hand.
    stage = 'connecting';
    startAttempt('connecting');
  }

  start();

  return {
    socket,
    whenClosed: closeMoment.whenClosed,
    get stage() {
      return stage;
    },
    get qr() {
      return qr;
    },
    get qrExpiresAt() {
      return qr === null ? null : offer.qrExpiresAt;
    },
    requestPairingCode: async (phone) => {
      if (stage !== 'pairing') throw new Error('This socket is not being paired');
      return offer.requestCode(phone);
    },
    get deaf() {
      return handlers.deaf;
    },
    get stuckKind() {
      return handlers.deaf ? handlers.oldestKind : null;
    },
    get phone() {
      return phoneOf(socket);
    },
    get close() {
      return closeFacts;
    },
    silentForMs,
    probe,
    end,
    dispose() {
      if (disposed) return;
      disposed = true;
      cancelTimer();
      handlers.clear();
      if (stage !== 'closed') {
        stopListening();
        tap?.release();
      }
      closeMoment.tell();
    },
  };
}
