import type { Clock } from '../../ports/clock.js';

/** How often the event loop is asked whether it runs. */
const BEAT_MS = 500;
/** A beat this much too late is a stall: probes answered in that time may not have been heard. */
const STALL_MS = 1_000;

export type StallWatch = ReturnType<typeof createStallWatch>;

/**
 * Notices when this process did not run: a blocked event loop, or a suspend (which only the wall clock shows). A
 * failed probe whose window overlaps a stall says nothing about the other side.
 */
export function createStallWatch(clock: Clock) {
  let lastBeatMs = clock.monotonicMs();
  let lastWallMs = clock.now().getTime();
  let lastStallEndMs = Number.NEGATIVE_INFINITY;
  let cancel: (() => void) | null = null;

  function check(): void {
    const nowMs = clock.monotonicMs();
    const wallMs = clock.now().getTime();
    const ranMs = nowMs - lastBeatMs;
    const suspendedMs = wallMs - lastWallMs - ranMs;
    // A clock that went back may have hidden a suspend: one that was set while the machine slept shows less than the
    // sleep.
    if (ranMs > BEAT_MS + STALL_MS || Math.abs(suspendedMs) > STALL_MS) lastStallEndMs = nowMs;
    lastBeatMs = nowMs;
    lastWallMs = wallMs;
  }

  function beat(): void {
    check();
    cancel = clock.schedule(beat, BEAT_MS);
  }

  return {
    start(): void {
      lastBeatMs = clock.monotonicMs();
      lastWallMs = clock.now().getTime();
      beat();
    },
    stop(): void {
      cancel?.();
      cancel = null;
    },
    /** When the last stall ended; before all time where there was none. */
    endedMs(): number {
      check();
      return lastStallEndMs;
    },
    /**
     * Whether a stall ended after `sinceMs`. Asks now as well: the timer that reports the failure may run before our
     * own.
     */
    stalledSince(sinceMs: number): boolean {
      check();
      return lastStallEndMs > sinceMs;
    },
  };
}
