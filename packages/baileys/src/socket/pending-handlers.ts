/**
 * Distinguishes a stalled connection from a silent one: stanzas arrive and their handlers do not end. Silence is no
 * sign of it, and neither is an answered ping, which bypasses the handlers.
 *
 * Owns: the handlers under way and the one timer, for the oldest of them.
 */
import type { Clock } from '@wa-sync/core';

/** Who is notified of what the handlers of a socket do. */
export interface HandlersObserver {
  readonly clock: Clock;
  /** A handler that takes longer is stalled; one that takes twice as long will not come back. */
  readonly handlersStalledAfterMs: number;
  onStalledChange(): void;
  onHopeless(): void;
  /** A handler of this kind came to its end in time. */
  onHandled(kind: string): void;
}

export class PendingHandlers {
  /** When each began, oldest first. */
  private begun: { readonly atMs: number; readonly kind: string }[] = [];
  private stalled = false;
  private cancel: (() => void) | null = null;

  constructor(private readonly observer: HandlersObserver) {}

  /** `oldestKind`: what the oldest of them handles. */
  state(): { readonly stalled: boolean; readonly oldestKind: string | null } {
    return { stalled: this.stalled, oldestKind: this.begun[0]?.kind ?? null };
  }

  /** Follows one run of a handler. */
  async follow(outcome: Promise<unknown>, kind: string): Promise<void> {
    const { clock, handlersStalledAfterMs } = this.observer;
    const own = { atMs: clock.monotonicMs(), kind };
    this.begun.push(own);
    this.schedule();
    try {
      await outcome;
    } finally {
      // A socket that was given up meanwhile proves nothing any more.
      if (this.drop(own) && clock.monotonicMs() - own.atMs < handlersStalledAfterMs) this.observer.onHandled(kind);
      if (this.begun.length === 0) this.cancelCheck();
      if (this.stalled) this.setStalled(this.oldestMs() >= handlersStalledAfterMs);
    }
  }

  clear(): void {
    this.cancelCheck();
    this.begun = [];
    this.stalled = false;
  }

  private drop(one: PendingHandlers['begun'][number]): boolean {
    const at = this.begun.indexOf(one);
    if (at >= 0) this.begun.splice(at, 1);
    return at >= 0;
  }

  private oldestMs(): number {
    const [first] = this.begun;
    return first === undefined ? 0 : this.observer.clock.monotonicMs() - first.atMs;
  }

  private setStalled(next: boolean): void {
    if (this.stalled === next) return;
    this.stalled = next;
    this.observer.onStalledChange();
  }

  private schedule(): void {
    if (this.cancel !== null || this.begun.length === 0) return;
    const { clock, handlersStalledAfterMs } = this.observer;
    const dueAtMs = this.stalled ? 2 * handlersStalledAfterMs : handlersStalledAfterMs;
    this.cancel = clock.schedule(() => void this.check(), Math.max(1, dueAtMs - this.oldestMs()));
  }

  private async check(): Promise<void> {
    const { clock, handlersStalledAfterMs } = this.observer;
    // After a stall of this process the answers lie unread: they are read first.
    await clock.yield();
    await clock.yield();
    if (this.cancel === null) return;
    this.cancel = null;
    const ageMs = this.oldestMs();
    this.setStalled(ageMs >= handlersStalledAfterMs);
    if (ageMs >= 2 * handlersStalledAfterMs) this.observer.onHopeless();
    else this.schedule();
  }

  private cancelCheck(): void {
    this.cancel?.();
    this.cancel = null;
  }
}
