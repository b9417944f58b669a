/**
 * How long to wait before attempt number `attempt` (0 is the first): the ceiling doubles from `baseMs` up to `maxMs`,
 * and the wait is spread over its upper half, so that many sessions never come back at one moment and none comes back
 * at once. Source: "equal jitter", M. Brooker, Exponential Backoff And Jitter (AWS Architecture Blog, 2015).
 *
 * @param params.random - a number in [0, 1)
 * @returns milliseconds
 */
export function nextBackoffMs(params: { attempt: number; random: number; baseMs: number; maxMs: number }): number {
  const { attempt, random, baseMs, maxMs } = params;
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 52));
  return ceiling / 2 + random * (ceiling / 2);
}

/** How long falls of a link are remembered. */
export const RECONNECT_WINDOW_MS = 600_000;

const FALLS = 5;
const ATTEMPTS = 10;

/** Whether a session keeps reconnecting: five falls within ten minutes, or ten attempts without coming up. Pure. */
export function isReconnectLoop(params: { fallsInWindow: number; reconnectAttempt: number }): boolean {
  return params.fallsInWindow >= FALLS || params.reconnectAttempt >= ATTEMPTS;
}

/** What a replica sees of its own links. */
export interface LinkCounts {
  /** Links that are open. */
  readonly up: number;
  /** Links that fell in the window, or in the outage that is suspected, and are still down. */
  readonly fallen: number;
}

/** Part of the links that must fall in one window, in hundredths: a part of 0.55 has no exact number of its own. */
const BEGINS_AT = 55;
/** It is over once fewer than half of that are still down, so that it does not come and go with a few. */
const ENDS_BELOW = BEGINS_AT / 2;
const FEWEST = 3;

/**
 * Whether the fault is probably this replica's own: most of its links seem dead at once. Pure; links that were never
 * open, and those that WhatsApp itself ended for good, are not counted by the caller.
 */
export function looksLikeMassOutage(params: LinkCounts & { suspected: boolean }): boolean {
  const { up, fallen, suspected } = params;
  return fallen >= FEWEST && fallen * 100 >= (up + fallen) * (suspected ? ENDS_BELOW : BEGINS_AT);
}
