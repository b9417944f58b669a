import type { StoredSession } from '@wa-sync/core';

/** A session as the commands see it, from the service or from the store. */
export type SessionView = Pick<
  StoredSession,
  'id' | 'effective' | 'health' | 'reason' | 'desired' | 'active' | 'reconnectAttempt' | 'owner' | 'mirror'
> & {
  readonly stored: Pick<StoredSession, 'status' | 'evidence'>;
  readonly lastSeenAt: string | null;
  readonly statusChangedAt: string;
};

/** A page of sessions. */
export interface SessionPage {
  readonly sessions: readonly SessionView[];
  readonly next: string | null;
}

/** Where sessions are read from. */
export interface SessionSource {
  list(params: { after?: string | undefined; limit: number }): Promise<SessionPage>;
  /** `null` when there is no such session. */
  get(id: string): Promise<SessionView | null>;
}

/** A row of the store, without what guards its writes. */
export function viewOf(row: StoredSession): SessionView {
  const { id, effective, health, reason, desired, active, reconnectAttempt, owner, mirror } = row;
  return {
    id,
    stored: { status: row.status, evidence: row.evidence },
    effective,
    health,
    reason,
    desired,
    active,
    reconnectAttempt,
    owner,
    mirror,
    lastSeenAt: row.lastSeenAt?.toISOString() ?? null,
    statusChangedAt: row.statusChangedAt.toISOString(),
  };
}

/** Why a row is not true, in one word; `null` where it is. */
export function driftOf({ stored, effective, mirror }: SessionView): string | null {
  if (effective.evidence === 'expired' && stored.status !== effective.status) return 'owner_gone';
  if (stored.status !== effective.status) return 'stored_differs';
  if (mirror.state === 'differs') return 'mirror_differs';
  if (mirror.state === 'missing') return 'mirror_missing';
  return null;
}

const PAGE = 1_000;

/** All sessions, page by page. */
export async function* allSessions(source: SessionSource): AsyncGenerator<SessionView> {
  let after: string | undefined;
  do {
    const page = await source.list({ after, limit: PAGE });
    yield* page.sessions;
    after = page.next ?? undefined;
  } while (after !== undefined);
}
