/**
 * Caps how many logins run at once over all sessions: each costs CPU, and WhatsApp distrusts many at once.
 *
 * Owns: the number of logins under way and the queue of those that wait, first come first served.
 */
export function createLoginSlots(max: number) {
  const waiting = new Set<() => void>();
  let taken = 0;

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

  return {
    /** Resolves with the function that frees the place, or with `null` when `signal` aborts first. */
    take(signal: AbortSignal): Promise<(() => void) | null> {
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
    },
    waiting: () => waiting.size,
    taken: () => taken,
  };
}

export type LoginSlots = ReturnType<typeof createLoginSlots>;
