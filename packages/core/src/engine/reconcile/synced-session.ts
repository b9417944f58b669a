import type { SyncedSession } from '../../domain/report.js';
import type { Observation, StoredSession } from '../../domain/session.js';

/** What a pass found of one session, and did. */
export interface PassResult {
  readonly stored?: StoredSession;
  readonly observed?: Observation;
  readonly action?: SyncedSession['action'];
  readonly reason: string;
}

/** The same as a report has it. */
export function syncedSession(id: string, { stored, observed, action, reason }: PassResult): SyncedSession {
  return {
    id,
    stored: stored?.status ?? null,
    foreignWord: stored?.mirror.state === 'differs' ? (stored.mirror.word ?? undefined) : undefined,
    actual: observed?.kind === 'known' ? observed.status : null,
    action: action ?? (reason === 'in_sync' || reason === 'logged_out_stays' ? 'none' : 'unknown'),
    reason: observed?.kind === 'unknown' ? observed.why : reason,
    tookMs: 0,
  };
}
