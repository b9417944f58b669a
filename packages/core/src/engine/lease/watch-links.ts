/**
 * Watches how the links of held sessions come up and fall: reports when one keeps reconnecting, and when its
 * connection asks for a restart of the process.
 *
 * Owns the `link` of each held session; a connection that takes the place of another goes on with it.
 */

import { isReconnectLoop, RECONNECT_WINDOW_MS } from '../../decide/link-faults.js';
import { maskNumbers } from '../../domain/safe-text.js';
import type { KnownObservation, SessionStatus } from '../../domain/session.js';
import type { Config } from '../../options/config.js';
import type { Events } from '../events/emit-events.js';
import type { Held } from '../owned-sessions/held-sessions.js';
import { observe } from '../owned-sessions/observe.js';

/** Statuses of a link that may only be down because of the network; the others say that WhatsApp itself answered. */
const DOWN: ReadonlySet<SessionStatus> = new Set(['CONNECTING', 'RECONNECTING', 'DISCONNECTED']);

export type LinkWatch = ReturnType<typeof createLinkWatch>;

export function createLinkWatch(deps: { config: Pick<Config, 'clock' | 'logger'>; events: Events }) {
  const { clock, logger } = deps.config;

  function publishLoop(held: Held, reconnectAttempt: number): void {
    const { link } = held;
    const nowMs = clock.monotonicMs();
    if (link.fellAtMs.length > 0) link.fellAtMs = link.fellAtMs.filter((at) => nowMs - at < RECONNECT_WINDOW_MS);
    const falls = link.fellAtMs.length;
    if (!isReconnectLoop({ fallsInWindow: falls, reconnectAttempt })) {
      // Reported again only after a whole window without a loop.
      if (falls <= 1 && reconnectAttempt === 0) link.loopPublished = false;
      return;
    }
    if (link.loopPublished) return;
    link.loopPublished = true;
    const { id: sessionId } = held;
    logger.warn(
      { code: 'reconnect_loop', sessionId, falls, reconnectAttempt },
      `Session ${maskNumbers(sessionId)} keeps reconnecting: ${falls} falls in ten minutes, attempt ${reconnectAttempt}`,
    );
    deps.events.emit('session:reconnect-loop', { sessionId, at: clock.now(), falls, reconnectAttempt });
  }

  function publishRestart({ id: sessionId, link }: Held, { restartRequested: reason }: KnownObservation): void {
    const asked = reason !== null && reason !== undefined;
    const published = link.restartPublished;
    link.restartPublished = asked;
    if (!asked || published) return;
    logger.error(
      { code: 'restart_requested', sessionId, reason: reason.code },
      `Session ${maskNumbers(sessionId)} cannot be fixed from inside this process (${reason.code}): restart it`,
    );
    deps.events.emit('session:restart-requested', { sessionId, at: clock.now(), reason });
  }

  return {
    /** Takes in what a connection says now. One that does not know changes nothing. */
    note(held: Held): void {
      const seen = observe(held);
      if (seen.kind === 'unknown') return;
      const { link } = held;
      const wasUp = link.state === 'up';
      if (seen.status === 'CONNECTED') {
        if (!wasUp) link.lastRoseAtMs = clock.monotonicMs();
        link.state = 'up';
      } else if (!DOWN.has(seen.status)) link.state = 'answered';
      else if (wasUp) link.state = 'down';
      if (wasUp && link.state !== 'up') {
        link.lastFellAtMs = clock.monotonicMs();
        link.fellAtMs.push(link.lastFellAtMs);
      }
      publishLoop(held, seen.reconnectAttempt);
      publishRestart(held, seen);
    },
  };
}
