/**
 * Runs one session for the provider: after each close of its socket it decides, waits and lets the next one be opened.
 *
 * Owns: the history of its attempts, its one timer between sockets, and its stop. States: waiting for a login slot, opening, open,
 * pausing, parked (a person has to act), stopped. Only the loop in `run` opens sockets, one after the other, so there is never a second
 * one however many closes and calls arrive.
 */
import { maskNumbers } from '@wa-sync/core';
import { classifyClose } from './classify-close.js';
import { classifyOpenError } from './classify-open-error.js';
import type { CloseFacts, CloseReason } from './close-reasons.js';
import { createDeafStreak } from './deaf-streak.js';
import { holdCredentials } from './hold-credentials.js';
import { holdProcess } from './hold-process.js';
import { createMessageFeed } from './message-feed.js';
import { afterOpen, type NextStep, NO_HISTORY, nextStep } from './next-step.js';
import { pause } from './pause.js';
import { textOf } from './quiet-baileys-logger.js';
import { createSessionConnection } from './session-connection.js';
import type { SessionDeps, SessionRun } from './session-run.js';
import { createSessionSocket } from './session-socket.js';
import { createSessionView } from './session-view.js';

/** How long WhatsApp may take to answer a polite goodbye. */
const GOODBYE_MS = 250;

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
  const { sessionId, tenure, fenced, stillOurs, phone, after } = params;
  const { clock, logger, random, conversationOf } = deps;
  const stopper = new AbortController();
  const stopping = stopper.signal;
  const over = () => stopping.aborted;
  const wait = (delayMs: number) => pause({ clock, delayMs, signal: stopping });
  const named = `Session ${maskNumbers(sessionId)}`;
  const feed = conversationOf && createMessageFeed({ sessionId, conversationOf, clock, logger });
  const streak = createDeafStreak({ sessionId, memory: deps.deafMemory });
  const credentials = holdCredentials(
    { sessionId, tenure, phone, fenced, stopping, onFailing: () => socket.lookAgain() },
    deps,
  );
  const view = createSessionView({ clock, authFailing: credentials.failing, restart: streak.restart });
  const socket = createSessionSocket({ sessionId, view, streak, feed, stopping, onOpen: noteOpen }, deps);
  let history = NO_HISTORY;
  let parked = false;
  let stopped: Promise<void> | null = null;
  let cancelStable = () => {};

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
      if (step.quarantine) await credentials.quarantine(step.reason.code);
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
    const giveBackSlot = await deps.slots.take(stopping);
    if (giveBackSlot === null) return null;
    try {
      const baileys = await deps.loadBaileys();
      const auth = await credentials.readyForLogin();
      if (over()) return null;
      const facts = await socket.use(baileys, auth, giveBackSlot);
      return { close: classifyClose(facts), facts };
    } catch (error) {
      logger.error({ code: 'open_failed', sessionId, error: textOf(error) }, `${named}: opening a connection failed`);
      return { close: classifyOpenError(error), facts: {} };
    } finally {
      giveBackSlot();
      cancelStable();
    }
  }

  function noteOpen(): void {
    history = afterOpen(history);
    cancelStable();
    cancelStable = clock.schedule(() => {
      history = NO_HISTORY;
    }, deps.backoff.stableAfterMs);
  }

  function log({ status, reason, delayMs }: NextStep): void {
    const fields = { code: reason.code, sessionId, status, delayMs };
    const line = `${named}: ${reason.detail}`;
    if (delayMs === null || status !== 'RECONNECTING') logger.warn(fields, line);
    else logger.info(fields, line);
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
    stopper.abort();
    await socket.end(reason, fenced.aborted ? 0 : GOODBYE_MS);
    await loop;
    fenced.removeEventListener('abort', onFenced);
    await credentials.storeTheRest();
    await feed?.close();
    credentials.retire();
    view.show({ status: 'DISCONNECTED', reason: { code: reason } });
    view.clear();
    params.onStopped();
  }

  function stop(reason: string): Promise<void> {
    stopped ??= stopNow(reason);
    return stopped;
  }

  function onFenced(): void {
    void stop('tenure_lost');
    // A goodbye under way was polite to a login that is another's by now.
    void socket.end('tenure_lost', 0);
  }

  if (fenced.aborted) onFenced();
  else fenced.addEventListener('abort', onFenced, { once: true });

  const connection = createSessionConnection({ sessionId, view, socket, feed, fenced, clock, stop });

  return {
    tenure,
    connection,
    idle: () => parked || over(),
    stop,
  };
}
