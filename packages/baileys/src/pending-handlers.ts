/**
 * Tells a deaf connection from a quiet one: stanzas arrive and their handlers do not settle. Silence is no sign of it, and neither is
 * an answered ping, which goes past the handlers.
 *
 * Owns: the handlers under way and the one timer that looks at the oldest of them.
 */
import type { Clock } from '@wa-sync/core';

export function createPendingHandlers(params: {
  clock: Clock;
  /** A handler that takes longer means deaf; one that takes twice as long will not come back. */
  deafAfterMs: number;
  onChange(): void;
  onHopeless(): void;
  /** A handler of this kind came to its end in time. */
  onHandled?(kind: string): void;
}) {
  const { clock, deafAfterMs } = params;
  /** When each began, oldest first. */
  const begun = new Map<symbol, { readonly atMs: number; readonly kind: string }>();
  let deaf = false;
  let cancel: (() => void) | null = null;

  function oldestMs(): number {
    const [first] = begun.values();
    return first === undefined ? 0 : clock.monotonicMs() - first.atMs;
  }

  function setDeaf(next: boolean): void {
    if (deaf === next) return;
    deaf = next;
    params.onChange();
  }

  function schedule(): void {
    if (cancel !== null || begun.size === 0) return;
    const dueAtMs = deaf ? 2 * deafAfterMs : deafAfterMs;
    cancel = clock.schedule(() => void look(), Math.max(1, dueAtMs - oldestMs()));
  }

  async function look(): Promise<void> {
    // After a stall of this process the answers lie unread: they are read first.
    await clock.yield();
    await clock.yield();
    if (cancel === null) return;
    cancel = null;
    const ageMs = oldestMs();
    setDeaf(ageMs >= deafAfterMs);
    if (ageMs >= 2 * deafAfterMs) params.onHopeless();
    else schedule();
  }

  function clear(): void {
    cancel?.();
    cancel = null;
    begun.clear();
    deaf = false;
  }

  return {
    /** `oldestKind`: what the oldest of them handles. */
    state(): { readonly deaf: boolean; readonly oldestKind: string | null } {
      const [first] = begun.values();
      return { deaf, oldestKind: first?.kind ?? null };
    },
    /** Follows one run of a handler. */
    async follow(outcome: Promise<unknown>, kind: string): Promise<void> {
      const key = Symbol('handler');
      const atMs = clock.monotonicMs();
      begun.set(key, { atMs, kind });
      schedule();
      try {
        await outcome;
      } finally {
        // A socket that was given up meanwhile proves nothing any more.
        if (begun.delete(key) && clock.monotonicMs() - atMs < deafAfterMs) params.onHandled?.(kind);
        if (begun.size === 0) {
          cancel?.();
          cancel = null;
        }
        if (deaf) setDeaf(oldestMs() >= deafAfterMs);
      }
    },
    clear,
  };
}
