import { isWaSyncError, type JobRun } from '@wa-sync/core';
import type { MetricsWaSync } from '../wa-sync-like.js';

/** More runs than end between two readings. */
const LOOKED_AT = 50;

/** Counts of a cleanup's report, and what they are called as a label. */
const OUTCOMES = { deactivated: 'deactivated', purged: 'purged', cameBack: 'came_back', failed: 'failed' } as const;

/**
 * Adds up the cleanups that ended since the first reading, from the store's book of runs: whichever process ran one, each counts it once.
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
    const page = await runs.list({ job: 'cleanup', limit: LOOKED_AT }).catch((error: unknown) => {
      if (isWaSyncError(error) && error.code === 'not_supported') return { runs: [] };
      throw error;
    });
    const ended = page.runs.filter(({ outcome }) => outcome === 'finished' || outcome === 'failed');
    if (counted) for (const run of ended) if (!counted.has(run.id)) count(run);
    counted = new Set(ended.map(({ id }) => id));
  };
}
