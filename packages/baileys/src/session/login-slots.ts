import type { Clock } from '@wa-sync/core';
import { pause } from '../client/timers.js';

/**
 * Caps how many logins run at once over all sessions, and how many begin in a second: each costs CPU, and WhatsApp
 * distrusts many at once.
 *
 * Owns: the number of logins under way, the queue of those that wait, first come first served, and when the next may
 * begin.
 */
export function createLoginSlots({ max, perSecond, clock }: { max: number; perSecond: number | null; clock: Clock }) {
  const waiting = new Set<() => void>();
  const apartMs = perSecond === null ? 0 : 1_000 / perSecond;
  let taken = 0;
  let nextAtMs = clock.monotonicMs();

  function freeSlot(): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      taken -= 1;
      const [next] = waiting;
      next?.();
    };
  }

  function takeSlot(signal: AbortSignal): Promise<(() => void) | null> {
    return new Promise((resolve) => {
      function enter(): void {
        leaveQueue();
        taken += 1;
        resolve(freeSlot());
      }
      function giveUp(): void {
        leaveQueue();
        resolve(null);
      }
      function leaveQueue(): void {
        waiting.delete(enter);
        signal.removeEventListener('abort', giveUp);
      }
      if (signal.aborted) giveUp();
      else if (taken < max) enter();
      else {
        waiting.add(enter);
        signal.addEventListener('abort', giveUp, { once: true });
      }
    });
  }

  return {
    /** Resolves with the function that frees the place, or with `null` when `signal` aborts first. */
    async take(signal: AbortSignal): Promise<(() => void) | null> {
      const free = await takeSlot(signal);
      if (free === null || apartMs === 0) return free;
      const nowMs = clock.monotonicMs();
      const delayMs = Math.max(0, nextAtMs - nowMs);
      nextAtMs = nowMs + delayMs + apartMs;
      if (delayMs > 0) await pause({ clock, delayMs, signal });
      if (!signal.aborted) return free;
      free();
      return null;
    },
    waiting: () => waiting.size,
    taken: () => taken,
  };
}

export type LoginSlots = ReturnType<typeof createLoginSlots>;
