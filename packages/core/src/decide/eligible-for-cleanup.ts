import type { SessionStatus } from '../domain/session.js';
import type { CleanupStage } from '../ports/cleanup-store.js';

/** What the rule looks at. */
export interface CleanupFacts {
  readonly status: SessionStatus;
  readonly active: boolean;
  readonly owned: boolean;
  /** The owner suspects its own network. */
  readonly ownerSuspects: boolean;
  /** Store time since the last proof of life, else since creation or import. */
  readonly idleForMs: number;
}

/** Statuses in which an owner has nothing to repair. */
const AT_REST: ReadonlySet<SessionStatus> = new Set(['QR_CODE', 'LOGGED_OUT', 'ERROR', 'DISCONNECTED']);

/** Whether a session may be taken by a stage of the cleanup. Pure; stores that judge in a statement of their own say the same there. */
export function eligibleForCleanup(facts: CleanupFacts, stage: CleanupStage, idleForMs: number): boolean {
  if (facts.idleForMs <= idleForMs || facts.status === 'CONNECTED') return false;
  if (stage === 'purge') return !facts.active && !facts.owned;
  return facts.active && (!facts.owned || (AT_REST.has(facts.status) && !facts.ownerSuspects));
}
