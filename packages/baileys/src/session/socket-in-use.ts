import { type Clock, maskNumbers, WaSyncError } from '@wa-sync/core';
import { catchLater } from '@wa-sync/core/adapter';
import type { GuardedAuth } from '../auth/guard-auth.js';
import type { BaileysSocketLike } from '../client/baileys-like.js';
import type { BaileysMembers } from '../client/baileys-module.js';
import type { CloseFacts } from '../close/close-reasons.js';
import type { OnMessages } from '../messages/tap-messages.js';
import { containBaileysLogger, silentBaileysLogger } from '../patches/silence-logs.js';
import { watchSocket } from '../socket/socket-monitor.js';
import type { SocketWatch, WatchSocketParams } from '../socket/socket-state.js';
import type { SessionParts } from './session-context.js';

/**
 * One socket of a session, from its opening to its close: shows what it does, and ends it.
 *
 * Owns: its watch, and its right to write credentials, which goes with its end.
 */
export class SocketInUse implements WatchSocketParams {
  readonly socket: BaileysSocketLike;
  readonly clock: Clock;
  readonly attemptTimeoutMs: number;
  readonly handlersStalledAfterMs: number;
  readonly qrTimeoutMs: number | undefined;
  readonly onMessages: OnMessages | undefined;
  readonly onStanza: ((stanza: unknown) => void) | undefined;
  readonly watch: SocketWatch;
  private opened = false;
  private stalled = false;

  constructor(
    private readonly session: SessionParts,
    private readonly auth: GuardedAuth,
    /** The slot of its login is free once that is over, or a person has to scan. */
    private readonly freeSlot: () => void,
    private readonly onClosed: (facts: CloseFacts) => void,
    makeWASocket: BaileysMembers['makeWASocket'],
  ) {
    const { sessionId, feed, deps } = session;
    const config = checkSocketConfig(deps.socketConfig({ sessionId }));
    const logger = config.logger === undefined ? silentBaileysLogger : containBaileysLogger(config.logger);
    this.socket = makeWASocket({ ...config, logger, auth: auth.forNextSocket() });
    this.socket.ev.on('creds.update', () => auth.saveSoon());
    this.clock = deps.clock;
    this.attemptTimeoutMs = deps.attemptTimeoutMs;
    this.handlersStalledAfterMs = deps.handlersStalledAfterMs;
    this.qrTimeoutMs = config.qrTimeout;
    const handlers = feed?.handlersFor(this.socket);
    this.onMessages = handlers?.onMessages;
    this.onStanza = handlers?.onStanza;
    this.watch = watchSocket(this);
  }

  onChange(): void {
    const { view, stopping } = this.session;
    const state = this.watch.state();
    const { stage } = state;
    if (stage === 'pairing' || stage === 'paired' || stage === 'open') this.freeSlot();
    if (stage === 'closed') {
      this.auth.revoke();
      this.onClosed(state.close ?? {});
    } else if (!stopping.aborted) {
      if (stage === 'open' && !this.opened) this.session.onOpen();
      this.opened ||= stage === 'open';
      if (state.stalled && !this.stalled) this.noteStall(state.stuckKind);
      this.stalled = state.stalled;
      view.showSocket(state);
    }
  }

  onDead(reason: string): void {
    if (reason === 'handlers_stalled') this.session.streak.givenUp(this.watch.state().stuckKind);
    void this.giveUp(reason);
  }

  onHandled(kind: string): void {
    if (this.session.streak.handled(kind)) this.onChange();
  }

  onHandlerError(error: unknown): void {
    const { sessionId, deps } = this.session;
    deps.logger.debug({ code: 'handler_failed', sessionId, err: error }, 'A stanza handler failed');
  }

  /** Ends one that will not recover; what follows is for `runSession`. */
  async giveUp(reason: string): Promise<void> {
    if (this.watch.state().stage === 'closed') return;
    const { sessionId, view, stopping, deps } = this.session;
    deps.logger.warn(
      { code: 'connection_dead', sessionId, reason },
      `Session ${maskNumbers(sessionId)}: ending a dead connection`,
    );
    if (!stopping.aborted) view.show({ status: 'RECONNECTING', reason: { code: reason } });
    await this.end(reason, 0);
  }

  /** A second call only takes back the grace that the first one gave. */
  async end(reason: string, graceMs: number): Promise<void> {
    const ended = this.watch.end({ reason, graceMs });
    this.auth.revoke();
    await ended;
  }

  private noteStall(kind: string | null): void {
    const { sessionId, streak, deps } = this.session;
    streak.stalled(kind);
    deps.logger.warn(
      { code: 'handlers_stalled', sessionId, kind },
      `Session ${maskNumbers(sessionId)}: stanzas arrive and their handling does not end`,
    );
  }
}

/** @throws WaSyncError `config_invalid` where the host's function returned a promise */
function checkSocketConfig(given: object | undefined): { qrTimeout?: number | undefined; logger?: unknown } {
  // Spread into the options, a promise would be none at all.
  if (given !== undefined && 'then' in catchLater(given))
    throw new WaSyncError('config_invalid', 'socketConfig returned a promise; it has to return the options themselves');
  return given ?? {};
}
