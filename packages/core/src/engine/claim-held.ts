import type { RandomSource } from '../ports/clock.js';
import type { Claim } from '../ports/session-store.js';
import type { WaSyncStore } from '../ports/store.js';
import type { Held, HeldSessions } from './held-sessions.js';
import type { Lease } from './lease.js';
import { observe } from './observe.js';
import type { Tell } from './tell.js';

/** Why sessions could not be claimed, by id. */
export type Refusals = ReadonlyMap<string, Refusal>;

type Refusal = 'owned_elsewhere' | 'session_inactive' | 'session_not_found' | 'lease_lost';

/**
 * Claims the attached sessions that have no tenure yet. A connection that is open may take its session from anybody, because WhatsApp
 * has already chosen it; one that was displaced may not, or two open sockets would rob each other in turns.
 */
export async function claimHeld(
  deps: { store: WaSyncStore; sessions: HeldSessions; lease: Lease; random: RandomSource; tell: Tell },
  held: readonly Held[],
): Promise<Refusals> {
  const { store, sessions, lease, random, tell } = deps;
  const refused = new Map<string, Refusal>();
  const unclaimed = held.filter((entry) => entry.tenure === null);
  if (unclaimed.length === 0) return refused;
  const unregistered = unclaimed.filter((entry) => !entry.registered);
  if (unregistered.length > 0) {
    // Made by the host's explicit attach; a status write never makes a row.
    await store.sessions.create({ sessions: unregistered.map(({ id }) => ({ id, desired: 'running' })) });
    for (const entry of unregistered) entry.registered = true;
  }
  const claims = unclaimed.map((entry): Claim => {
    const seen = observe(entry);
    const open = seen.kind === 'known' && seen.status === 'CONNECTED';
    return { id: entry.id, tenure: random.token(), mode: open && !entry.displaced ? 'takeover' : 'free' };
  });
  const byId = new Map(unclaimed.map((entry) => [entry.id, entry]));
  const tenures = new Map(claims.map((claim) => [claim.id, claim.tenure]));
  for (const outcome of await store.sessions.claim({ owner: lease.incarnation(), claims })) {
    const entry = byId.get(outcome.id);
    if (!entry) continue;
    if (!outcome.claimed) {
      if (outcome.why === 'fenced') lease.noteFenced();
      const why = {
        held: 'owned_elsewhere',
        inactive: 'session_inactive',
        missing: 'session_not_found',
        fenced: 'lease_lost',
      } as const;
      refused.set(entry.id, why[outcome.why]);
      if (outcome.why === 'held' && entry.displaced && !entry.lost.signal.aborted) tell.lost(entry, 'taken_over');
    } else if (sessions.get(entry.id) === entry) {
      sessions.setTenure(entry, tenures.get(entry.id) ?? null);
      entry.stored = outcome.session;
      entry.displaced = false;
      tell.gained(entry);
    }
  }
  return refused;
}
