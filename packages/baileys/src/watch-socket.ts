/**
 * What one Baileys socket is doing, from its first event to its close.
 *
 * Owns: the stage of the socket and its one timer. Knows nothing of what comes after the close. Baileys' `open` is not
 * believed blindly: on a dead socket it is emitted once all its login queries have timed out.
 */
import type { ProbeAnswer } from '@wa-sync/core';
import { type ConnectionUpdateLike, phoneOf } from './baileys-like.js';
import { createCloseMoment } from './close-moment.js';
import type { CloseFacts } from './close-reasons.js';
import { dropMappings } from './drop-mappings.js';
import { createSocketEnd, failPendingQueries } from './end-socket.js';
import { SETTLE_MS } from './late-socket.js';
import { limitAttempt, proveOpen } from './limit-attempt.js';
import { listenToSocket } from './listen-to-socket.js';
import { createPairingOffer } from './pairing-offer.js';
import { createPendingHandlers } from './pending-handlers.js';
import { readCloseError } from './read-close-error.js';
import { createSocketSigns, tellsLogin } from './socket-signs.js';
import type { SocketStage, SocketWatch, WatchSocketParams } from './socket-watch.js';

const LINK_ENDED: CloseFacts = { code: 428, message: 'Connection Closed' };

export function watchSocket(params: WatchSocketParams): SocketWatch {
  const { socket, clock, attemptTimeoutMs } = params;
  const { ws } = socket;
  const offer = createPairingOffer({ socket, clock, qrTimeoutMs: params.qrTimeoutMs });
  const { whenClosed, tell: tellClosed } = createCloseMoment();
  const signs = createSocketSigns({ socket, clock, whenClosed });
  let stage: SocketStage = 'unseen';
  let qr: string | null = null;
  let closeFacts: CloseFacts | null = null;
  let disposed = false;
  let listening: ReturnType<typeof listen> | null = null;
  let cancelTimer = () => {};

  const handlers = createPendingHandlers({
    clock,
    deafAfterMs: params.deafAfterMs,
    onChange: () => params.onChange(),
    onHopeless: () => foundDead('deaf'),
    onHandled: (kind) => params.onHandled?.(kind),
  });

  const alive = () => !disposed && stage !== 'closed';
  const ending = createSocketEnd({ socket, setTimer, whenClosed, alive, onNeverTold: becomeClosed });

  function foundDead(reason: string): void {
    if (alive()) params.onDead(reason);
  }

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
    else if (ending.begun()) return;
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
      lastFrameAtMs: signs.lastFrameAtMs,
      goesOn: () => alive() && !ending.begun() && stage === next,
      onTooLong: () => params.onDead('login_timeout'),
    });
    move(next);
  }

  function onQr(code: string): void {
    // People need longer than any attempt; Baileys itself ends a QR code that nobody scans.
    cancelTimer();
    signs.noteHandshakeOver();
    qr = code;
    offer.onQr();
    if (stage === 'pairing') params.onChange();
    else move('pairing');
  }

  function onOpen(): void {
    cancelTimer();
    signs.noteHandshakeOver();
    const proven = signs.fresh();
    move(proven ? 'open' : 'unproven');
    if (!proven) void prove('unproven');
  }

  function onFrame(frame: unknown): void {
    if (!alive()) return;
    if (signs.noteFrame(frame)) {
      if (stage === 'connecting') offer.onFrame(frame);
      params.onStanza?.(frame);
      const proves = stage === 'unproven' || (stage === 'unseen' && tellsLogin(frame));
      if (proves && !ending.begun()) becomeOpen();
    }
    params.onFrame?.();
  }

  function becomeOpen(): void {
    cancelTimer();
    move('open');
  }

  function prove(asked: 'unproven' | 'unseen'): Promise<void> {
    return proveOpen({
      setTimer,
      goesOn: () => alive() && !ending.begun() && stage === asked,
      worthAsking: () => asked === 'unproven' || signs.loginMayBeOver(),
      probe,
      onProven: becomeOpen,
      onSilent: () => params.onDead(asked === 'unproven' ? 'open_unproven' : 'silent'),
    });
  }

  async function probe({ timeoutMs }: { timeoutMs: number }): Promise<ProbeAnswer> {
    return alive() ? signs.probe({ timeoutMs, unseen: stage === 'unseen' }) : 'unavailable';
  }

  function becomeClosed(facts: CloseFacts): void {
    if (!alive()) return;
    closeFacts = facts;
    cancelTimer();
    handlers.clear();
    listening?.end();
    move('closed');
    tellClosed();
    failPendingQueries(socket);
    dropMappings(socket);
  }

  async function end({ reason, graceMs = 0 }: { reason: string; graceMs?: number }): Promise<void> {
    if (!alive()) return;
    if (!ending.begun()) {
      cancelTimer();
      handlers.clear();
    }
    await ending.end(reason, graceMs);
  }

  function listen() {
    return listenToSocket({
      socket,
      clock,
      onUpdate,
      onFrame,
      onLinkEnded: () => becomeClosed(LINK_ENDED),
      onDead: foundDead,
      onHandler: (outcome, kind) => {
        if (alive() && !ending.begun()) void handlers.follow(outcome, kind);
      },
      onHandlerError: params.onHandlerError,
      onMessages: params.onMessages,
    });
  }

  function start(): void {
    if (ws.isClosed || ws.isClosing) {
      stage = 'closed';
      closeFacts = { code: 428, message: 'Attached after its end' };
      tellClosed();
      return;
    }
    listening = listen();
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
    whenClosed,
    state() {
      const { deaf, oldestKind } = handlers.state();
      const qrExpiresAt = qr === null ? null : offer.qrExpiresAt();
      const stuckKind = deaf ? oldestKind : null;
      return { stage, qr, qrExpiresAt, deaf, stuckKind, phone: phoneOf(socket), close: closeFacts };
    },
    requestPairingCode: async (phone) => {
      if (stage !== 'pairing') throw new Error('This socket is not being paired');
      return offer.requestCode(phone);
    },
    silentForMs: signs.silentForMs,
    probe,
    end,
    dispose() {
      if (disposed) return;
      disposed = true;
      cancelTimer();
      handlers.clear();
      listening?.release();
      tellClosed();
    },
  };
}
