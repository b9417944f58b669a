import type { StoredSession } from '@wa-sync/core';
import type { MetricsWaSync } from '../wa-sync-like.js';

const PAGE = 1_000;

/** What a listing of all sessions says. */
export interface SessionCounts {
  readonly byState: readonly { readonly status: string; readonly health: string; readonly sessions: number }[];
  readonly expired: number;
  readonly mirrorDiffers: number;
}

/** Reads every row once, page by page. */
export async function countSessions(sessions: MetricsWaSync['sessions']): Promise<SessionCounts> {
  const byState = new Map<string, { status: string; health: string; sessions: number }>();
  let expired = 0;
  let mirrorDiffers = 0;

  function add({ effective, health, mirror }: StoredSession): void {
    const key = `${effective.status} ${health}`;
    const state = byState.get(key) ?? { status: effective.status, health, sessions: 0 };
    state.sessions += 1;
    byState.set(key, state);
    if (effective.evidence === 'expired') expired += 1;
    if (mirror.state === 'differs' || mirror.state === 'missing') mirrorDiffers += 1;
  }

  let after: string | undefined;
  do {
    const page = await sessions.list({ ...(after === undefined ? {} : { after }), limit: PAGE });
    for (const session of page.sessions) add(session);
    after = page.next ?? undefined;
  } while (after !== undefined);
  return { byState: [...byState.values()], expired, mirrorDiffers };
}
