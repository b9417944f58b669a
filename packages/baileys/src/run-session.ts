/**
 * Runs one session for the provider: opens its socket, and after each close decides, waits and opens the next.
 *
 * Owns: the one socket of the session, its one timer between sockets, and its credentials. States: waiting for a login slot,
 * opening, open, pausing, parked (a person has to act), stopped. Only the loop in `run` opens sockets, one after the other, so there
 * is never a second one however many closes and calls arrive.
 */
import { maskNumbers, type WhatsAppConnection } from '@wa-sync/core';
import type { BaileysSocketLike } from './baileys-like.js';
import { classifyClose } from './classify-close.js';
import { classifyOpenError } from './classify-open-error.js';
import type { CloseFacts, CloseReason } from './close-reasons.js';
import { createDeafStreak } from './deaf-streak.js';
import { type GuardedAuth, guardAuth } from './guard-auth.js';
import { holdProcess } from './hold-process.js';
import type { BaileysModuleLike } from './load-baileys.js';
import { createMessageFeed } from './message-feed.js';
import { afterOpen, type NextStep, NO_HISTORY, nextStep } from './next-step.js';
import { pause } from './pause.js';
import { quietBaileysLogger, textOf } from './quiet-baileys-logger.js';
import { refuseOtherNumber } from './refuse-other-number.js';
import { sendText } from './send-text.js';
import type { SessionDeps, SessionRun } from './session-run.js';
import { createSessionView } from './session-view.js';
import type { SocketWatch } from './socket-watch.js';
import { watchSocket } from './watch-socket.js';

/** How long WhatsApp may take to answer a polite goodbye. */
const GOODBYE_MS = 250;
const SETTLE_KEYS_MS = 1_000;

export function runSession(
  params: {
    sessionId: string;
    tenure: string;
    fenced: AbortSignal;
    /** Asks the store whether the claim stands. */
    stillOurs(): Promise<boolean>;
    /** The number that the session's row has. */
    phone: string | null;
    /** The end of the run before. */
    after: Promise<void>;
    onStopped(): void;
  },
  deps: SessionDeps,
): SessionRun {
  const { sessionId, tenure, fenced, stillOurs, after } = params;
  const { clock, logger, random, conversationOf } = deps;
  const feed = conversationOf && createMessageFeed({ sessionId, conversationOf, clock, logger });
  const streak = createDeafStreak({ sessionId, memory: deps.deafMemory });
  const view = createSessionView({
    clock,
    authFailing: () => auth?.failing === true,
    restart: () => streak.restart,
  });
  const stopping = new AbortController();
  const over = () => stopping.signal.aborted;
  const wait = (delayMs: number) => pause({ clock, delayMs, signal: stopping.signal });
  const named = `Session ${maskNumbers(sessionId)}`;
  let history = NO_HISTORY;
  let auth: GuardedAuth | null = null;
  let parked = false;
  let stopped: Promise<void> | null = null;
  let cancelStable = () => {};
  let lookAgain = () => {};

  async function run(): Promise<void> {
    await after;
    await wait(random.next() * deps.loginJitterMs);
    while (!over()) {
      const ended = await attempt();
      if (ended === null || over()) return;
      const step = decide(ended);
      history = step.history;
      if (ended.close.action !== 'reopen_now') view.endPairing();
      // Before anybody is told, because whoever hears it may open the session anew at once.
      parked = step.delayMs === null;
      log(step);
      view.show({ status: step.status, reason: step.reason, reconnectAttempt: history.attempts });
      if (step.quarantine) await quarantine(step.reason.code);
      if (step.delayMs === null) return;
      if (step.delayMs > 0) await wait(step.delayMs);
      // Whoever threw this login out may hold the session by now: to log in again would rob it in turns.
      if (ended.close.action === 'replaced') await waitUntilOurs();
    }
  }

  async function waitUntilOurs(): Promise<void> {
    while (!over()) {
      try {
        if (await stillOurs()) return;
      } catch (error) {
        logger.debug(
          { code: 'claim_unknown', sessionId, error: textOf(error) },
          `${named}: the store cannot tell whose it is`,
        );
      }
      await wait(deps.backoff.replacedPauseMs);
    }
  }

  function decide(ended: { close: CloseReason; facts: CloseFacts }): NextStep {
    const settings = deps.backoff;
    return nextStep({ ...ended, history, settings, nowMs: clock.monotonicMs(), random: random.next() });
  }

  /** One login and what became of it; `null` when the run is over. */
  async function attempt(): Promise<{ close: CloseReason; facts: CloseFacts } | null> {
    const giveBackSlot = await deps.slots.take(stopping.signal);
    if (giveBackSlot === null) return null;
    try {
      const baileys = await deps.loadBaileys();
      auth ??= await openAuth();
      // What the last socket learned has to be stored before the next one logs in with it.
      await auth.settle(SETTLE_KEYS_MS);
      await auth.flush();
      if (over()) return null;
      const facts = await useSocket(baileys, auth, giveBackSlot);
      return { close: classifyClose(facts), facts };
    } catch (error) {
      logger.error({ code: 'open_failed', sessionId, error: textOf(error) }, `${named}: opening a connection failed`);
      return { close: classifyOpenError(error), facts: {} };
    } finally {
      giveBackSlot();
      cancelStable();
      lookAgain = () => {};
      view.unfollow();
    }
  }

  async function openAuth(): Promise<GuardedAuth> {
    const opened = await deps.auth({ sessionId, tenure });
    refuseOtherNumber({ sessionId, creds: opened.state.creds, phone: params.phone });
    return guardAuth({
      sessionId,
      auth: opened,
      clock,
      logger,
      timeoutMs: deps.authTimeoutMs,
      mayWrite: () => !fenced.aborted,
      onFailing: () => lookAgain(),
    });
  }

  /** Opens one socket and waits for its end. */
  function useSocket(baileys: BaileysModuleLike, own: GuardedAuth, giveBackSlot: () => void): Promise<CloseFacts> {
    const config = deps.socketConfig({ sessionId });
    const socket: BaileysSocketLike = baileys.makeWASocket({
      logger: quietBaileysLogger,
      ...config,
      auth: own.forNextSocket(),
    });
    socket.ev.on('creds.update', () => own.saveSoon());
    return new Promise((resolve) => {
      let opened = false;
      let deaf = false;
      const watch = watchSocket({
        socket,
        clock,
        attemptTimeoutMs: deps.attemptTimeoutMs,
        deafAfterMs: deps.deafAfterMs,
        qrTimeoutMs: (config as { qrTimeout?: number | undefined }).qrTimeout,
        ...feed?.ears(socket),
        onChange: look,
        onDead: (reason) => {
          if (reason === 'deaf') streak.givenUp(watch.stuckKind);
          void giveUp(watch, reason);
        },
        onHandled: (kind) => {
          if (streak.handled(kind)) look();
        },
        onHandlerError: (error) =>
          logger.debug({ code: 'handler_failed', sessionId, error: textOf(error) }, 'A stanza handler failed'),
      });
      view.follow(watch);
      lookAgain = look;
      look();

      function look(): void {
        const { stage } = watch;
        if (stage === 'pairing' || stage === 'paired' || stage === 'open') giveBackSlot();
        if (stage === 'closed') {
          own.revoke();
          resolve(watch.close ?? {});
        } else if (!over()) {
          if (stage === 'open' && !opened) noteOpen();
          opened ||= stage === 'open';
          if (watch.deaf && !deaf) noteDeaf(watch);
          deaf = watch.deaf;
          view.showSocket(watch);
        }
      }
    });
  }

  function noteOpen(): void {
    history = afterOpen(history);
    cancelStable();
    cancelStable = clock.schedule(() => {
      history = NO_HISTORY;
    }, deps.backoff.stableAfterMs);
  }

  function noteDeaf(watch: SocketWatch): void {
    streak.turnedDeaf(watch.stuckKind);
    logger.warn(
      { code: 'connection_deaf', sessionId, kind: watch.stuckKind },
      `${named}: stanzas arrive and their handling does not end`,
    );
  }

  /** Ends a socket that will not recover; the loop does the rest. */
  async function giveUp(watch: SocketWatch, reason: string): Promise<void> {
    if (watch.stage === 'closed') return;
    logger.warn({ code: 'connection_dead', sessionId, reason }, `${named}: ending a dead connection`);
    if (!over()) view.show({ status: 'RECONNECTING', reason: { code: reason } });
    await endSocketOf(watch, reason, 0);
  }

  async function endSocketOf(watch: SocketWatch, reason: string, graceMs: number): Promise<void> {
    const ended = watch.end({ reason, graceMs });
    auth?.revoke();
    await ended;
  }

  function log({ status, reason, delayMs }: NextStep): void {
    const fields = { code: reason.code, sessionId, status, delayMs };
    const line = `${named}: ${reason.detail}`;
    if (delayMs === null || status !== 'RECONNECTING') logger.warn(fields, line);
    else logger.info(fields, line);
  }

  /** Puts the credentials aside, however long the store takes to let us: with them the next start would log in again. */
  async function quarantine(reason: string): Promise<void> {
    const own = auth;
    auth = null;
    if (own === null) return;
    await own.settle(SETTLE_KEYS_MS);
    own.retire();
    for (let failures = 0; !over(); failures++) {
      try {
        return await own.quarantine(reason);
      } catch (error) {
        logger.error({ code: 'quarantine_failed', sessionId, error: textOf(error) }, `${named}: quarantine failed`);
        await wait(deps.backoff.baseMs * 2 ** Math.min(failures, 6));
      }
    }
  }

  const letGo = holdProcess();
  const loop = run()
    .catch((error: unknown) => {
      logger.error({ code: 'session_failed', sessionId, error: textOf(error) }, `${named}: stopped unexpectedly`);
      view.show({ status: 'ERROR', reason: { code: 'unexpected_error' } });
    })
    .finally(() => {
      parked = true;
      letGo();
    });

  async function stopNow(reason: string): Promise<void> {
    stopping.abort();
    if (view.watch !== null) await endSocketOf(view.watch, reason, fenced.aborted ? 0 : GOODBYE_MS);
    await loop;
    fenced.removeEventListener('abort', onFenced);
    await storeTheRest();
    await feed?.close();
    auth?.retire();
    view.show({ status: 'DISCONNECTED', reason: { code: reason } });
    view.clear();
    params.onStopped();
  }

  async function storeTheRest(): Promise<void> {
    if (auth === null || fenced.aborted) return;
    try {
      await auth.settle(SETTLE_KEYS_MS);
      await auth.flush();
    } catch (error) {
      logger.error(
        { code: 'auth_write_failed', sessionId, error: textOf(error) },
        `${named}: writing credentials failed`,
      );
    }
  }

  function stop(reason: string): Promise<void> {
    stopped ??= stopNow(reason);
    return stopped;
  }

  function onFenced(): void {
    void stop('tenure_lost');
    // A goodbye under way was polite to a login that is another's by now.
    void view.watch?.end({ reason: 'tenure_lost' });
  }

  if (fenced.aborted) onFenced();
  else fenced.addEventListener('abort', onFenced, { once: true });

  const connection: WhatsAppConnection = {
    sessionId,
    snapshot: view.snapshot,
    probe: async ({ timeoutMs }) => (await view.watch?.probe({ timeoutMs })) ?? 'unavailable',
    onChange: view.onChange,
    heal: async ({ reason }) => {
      if (view.watch !== null) await giveUp(view.watch, reason);
    },
    close: ({ reason }) => stop(reason),
    async sendText(message) {
      const { watch } = view;
      if (watch?.stage !== 'open' || fenced.aborted) return 'failed';
      return sendText({ ...message, socket: watch.socket, clock, whenClosed: watch.whenClosed });
    },
    async requestPairingCode({ phone }) {
      if (view.watch === null) throw new Error('No socket is open');
      return view.watch.requestPairingCode(phone);
    },
    async logOut() {
      if (view.watch?.stage !== 'open') throw new Error('No socket is open');
      await view.watch.socket.logout?.();
    },
    ...(feed && { onMessages: feed.onMessages, messagesTold: feed.idle }),
  };

  return {
    tenure,
    connection,
    get idle() {
      return parked || over();
    },
    stop,
  };
}
