import { type BaileysSocketLike, isPaired } from './baileys-like.js';

/** A socket that was attached late gets this long to leave a handshake that nobody saw. */
export const SETTLE_MS = 1_000;
const HANDSHAKE_MS = 20_000;
/** Baileys holds events back from login to the end of the backlog, at most 30 s; no login is believed to be over before. */
const BUFFER_MS = 35_000;

/** Marks the listeners of wa-sync, so that one observation does not take another's for Baileys' own. */
export const OURS = Symbol.for('@wa-sync/frame-listener');

/**
 * Whether a socket whose first events nobody heard may be in its Noise handshake, which a query corrupts. Baileys listens for frames itself only while it waits for
 * the server's hello.
 *
 * @param params.ageMs - time since somebody listens
 */
export function handshakeMayRun({ socket, ageMs }: { socket: BaileysSocketLike; ageMs: number }): boolean {
  if (ageMs < SETTLE_MS) return true;
  return ageMs < HANDSHAKE_MS && socket.ws.listeners('frame').some((listener) => !isOurs(listener));
}

/** Whether the login of such a socket may be over. An answered ping is none: a socket in the middle of a login gets its pings answered too. */
export function loginMayBeOver({ socket, ageMs }: { socket: BaileysSocketLike; ageMs: number }): boolean {
  const creds = socket.authState?.creds;
  if (creds !== undefined && !isPaired(creds)) return false;
  return ageMs >= BUFFER_MS || !socket.ev.isBuffering?.();
}

function isOurs(listener: unknown): boolean {
  return (listener as { [OURS]?: true })[OURS] === true;
}
