import type { Observation, ProbeAnswer, SessionStatus, WhatsAppConnection } from '@wa-sync/core';

/** A connection of the story, and the truth behind it. */
export interface ScriptedPhone extends WhatsAppConnection {
  /** What is true, whatever the connection says. */
  truth(): SessionStatus;
  /** The link dies without a word: nothing notifies the connection. */
  goSilent(): void;
  /** The phone logs it out. */
  logOutOnPhone(): void;
}

/** How long the scripted link takes to come back once it was ended. */
const BACK_AFTER_MS = 1_000;

/** A connection in memory. It believes that it is connected until it learns otherwise, as a real socket does. */
export function createScriptedPhone(sessionId: string): ScriptedPhone {
  const listeners = new Set<() => void>();
  let says: SessionStatus = 'CONNECTED';
  let alive = true;
  let attempt = 0;
  let reason: { code: string } | null = null;
  let frameAtMs = performance.now();
  let returning: NodeJS.Timeout | undefined;

  function say(status: SessionStatus, code: string | null): void {
    says = status;
    reason = code === null ? null : { code };
    if (status === 'CONNECTED') frameAtMs = performance.now();
    for (const listener of listeners) listener();
  }

  return {
    sessionId,
    truth: () => (says === 'CONNECTED' && !alive ? 'RECONNECTING' : says),
    snapshot: (): Observation => ({
      kind: 'known',
      status: says,
      health: 'healthy',
      reason,
      reconnectAttempt: attempt,
      phone: null,
      qr: null,
      silentForMs: performance.now() - frameAtMs,
    }),
    probe({ timeoutMs }): Promise<ProbeAnswer> {
      if (alive) {
        frameAtMs = performance.now();
        return Promise.resolve('answered');
      }
      return new Promise((resolve) => setTimeout(() => resolve('timeout'), timeoutMs));
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async heal({ reason: why }) {
      attempt += 1;
      say('RECONNECTING', why);
      returning = setTimeout(() => {
        alive = true;
        attempt = 0;
        say('CONNECTED', null);
      }, BACK_AFTER_MS);
    },
    async close() {
      clearTimeout(returning);
      listeners.clear();
    },
    goSilent() {
      alive = false;
    },
    logOutOnPhone() {
      alive = false;
      say('LOGGED_OUT', 'logged_out');
    },
  };
}
