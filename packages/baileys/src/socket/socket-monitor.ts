/**
 * What one Baileys socket is doing, from its first event to its close.
 *
 * Owns: the stage of the socket and its one timer. Knows nothing of what comes after the close. Baileys' `open` is not
 * believed blindly: on a dead socket it is emitted once all its login queries have timed out. One object and no
 * closures, here and in its parts, because each session has one of them for as long as it lives.
 */
import type { Clock, ProbeAnswer } from '@wa-sync/core';
import {
  type BaileysSocketLike,
  type ConnectionUpdateLike,
  HANDSHAKE_GRACE_MS,
  phoneOf,
} from '../client/baileys-like.js';
import { OneTimer } from '../client/timers.js';
import { readCloseError } from '../close/classify-close.js';
import { CloseMoment } from '../close/close-moment.js';
import type { CloseFacts } from '../close/close-reasons.js';
import { dropMappings, type EndingSocket, failPendingQueries, SocketEnd } from '../patches/end-socket.js';
import { SocketListening, type SocketObserver } from '../patches/listen-to-socket.js';
import { limitAttempt, proveOpen } from './limit-attempt.js';
import { codesIn, type PairingCode, PairingOffer } from './pairing-offer.js';
import { type HandlersObserver, PendingHandlers } from './pending-handlers.js';
import { provesLogin, SocketSigns } from './socket-signs.js';
import type { SocketStage, SocketState, SocketWatch, WatchSocketParams } from './socket-state.js';

export function watchSocket(params: WatchSocketParams): SocketWatch {
  const watch = new Watch(params);
  watch.start();
  return watch;
}

class Watch implements SocketWatch, SocketObserver, HandlersObserver, EndingSocket {
  readonly socket: BaileysSocketLike;
  readonly clock: Clock;
  readonly handlersStalledAfterMs: number;
  readonly timer: OneTimer;
  private readonly signs: SocketSigns;
  private readonly handlers: PendingHandlers;
  private readonly closeMoment = new CloseMoment();
  private offer: PairingOffer | null = null;
  private ending: SocketEnd | null = null;
  private stage: SocketStage = 'unseen';
  private qr: string | null = null;
  private closeFacts: CloseFacts | null = null;
  private disposed = false;
  private listening: SocketListening | null = null;

  constructor(private readonly params: WatchSocketParams) {
    this.socket = params.socket;
    this.clock = params.clock;
    this.handlersStalledAfterMs = params.handlersStalledAfterMs;
    this.timer = new OneTimer(params.clock, this);
    this.signs = new SocketSigns(params.socket, params.clock);
    this.handlers = new PendingHandlers(this);
  }

  start(): void {
    const { ws } = this.socket;
    if (ws.isClosed || ws.isClosing) {
      this.stage = 'closed';
      this.closeFacts = { code: 428, message: 'Attached after its end' };
      this.closeMoment.notify();
      return;
    }
    this.listening = new SocketListening(this.socket, this.clock, this, this.params.onMessages);
    // An open WebSocket may be in its handshake or long logged in: only its next event, or a proof, shows which.
    if (!ws.isConnecting) {
      this.timer.set(() => this.prove('unseen'), HANDSHAKE_GRACE_MS);
      return;
    }
    // Set before, so that nobody is notified yet: the caller does not have this watch in hand.
    this.stage = 'connecting';
    this.startAttempt('connecting');
  }

  state(): SocketState {
    const { stage, qr, closeFacts: close } = this;
    const { stalled, oldestKind } = this.handlers.state();
    const stuckKind = stalled ? oldestKind : null;
    const qrExpiresAt = qr === null ? null : this.pairing().qrExpiresAt();
    return { stage, qr, qrExpiresAt, stalled, stuckKind, phone: phoneOf(this.socket), close };
  }

  whenClosed(run: () => void): () => void {
    return this.closeMoment.whenClosed(run);
  }

  silentForMs(): number | null {
    return this.signs.silentForMs();
  }

  async requestPairingCode(phone: string): Promise<PairingCode> {
    if (this.stage !== 'pairing') throw new Error('This socket is not being paired');
    return this.pairing().requestCode(phone);
  }

  async probe({ timeoutMs }: { timeoutMs: number }): Promise<ProbeAnswer> {
    if (!this.alive()) return 'unavailable';
    return this.signs.probe({
      timeoutMs,
      unseen: this.stage === 'unseen',
      whenClosed: (run) => this.whenClosed(run),
    });
  }

  async end({ reason, graceMs = 0 }: { reason: string; graceMs?: number }): Promise<void> {
    if (!this.alive()) return;
    if (!this.endBegun()) {
      this.timer.cancel();
      this.handlers.clear();
    }
    this.ending ??= new SocketEnd(this);
    await this.ending.end(reason, graceMs);
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.timer.cancel();
    this.handlers.clear();
    this.listening?.release();
    this.closeMoment.notify();
  }

  onUpdate(update: ConnectionUpdateLike): void {
    if (!this.alive()) return;
    if (update.connection === 'close') this.becomeClosed(readCloseError(update.lastDisconnect?.error));
    else if (this.endBegun()) return;
    else if (update.connection === 'open') this.onOpen();
    else if (update.isNewLogin) this.startAttempt('paired');
    else if (update.qr) this.onQr(update.qr);
    else if (update.connection === 'connecting' && this.stage === 'unseen') this.startAttempt('connecting');
  }

  onFrame(frame: unknown): void {
    if (!this.alive()) return;
    if (this.signs.noteFrame(frame)) {
      const codes = this.stage === 'connecting' ? codesIn(frame) : 0;
      if (codes > 0) this.pairing().expectCodes(codes);
      this.params.onStanza?.(frame);
      const proves = this.stage === 'unproven' || (this.stage === 'unseen' && provesLogin(frame));
      if (proves && !this.endBegun()) this.move('open');
    }
    this.params.onFrame?.();
  }

  onLinkEnded(): void {
    this.becomeClosed({ code: 428, message: 'Connection Closed' });
  }

  onDead(reason: string): void {
    if (this.alive()) this.params.onDead(reason);
  }

  onBroken(): void {
    this.onDead('stream_broken');
  }

  onHandlerError(error: unknown): void {
    this.params.onHandlerError?.(error);
  }

  onHandler(outcome: Promise<unknown>, kind: string): void {
    if (this.alive() && !this.endBegun()) void this.handlers.follow(outcome, kind);
  }

  onStalledChange(): void {
    this.params.onChange();
  }

  onHopeless(): void {
    this.onDead('handlers_stalled');
  }

  onHandled(kind: string): void {
    this.params.onHandled?.(kind);
  }

  becomeClosed(facts: CloseFacts): void {
    if (!this.alive()) return;
    this.closeFacts = facts;
    this.timer.cancel();
    this.handlers.clear();
    this.listening?.end();
    this.move('closed');
    this.closeMoment.notify();
    failPendingQueries(this.socket);
    dropMappings(this.socket);
  }

  alive(): boolean {
    return !this.disposed && this.stage !== 'closed';
  }

  private endBegun(): boolean {
    return this.ending?.begun() === true;
  }

  private pairing(): PairingOffer {
    this.offer ??= new PairingOffer(this.socket, this.clock, this.params.qrTimeoutMs);
    return this.offer;
  }

  private move(next: SocketStage): void {
    if (this.stage === next) return;
    this.stage = next;
    if (next !== 'pairing') this.qr = null;
    if (next === 'open') this.timer.cancel();
    this.params.onChange();
  }

  private startAttempt(next: 'paired' | 'connecting'): void {
    limitAttempt({
      clock: this.clock,
      timer: this.timer,
      limitMs: this.params.attemptTimeoutMs,
      lastFrameAtMs: () => this.signs.lastFrameAtMs(),
      goesOn: () => this.alive() && !this.endBegun() && this.stage === next,
      onTooLong: () => this.params.onDead('login_timeout'),
    });
    this.move(next);
  }

  private onQr(code: string): void {
    // People need longer than any attempt; Baileys itself ends a QR code that nobody scans.
    this.timer.cancel();
    this.signs.noteHandshakeOver();
    this.qr = code;
    this.pairing().onQr();
    if (this.stage === 'pairing') this.params.onChange();
    else this.move('pairing');
  }

  private onOpen(): void {
    this.timer.cancel();
    this.signs.noteHandshakeOver();
    const proven = this.signs.fresh();
    this.move(proven ? 'open' : 'unproven');
    if (!proven) void this.prove('unproven');
  }

  private prove(asked: 'unproven' | 'unseen'): Promise<void> {
    return proveOpen({
      timer: this.timer,
      goesOn: () => this.alive() && !this.endBegun() && this.stage === asked,
      worthAsking: () => asked === 'unproven' || this.signs.loginMayBeOver(),
      probe: (ask) => this.probe(ask),
      onProven: () => this.move('open'),
      onSilent: () => this.params.onDead(asked === 'unproven' ? 'open_unproven' : 'silent'),
    });
  }
}
