import type { Clock } from '@wa-sync/core';

/** The one timer of a socket: a new one takes the place of the last, and none rings once the socket is over. */
export class OneTimer {
  private stop: (() => void) | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly owner: { alive(): boolean },
  ) {}

  set(run: () => unknown, delayMs: number): void {
    this.cancel();
    this.stop = this.clock.schedule(() => {
      this.stop = null;
      if (this.owner.alive()) run();
    }, delayMs);
  }

  cancel(): void {
    this.stop?.();
    this.stop = null;
  }
}
