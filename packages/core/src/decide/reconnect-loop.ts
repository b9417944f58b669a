/** How long falls of a link are remembered. */
export const RECONNECT_WINDOW_MS = 600_000;

const FALLS = 5;
const ATTEMPTS = 10;

/** Whether a session goes round in circles: five falls within ten minutes, or ten attempts without coming up. Pure. */
export function isReconnectLoop(params: { fallsInWindow: number; reconnectAttempt: number }): boolean {
  return params.fallsInWindow >= FALLS || params.reconnectAttempt >= ATTEMPTS;
}
