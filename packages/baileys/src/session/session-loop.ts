/**
 * Runs one session for the provider: after each close of its socket it decides, waits and lets the next one be opened.
 *
 * Owns: the history of its attempts, its one timer between sockets, and its stop. States: waiting for a login slot,
 * opening, open, pausing, parked (a person has to act), stopped. Only the loop in `run` opens sockets, one after the
 * other, so there is never a second one however many closes and calls arrive.
 */
import { maskNumbers, type WhatsAppConnection } from '@wa-sync/core';
import { createFailureLog, type FailureLog } from '@wa-sync/core/adapter';
import type { GuardedAuth } from '../auth/guard-auth.js';
import type { BaileysMembers } from '../client/baileys-module.js';
import { pause } from '../client/timers.js';
import { classifyClose, classifyOpenError } from '../close/classify-close.js';
import type { CloseFacts, CloseReason } from '../close/close-reasons.js';
import { createMessageFeed, type MessageFeed } from '../messages/message-feed.js';
import { holdProcess, letProcessGo } from '../socket/hold-process.js';
import { StalledHandlers } from '../socket/stalled-handlers.js';
import { type CredentialsOwner, HeldCredentials } from './hold-credentials.js';
import { afterOpen, type NextStep, NO_HISTORY, nextStep, REPLACED_PAUSE_MS, STABLE_AFTER_MS } from './next-step.js';
import { createSessionConnection } from './session-connection.js';
import type { RunSessionParams, SessionDeps, SessionParts, SessionRun } from './session-context.js';
import { SessionView } from './session-view.js';
import { SocketInUse } from './socket-in-use.js';

/** How long WhatsApp may take to answer a logout. */
const GOODBYE_MS = 250;

interface Ended {
  readonly close: CloseReason;
  readonly facts: CloseFacts;
}

export function runSession(params: RunSessionParams, deps: SessionDeps): SessionRun {
  const session = new ProvidedSession(params, deps);
  session.start();
  return session;
}

class ProvidedSession implements SessionRun, SessionParts, CredentialsOwner {
  readonly sessionId: string;
  readonly tenure: string;
  readonly phone: string | null;
  readonly fenced: AbortSignal;
  readonly stopping: AbortSignal;
  readonly streak: StalledHandlers;
  readonly feed: MessageFeed | undefined;
  readonly view: SessionView;
  readonly connection: WhatsAppConnection;
  private readonly stopper = new AbortController();
  private readonly credentials: HeldCredentials;
  private socket: SocketInUse | null = null;
  private history = NO_HISTORY;
  private readonly openFailures: FailureLog;
  private parked = false;
  private loop: Promise<void> | null = null;
  private stopped: Promise<void> | null = null;
  private cancelStable: (() => void) | null = null;

  constructor(
    private readonly params: RunSessionParams,
    readonly deps: SessionDeps,
  ) {
    const { sessionId, tenure, phone, fenced } = params;
    const { clock, logger, conversationOf } = deps;
    this.sessionId = sessionId;
    this.tenure = tenure;
    this.phone = phone;
    this.fenced = fenced;
    this.stopping = this.stopper.signal;
    this.streak = new StalledHandlers(sessionId, deps.stallMemory);
    this.openFailures = createFailureLog(deps);
    this.feed = conversationOf && createMessageFeed({ sessionId, conversationOf, clock, logger });
    this.credentials = new HeldCredentials(this, deps);
    this.view = new SessionView(clock, this.streak, this.credentials);
    this.connection = createSessionConnection(this);
  }

  start(): void {
    this.loop = this.run();
    if (this.fenced.aborted) this.onFenced();
    else this.fenced.addEventListener('abort', this.onFenced, { once: true });
  }

  halted(): boolean {
    return this.parked || this.over();
  }

  stop(reason: string): Promise<void> {
    this.stopped ??= this.stopNow(reason);
    return this.stopped;
  }

  /** Its socket; `null` between two. */
  socketInUse(): SocketInUse | null {
    return this.socket;
  }

  onOpen(): void {
    this.openFailures.works();
    this.history = afterOpen(this.history);
    this.cancelStable?.();
    this.cancelStable = this.deps.clock.schedule(() => {
      this.cancelStable = null;
      this.history = NO_HISTORY;
    }, STABLE_AFTER_MS);
  }

  onFailing(): void {
    this.socket?.onChange();
  }

  private readonly onFenced = (): void => {
    void this.stop('tenure_lost');
    // A logout under way belonged to a login that another replica has by now.
    void this.socket?.end('tenure_lost', 0);
  };

  private async stopNow(reason: string): Promise<void> {
    this.stopper.abort();
    await this.socket?.end(reason, this.fenced.aborted ? 0 : GOODBYE_MS);
    await this.loop;
    this.fenced.removeEventListener('abort', this.onFenced);
    await this.credentials.storeTheRest();
    await this.feed?.close();
    this.credentials.retire();
    this.view.show({ status: 'DISCONNECTED', reason: { code: reason } });
    this.view.clear();
    this.params.onStopped();
  }

  private async run(): Promise<void> {
    holdProcess();
    try {
      await this.params.after;
      await this.wait(this.deps.random.next() * this.deps.loginJitterMs);
      while (!this.over()) {
        const ended = await this.attempt();
        if (ended === null || !(await this.readyForNext(ended))) return;
      }
    } catch (error) {
      this.complain('session_failed', 'stopped unexpectedly', error);
      this.view.show({ status: 'ERROR', reason: { code: 'unexpected_error' } });
    } finally {
      this.parked = true;
      letProcessGo();
    }
  }

  /** One login and what became of it; `null` when the run is over. */
  private async attempt(): Promise<Ended | null> {
    const freeSlot = await this.deps.slots.take(this.stopping);
    if (freeSlot === null) return null;
    try {
      const { makeWASocket } = await this.deps.loader.need(['makeWASocket']);
      const auth = await this.credentials.readyForLogin();
      if (this.over()) return null;
      const facts = await this.useSocket(makeWASocket, auth, freeSlot);
      return { close: classifyClose(facts), facts };
    } catch (error) {
      const close = classifyOpenError(error);
      this.openFailures.failed(
        { code: 'open_failed', sessionId: this.sessionId },
        `${this.named()}: opening a connection failed`,
        error,
      );
      return { close, facts: {} };
    } finally {
      this.socket = null;
      this.view.unfollow();
      freeSlot();
      this.cancelStable?.();
    }
  }

  /** Opens a socket and waits for its end. */
  private useSocket(
    makeWASocket: BaileysMembers['makeWASocket'],
    auth: GuardedAuth,
    freeSlot: () => void,
  ): Promise<CloseFacts> {
    return new Promise((resolve) => {
      const socket = new SocketInUse(this, auth, freeSlot, resolve, makeWASocket);
      this.socket = socket;
      this.view.follow(socket.watch);
      socket.onChange();
    });
  }

  /**
   * Shows what follows from an end, and waits until it is time for the next login; `false` where none is to follow by
   * itself.
   */
  private async readyForNext(ended: Ended): Promise<boolean> {
    if (this.over()) return false;
    const { view, credentials } = this;
    const step = this.decide(ended);
    this.history = step.history;
    if (ended.close.action !== 'reopen_now') view.endPairing();
    // Done before anybody is notified, because a listener may open the session anew at once.
    this.parked = step.delayMs === null;
    this.log(step);
    view.show({ status: step.status, reason: step.reason, reconnectAttempt: this.history.attempts });
    if (step.quarantine) await credentials.quarantine(step.reason.code);
    if (step.delayMs === null) return false;
    if (step.delayMs > 0) await this.wait(step.delayMs);
    // Another replica may hold the session by now and have replaced this login: logging in again would take it over in
    // turns.
    if (ended.close.action === 'replaced') await this.waitUntilOurs();
    return true;
  }

  private async waitUntilOurs(): Promise<void> {
    const { sessionId } = this;
    while (!this.over()) {
      try {
        if (await this.params.stillOurs()) return;
      } catch (error) {
        const fields = { code: 'claim_unknown', sessionId, err: error };
        this.deps.logger.debug(fields, `${this.named()}: the store does not say whose it is`);
      }
      await this.wait(REPLACED_PAUSE_MS);
    }
  }

  private decide(ended: Ended): NextStep {
    const { clock, random, backoff: settings } = this.deps;
    return nextStep({
      ...ended,
      history: this.history,
      settings,
      nowMs: clock.monotonicMs(),
      random: random.next(),
    });
  }

  private over(): boolean {
    return this.stopping.aborted;
  }

  private wait(delayMs: number): Promise<void> {
    return pause({ clock: this.deps.clock, delayMs, signal: this.stopping });
  }

  private named(): string {
    return `Session ${maskNumbers(this.sessionId)}`;
  }

  private log({ status, reason, delayMs }: NextStep): void {
    const fields = { code: reason.code, sessionId: this.sessionId, status, delayMs };
    const line = `${this.named()}: ${reason.detail}`;
    if (delayMs === null || status !== 'RECONNECTING') this.deps.logger.warn(fields, line);
    else this.deps.logger.info(fields, line);
  }

  private complain(code: string, what: string, error: unknown): void {
    const fields = { code, sessionId: this.sessionId, err: error };
    this.deps.logger.error(fields, `${this.named()}: ${what}`);
  }
}
