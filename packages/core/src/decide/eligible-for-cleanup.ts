import type { SessionStatus } from '../domain/session.js';
import type { CleanupRule } from '../ports/cleanup-store.js';

/** What the rule reads. */
export interface CleanupFacts {
  readonly status: SessionStatus;
  readonly active: boolean;
  readonly owned: boolean;
  /** The owner suspects its own network. */
  readonly ownerSuspects: boolean;
  /** Store time since the last proof of life, else since creation or import. */
  readonly inactiveForMs: number;
  /** Store time since its status, health or owner changed. */
  readonly unchangedForMs: number;
}

/** Statuses in which an owner has nothing to repair. */
const AT_REST: ReadonlySet<SessionStatus> = new Set(['QR_CODE', 'LOGGED_OUT', 'ERROR', 'DISCONNECTED']);

/**
 * Whether a session may be taken by a stage of the cleanup. Pure; stores that judge in a statement of their own say
 * the same there.
 */
export function eligibleForCleanup(facts: CleanupFacts, rule: CleanupRule): boolean {
  if (facts.inactiveForMs <= rule.inactiveForMs || facts.status === 'CONNECTED') return false;
  const rested = facts.unchangedForMs >= rule.restedForMs;
  if (rule.stage === 'purge') return !facts.active && !facts.owned && rested;
  return facts.active && (!facts.owned || (AT_REST.has(facts.status) && !facts.ownerSuspects && rested));
}
