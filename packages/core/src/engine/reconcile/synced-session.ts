import type { SyncedSession } from '../../domain/report.js';
import type { Observation, StoredSession } from '../../domain/session.js';

/** Why a session is not in sync although its row here is right. */
export const HOST_ROW_MISSING = 'host_row_missing';

/** The same of a write that held, `null` where the host's row is there. */
export function hostRowGone({ session }: { readonly session: StoredSession }): string | null {
  return session.mirror.state === 'missing' ? HOST_ROW_MISSING : null;
}

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
    action: action ?? actionOf(reason),
    reason: observed?.kind === 'unknown' ? observed.why : reason,
    tookMs: 0,
  };
}

function actionOf(reason: string): SyncedSession['action'] {
  // It cannot be put right here: the host has to add the row, or to stop the session.
  if (reason === HOST_ROW_MISSING) return 'failed';
  return reason === 'in_sync' || reason === 'logged_out_stays' ? 'none' : 'unknown';
}
