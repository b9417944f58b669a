import type { Clock } from '@wa-sync/core';
import { type BaileysSocketLike, isPaired } from './baileys-like.js';

/** A socket that was attached late gets this long to leave a handshake that nobody saw. */
export const SETTLE_MS = 1_000;
const HANDSHAKE_MS = 20_000;
/** Baileys holds events back from login to the end of the backlog, at most 30 s; no login is believed to be over before. */
const BUFFER_MS = 35_000;

/** Marks the listeners of wa-sync, so that one observation does not take another's for Baileys' own. */
export const OURS = Symbol.for('@wa-sync/frame-listener');

/** What can be told of a socket whose first events nobody heard. */
export function createLateSocket({ socket, clock }: { socket: BaileysSocketLike; clock: Clock }) {
  const startedAtMs = clock.monotonicMs();

  /** A query during the Noise handshake corrupts it. Baileys listens for frames itself only while it waits for the server's hello. */
  function handshakeMayRun(): boolean {
    const ageMs = clock.monotonicMs() - startedAtMs;
    if (ageMs < SETTLE_MS) return true;
    return ageMs < HANDSHAKE_MS && socket.ws.listeners('frame').some((listener) => !isOurs(listener));
  }

  return {
    handshakeMayRun,
    /** An answered ping is not a login: a socket in the middle of one gets its pings answered too. */
    loginMayBeOver(): boolean {
      const creds = socket.authState?.creds;
      if (creds !== undefined && !isPaired(creds)) return false;
      return clock.monotonicMs() - startedAtMs >= BUFFER_MS || !socket.ev.isBuffering?.();
    },
  };
}

function isOurs(listener: unknown): boolean {
  return (listener as { [OURS]?: true })[OURS] === true;
}
