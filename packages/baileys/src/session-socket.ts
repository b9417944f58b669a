/**
 * The socket of a session, one after the other: opens it, shows what it does, and ends it.
 *
 * Owns: the socket under way with its watch and its right to write credentials. Whether and when another one follows is decided by
 * `runSession`, which never asks for one before the last has ended.
 */
import { maskNumbers } from '@wa-sync/core';
import type { BaileysSocketLike } from './baileys-like.js';
import type { CloseFacts } from './close-reasons.js';
import type { DeafStreak } from './deaf-streak.js';
import type { GuardedAuth } from './guard-auth.js';
import type { BaileysModuleLike } from './load-baileys.js';
import type { MessageFeed } from './message-feed.js';
import { quietBaileysLogger, textOf } from './quiet-baileys-logger.js';
import type { SessionDeps } from './session-run.js';
import type { SessionView } from './session-view.js';
import type { SocketWatch } from './socket-watch.js';
import { watchSocket } from './watch-socket.js';

export function createSessionSocket(
  params: {
    sessionId: string;
    view: SessionView;
    streak: DeafStreak;
    feed: MessageFeed | undefined;
    stopping: AbortSignal;
    /** Told once a socket. */
    onOpen(): void;
  },
  deps: Pick<SessionDeps, 'socketConfig' | 'clock' | 'logger' | 'attemptTimeoutMs' | 'deafAfterMs'>,
) {
  const { sessionId, view, streak, feed, stopping, onOpen } = params;
  const { clock, logger } = deps;
  const named = `Session ${maskNumbers(sessionId)}`;
  let underWay: { watch: SocketWatch; auth: GuardedAuth; look(): void } | null = null;

  /** Opens one and waits for its end; the slot of its login is free once that is over, or a person has to scan. */
  async function use(baileys: BaileysModuleLike, auth: GuardedAuth, giveBackSlot: () => void): Promise<CloseFacts> {
    try {
      return await untilClosed(baileys, auth, giveBackSlot);
    } finally {
      underWay = null;
      view.unfollow();
    }
  }

  function untilClosed(baileys: BaileysModuleLike, auth: GuardedAuth, giveBackSlot: () => void): Promise<CloseFacts> {
    const config = deps.socketConfig({ sessionId });
    const socket: BaileysSocketLike = baileys.makeWASocket({
      logger: quietBaileysLogger,
      ...config,
      auth: auth.forNextSocket(),
    });
    socket.ev.on('creds.update', () => auth.saveSoon());
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
          if (reason === 'deaf') streak.givenUp(watch.state().stuckKind);
          void giveUp(reason);
        },
        onHandled: (kind) => {
          if (streak.handled(kind)) look();
        },
        onHandlerError: (error) =>
          logger.debug({ code: 'handler_failed', sessionId, error: textOf(error) }, 'A stanza handler failed'),
      });
      underWay = { watch, auth, look };
      view.follow(watch);
      look();

      function look(): void {
        const state = watch.state();
        const { stage } = state;
        if (stage === 'pairing' || stage === 'paired' || stage === 'open') giveBackSlot();
        if (stage === 'closed') {
          auth.revoke();
          resolve(state.close ?? {});
        } else if (!stopping.aborted) {
          if (stage === 'open' && !opened) onOpen();
          opened ||= stage === 'open';
          if (state.deaf && !deaf) noteDeaf(state.stuckKind);
          deaf = state.deaf;
          view.showSocket(state);
        }
      }
    });
  }

  function noteDeaf(kind: string | null): void {
    streak.turnedDeaf(kind);
    logger.warn(
      { code: 'connection_deaf', sessionId, kind },
      `${named}: stanzas arrive and their handling does not end`,
    );
  }

  /** Ends one that will not recover; what follows is for `runSession`. */
  async function giveUp(reason: string): Promise<void> {
    if (underWay === null || underWay.watch.state().stage === 'closed') return;
    logger.warn({ code: 'connection_dead', sessionId, reason }, `${named}: ending a dead connection`);
    if (!stopping.aborted) view.show({ status: 'RECONNECTING', reason: { code: reason } });
    await end(reason, 0);
  }

  /** A second call only takes back the grace that the first one gave. */
  async function end(reason: string, graceMs: number): Promise<void> {
    if (underWay === null) return;
    const { watch, auth } = underWay;
    const ended = watch.end({ reason, graceMs });
    auth.revoke();
    await ended;
  }

  return {
    use,
    giveUp,
    end,
    /** The watch of the one under way; `null` between two. */
    watch: (): SocketWatch | null => underWay?.watch ?? null,
    /** Shows it anew, because something beside it changed. */
    lookAgain: () => underWay?.look(),
  };
}

export type SessionSocket = ReturnType<typeof createSessionSocket>;
