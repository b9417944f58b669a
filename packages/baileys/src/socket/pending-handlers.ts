/**
 * Tells a deaf connection from a quiet one: stanzas arrive and their handlers do not settle. Silence is no sign of it, and neither is
 * an answered ping, which goes past the handlers.
 *
 * Owns: the handlers under way and the one timer that looks at the oldest of them.
 */
import type { Clock } from '@wa-sync/core';

/** Who is told of what the handlers of a socket do. */
export interface HandlersTold {
  readonly clock: Clock;
  /** A handler that takes longer means deaf; one that takes twice as long will not come back. */
  readonly deafAfterMs: number;
  onDeafChange(): void;
  onHopeless(): void;
  /** A handler of this kind came to its end in time. */
  onHandled(kind: string): void;
}

export class PendingHandlers {
  /** When each began, oldest first. */
  private begun: { readonly atMs: number; readonly kind: string }[] = [];
  private deaf = false;
  private cancel: (() => void) | null = null;

  constructor(private readonly told: HandlersTold) {}

  /** `oldestKind`: what the oldest of them handles. */
  state(): { readonly deaf: boolean; readonly oldestKind: string | null } {
    return { deaf: this.deaf, oldestKind: this.begun[0]?.kind ?? null };
  }

  /** Follows one run of a handler. */
  async follow(outcome: Promise<unknown>, kind: string): Promise<void> {
    const { clock, deafAfterMs } = this.told;
    const own = { atMs: clock.monotonicMs(), kind };
    this.begun.push(own);
    this.schedule();
    try {
      await outcome;
    } finally {
      // A socket that was given up meanwhile proves nothing any more.
      if (this.drop(own) && clock.monotonicMs() - own.atMs < deafAfterMs) this.told.onHandled(kind);
      if (this.begun.length === 0) this.cancelLook();
      if (this.deaf) this.setDeaf(this.oldestMs() >= deafAfterMs);
    }
  }

  clear(): void {
    this.cancelLook();
    this.begun = [];
    this.deaf = false;
  }

  private drop(one: PendingHandlers['begun'][number]): boolean {
    const at = this.begun.indexOf(one);
    if (at >= 0) this.begun.splice(at, 1);
    return at >= 0;
  }

  private oldestMs(): number {
    const [first] = this.begun;
    return first === undefined ? 0 : this.told.clock.monotonicMs() - first.atMs;
  }

  private setDeaf(next: boolean): void {
    if (this.deaf === next) return;
    this.deaf = next;
    this.told.onDeafChange();
  }

  private schedule(): void {
    if (this.cancel !== null || this.begun.length === 0) return;
    const { clock, deafAfterMs } = this.told;
    const dueAtMs = this.deaf ? 2 * deafAfterMs : deafAfterMs;
    this.cancel = clock.schedule(() => void this.look(), Math.max(1, dueAtMs - this.oldestMs()));
  }

  private async look(): Promise<void> {
    const { clock, deafAfterMs } = this.told;
    // After a stall of this process the answers lie unread: they are read first.
    await clock.yield();
    await clock.yield();
    if (this.cancel === null) return;
    this.cancel = null;
    const ageMs = this.oldestMs();
    this.setDeaf(ageMs >= deafAfterMs);
    if (ageMs >= 2 * deafAfterMs) this.told.onHopeless();
    else this.schedule();
  }

  private cancelLook(): void {
    this.cancel?.();
    this.cancel = null;
  }
}
