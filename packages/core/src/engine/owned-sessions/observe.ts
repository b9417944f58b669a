import type { KnownObservation, Observation, StoredSession } from '../../domain/session.js';
import type { Held } from './held-sessions.js';
import { readSnapshot } from './read-snapshot.js';

/** What is true of a held session now, without I/O: the connection's own word, corrected by the verdict of its probes. */
export function observe(held: Held): Observation {
  const seen = readSnapshot(held.connection);
  if (seen.kind === 'unknown') return seen;
  if (seen.status === 'CONNECTING') return asRepair(seen, held.stored);
  if (seen.status !== 'CONNECTED' || held.deadSinceMs === null) return seen;
  return { ...seen, status: 'RECONNECTING', reason: { code: 'silent', detail: 'No answer to a probe' } };
}

/** The host's next socket knows nothing of the one before; the row does: what was connected is being repaired. */
function asRepair(seen: KnownObservation, stored: StoredSession | null): KnownObservation {
  if (stored?.status !== 'RECONNECTING' && stored?.status !== 'CONNECTED') return seen;
  return { ...seen, status: 'RECONNECTING', reason: seen.reason ?? stored.reason };
}

/** What most connections share; the sweep asks the store only for rows that differ from it. */
export function stateKey(state: Pick<StoredSession, 'status' | 'health' | 'reason'>): string {
  return `${state.status}|${state.health}|${state.reason?.code ?? ''}`;
}
