/**
 * Remembers, from one socket of a session to the next, that one was given up because its handlers stalled: if its
 * successor stalls at the same kind of stanza, a new socket did not help.
 *
 * Owns: by session, the kinds that were given up on and whether a restart is asked for, until those kinds are handled
 * again.
 */
import type { Reason } from '@wa-sync/core';

/** What is remembered of each session whose handlers stalled. */
export type StallMemory = Map<string, { readonly kinds: Set<string>; restart: Reason | null }>;

const STILL_STALLED: Reason = {
  code: 'handlers_stalled',
  detail: 'A new connection stalls like the one before: what handles its stanzas hangs in this process',
};

export class StalledHandlers {
  constructor(
    private readonly sessionId: string,
    private readonly memory: StallMemory,
  ) {}

  /** Why only a restart of the process may help; `null` where it has not come to that. */
  restart(): Reason | null {
    return this.memory.get(this.sessionId)?.restart ?? null;
  }

  /** A socket does not handle stanzas of this kind. */
  stalled(kind: string | null): void {
    const known = this.memory.get(this.sessionId);
    if (kind !== null && known?.kinds.has(kind)) known.restart = STILL_STALLED;
  }

  /** It is given up for that. */
  givenUp(kind: string | null): void {
    if (kind === null) return;
    const known = this.memory.get(this.sessionId) ?? { kinds: new Set<string>(), restart: null };
    known.kinds.add(kind);
    this.memory.set(this.sessionId, known);
  }

  /** A stanza of this kind was handled in time. Returns whether that ends the streak. */
  handled(kind: string): boolean {
    const known = this.memory.get(this.sessionId);
    if (!known?.kinds.delete(kind) || known.kinds.size > 0) return false;
    return this.memory.delete(this.sessionId);
  }
}
