/**
 * Watches one socket that the host opened and repairs itself. The next socket of the host's loop gets an observation
 * of its own.
 *
 * Owns: what this socket's life means as a status, and the wait for a re-attach. Never opens a socket; ends one only
 * where the host asked for it with `onDead: 'end'`.
 */
import {
  type Clock,
  checkSessionId,
  type KnownObservation,
  maskNumbers,
  type Observation,
  type Reason,
  type SessionStatus,
  systemClock,
  type WhatsAppConnection,
} from '@wa-sync/core';
import { createHostCalls, lateLogger, parseOptions } from '@wa-sync/core/adapter';
import * as z from 'zod/mini';
import type { BaileysSocketLike } from './client/baileys-like.js';
import type { ConversationOf } from './client/option-types.js';
import {
  attemptTimeoutOption,
  clockOption,
  conversationOfOption,
  durationMs,
  socketOption,
} from './client/option-types.js';
import { classifyClose } from './close/classify-close.js';
import { createMessageFeed } from './messages/message-feed.js';
import { Listeners } from './patches/notify-listeners.js';
import { sendText } from './socket/send-text.js';
import { watchSocket } from './socket/socket-monitor.js';
import { HANDLERS_STALLED } from './socket/socket-state.js';
import { StalledHandlers, type StallMemory } from './socket/stalled-handlers.js';

/** What `observeBaileysSocket` takes. */
export interface ObserveBaileysSocketOptions {
  sessionId: string;
  /** What `makeWASocket()` returned; any fork's that has the same shape. */
  socket: BaileysSocketLike;
  /**
   * What to do with a socket that is dead and does not know it. `end`: end it, so that the host's own close handler
   * runs within milliseconds and its loop opens the next one. `report`: only report it.
   */
  onDead: 'end' | 'report';
  /** Called with each finding of a dead socket, whatever `onDead` says. */
  onDeadReport?: ((found: { sessionId: string; reason: string }) => void) | undefined;
  /**
   * Names the host's conversation of a message, so that it is recorded; `null` where it has none. Asked for what
   * people write, also for groups; not for status updates, channels, reactions and history.
   */
  conversationOf?: ConversationOf | undefined;
  /** Without another socket for so long after a close the session is `DISCONNECTED`. @defaultValue 300,000 */
  reattachWithinMs?: number | undefined;
  /**
   * How long a login may be without a frame before the socket counts as dead; three times as long in all.
   * @defaultValue 30,000
   */
  attemptTimeoutMs?: number | undefined;
  /**
   * How long the handling of one stanza may take before the session's health is `degraded`; after twice as long the
   * socket counts as dead. @defaultValue 30,000
   */
  handlersStalledAfterMs?: number | undefined;
  /** @defaultValue the system's */
  clock?: Clock | undefined;
}

const schema = z.strictObject({
  sessionId: z.string('takes a session id'),
  socket: socketOption,
  onDead: z.enum(['end', 'report'], "takes 'end' or 'report'"),
  onDeadReport: z.optional(
    z.custom<(found: { sessionId: string; reason: string }) => void>(
      (value) => typeof value === 'function',
      'takes a function',
    ),
  ),
  conversationOf: z.optional(conversationOfOption),
  reattachWithinMs: z._default(durationMs(), 300_000),
  attemptTimeoutMs: attemptTimeoutOption,
  handlersStalledAfterMs: z._default(durationMs(), 30_000),
  clock: z._default(clockOption, systemClock),
});

/** Of all sessions that are attached in this process: each socket of a host's loop is an observation of its own. */
const stallMemory: StallMemory = new Map();

/** Findings that frames which come again do not refute. */
const FINAL: ReadonlySet<string> = new Set(['stream_broken', 'handlers_stalled']);

/**
 * Makes a connection out of a Baileys socket that the host owns, for hosts with their own reconnect loop.
 *
 * Call it right after `makeWASocket()`, for every new socket, and attach the result: `wa.attach` replaces the one
 * before. Whether a socket was open before is found out by a ping.
 *
 * @throws WaSyncError `config_invalid`, `session_id_invalid`
 * @example
 * const socket = makeWASocket({ auth: state });
 * wa.attach(observeBaileysSocket({ sessionId: 'shop', socket, onDead: 'end' }));
 */
export function observeBaileysSocket(options: ObserveBaileysSocketOptions): WhatsAppConnection {
  const parsed = parseOptions('observeBaileysSocket', schema, options);
  const { socket, onDead, onDeadReport, reattachWithinMs, clock, conversationOf } = parsed;
  const { logger, useLogger } = lateLogger();
  const sessionId = checkSessionId(options.sessionId);
  const host = createHostCalls({ clock, logger });
  const feed = conversationOf && createMessageFeed({ sessionId, conversationOf, clock, logger });
  const listeners = new Listeners();
  const streak = new StalledHandlers(sessionId, stallMemory);
  let stalled = false;
  let deadReason: string | null = null;
  let notReattached = false;
  let cancelReattachWait = () => {};

  const watch = watchSocket({
    socket,
    clock,
    attemptTimeoutMs: parsed.attemptTimeoutMs,
    handlersStalledAfterMs: parsed.handlersStalledAfterMs,
    ...feed?.handlersFor(socket),
    onChange: readState,
    onFrame() {
      // Frames that come again prove a verdict wrong that was only reported.
      if (deadReason === null || watch.state().stage !== 'open' || FINAL.has(deadReason)) return;
      deadReason = null;
      listeners.notify();
    },
    onHandled: (kind) => {
      if (streak.handled(kind)) listeners.notify();
    },
    onDead: (reason) => {
      if (reason === 'handlers_stalled') streak.givenUp(watch.state().stuckKind);
      void foundDead(reason);
    },
  });

  function readState(): void {
    const now = watch.state();
    if (now.stage === 'closed') waitForReattach();
    if (now.stalled && !stalled) noteStall(now.stuckKind);
    stalled = now.stalled;
    listeners.notify();
  }

  function noteStall(kind: string | null): void {
    streak.stalled(kind);
    logger.warn(
      { code: 'handlers_stalled', sessionId, kind },
      `Session ${maskNumbers(sessionId)}: stanzas arrive and their handling does not end`,
    );
  }

  function waitForReattach(): void {
    if (!classifyClose(watch.state().close ?? {}).reconnects) return;
    cancelReattachWait = clock.schedule(() => {
      notReattached = true;
      listeners.notify();
    }, reattachWithinMs);
  }

  async function foundDead(reason: string): Promise<void> {
    if (watch.state().stage === 'closed' || deadReason !== null) return;
    deadReason = reason;
    listeners.notify();
    host.notify(
      { name: 'onDeadReport', code: 'on_dead_report_failed', text: 'onDeadReport failed', fields: { sessionId } },
      () => onDeadReport?.({ sessionId, reason }),
    );
    if (onDead === 'end') await watch.end({ reason });
  }

  function known(status: SessionStatus, reason: Reason | null): KnownObservation {
    const { phone, qr, qrExpiresAt } = watch.state();
    return {
      kind: 'known',
      status,
      health: 'healthy',
      reason,
      reconnectAttempt: 0,
      phone,
      qr,
      qrExpiresAt,
      restartRequested: streak.restart(),
      silentForMs: watch.silentForMs(),
    };
  }

  function afterClose(): Observation {
    if (notReattached) return known('DISCONNECTED', { code: 'not_reattached' });
    const close = classifyClose(watch.state().close ?? {});
    return known(close.status, { code: close.code, detail: close.words.en });
  }

  if (watch.state().stage === 'closed') waitForReattach();

  return {
    useLogger,
    sessionId,
    snapshot() {
      const { stage, stalled: stalledNow } = watch.state();
      if (stage === 'closed') return afterClose();
      if (deadReason !== null) return known('RECONNECTING', { code: deadReason });
      switch (stage) {
        case 'open':
          return stalledNow
            ? { ...known('CONNECTED', HANDLERS_STALLED), health: 'degraded' }
            : known('CONNECTED', null);
        case 'pairing':
        case 'paired':
          return known('QR_CODE', null);
        case 'unseen':
          return { kind: 'unknown', why: 'not_yet_seen' };
        case 'connecting':
        case 'unproven':
          return known('CONNECTING', null);
      }
    },
    probe: (params) => watch.probe(params),
    onChange: (listener) => listeners.add(listener),
    heal: ({ reason }) => foundDead(reason),
    async close() {
      cancelReattachWait();
      watch.dispose();
      await feed?.close();
      listeners.clear();
    },
    async sendText(message) {
      if (watch.state().stage !== 'open' || deadReason !== null) return 'failed';
      return sendText({ ...message, socket, clock, whenClosed: (run) => watch.whenClosed(run) });
    },
    ...(feed && { onMessages: feed.onMessages, messagesDelivered: feed.delivered }),
  };
}
