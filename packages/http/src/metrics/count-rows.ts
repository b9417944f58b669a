import { isWaSyncError, type JobRun, type StoredSession } from '@wa-sync/core';
import type { MetricsWaSync } from '../host/options.js';

/** More runs than end between two readings. */
const RUNS_READ = 50;

/** Counts of a cleanup's report, and what they are called as a label. */
const OUTCOMES = { deactivated: 'deactivated', purged: 'purged', cameBack: 'came_back', failed: 'failed' } as const;

/**
 * Adds up the cleanups that ended since the first reading, from the store's records of runs: every process counts each
 * cleanup once, whichever process ran it.
 */
export function createCountCleanups(runs: MetricsWaSync['runs'], add: (outcome: string, sessions: number) => void) {
  let counted: ReadonlySet<string> | null = null;

  function count({ counts }: JobRun): void {
    for (const [name, outcome] of Object.entries(OUTCOMES)) {
      const sessions = counts[name];
      if (sessions !== undefined && sessions > 0) add(outcome, sessions);
    }
  }

  return async (): Promise<void> => {
    const page = await runs.list({ job: 'cleanup', limit: RUNS_READ }).catch((error: unknown) => {
      if (isWaSyncError(error) && error.code === 'not_supported') return { runs: [] };
      throw error;
    });
    const ended = page.runs.filter(({ outcome }) => outcome === 'finished' || outcome === 'failed');
    if (counted) for (const run of ended) if (!counted.has(run.id)) count(run);
    counted = new Set(ended.map(({ id }) => id));
  };
}

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
