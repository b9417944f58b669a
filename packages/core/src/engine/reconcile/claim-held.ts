import type { Clock, RandomSource } from '../../ports/clock.js';
import type { Claim } from '../../ports/session-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Lease } from '../lease/lease.js';
import type { Held, HeldSessions } from '../owned-sessions/held-sessions.js';
import { observe } from '../owned-sessions/observe.js';
import type { PublishChanges } from '../owned-sessions/publish-changes.js';

/** Why sessions could not be claimed, by id. */
export type Refusals = ReadonlyMap<string, Refusal>;

type Refusal =
  | 'owned_elsewhere'
  | 'session_inactive'
  | 'session_not_found'
  | 'lease_lost'
  | 'store_timeout'
  | 'store_failed'
  | 'locked';

/**
 * Whether this connection opened again before the loss of its session was known here: only WhatsApp knows who opened
 * last.
 */
export function isContested(held: Held): boolean {
  const { displaced, link, ownedAtMs } = held;
  if (displaced === null || held.lost.signal.aborted || !isOpen(held)) return false;
  return link.lastRoseAtMs > ownedAtMs && link.lastRoseAtMs <= displaced.atMs;
}

function isOpen(held: Held): boolean {
  const seen = observe(held);
  return seen.kind === 'known' && seen.status === 'CONNECTED';
}

/** Contested sessions whose present owner reports that it is not connected: WhatsApp has chosen our connection. */
async function closedElsewhere(store: WaSyncStore, held: readonly Held[]): Promise<Set<string>> {
  const ids = held.filter(isContested).map(({ id }) => id);
  const rows = ids.length > 0 ? await store.sessions.get({ ids }) : [];
  return new Set(rows.filter(({ effective }) => effective.status !== 'CONNECTED').map(({ id }) => id));
}

/**
 * Claims the attached sessions that have no tenure yet. A connection that is open may take its session from anybody,
 * because WhatsApp has already chosen it. One that was displaced may do so only once it has opened anew since, or two
 * that both seem open would take over from each other in turns.
 */
export async function claimHeld(
  deps: {
    store: WaSyncStore;
    sessions: HeldSessions;
    lease: Lease;
    random: RandomSource;
    clock: Pick<Clock, 'monotonicMs'>;
    publish: PublishChanges;
  },
  held: readonly Held[],
): Promise<Refusals> {
  const { store, sessions, lease, random, clock, publish } = deps;
  const refused = new Map<string, Refusal>();
  const unclaimed = held.filter((entry) => entry.tenure === null);
  if (unclaimed.length === 0) return refused;
  const unregistered = unclaimed.filter((entry) => !entry.registered);
  if (unregistered.length > 0) {
    // The host's explicit attach makes the row; a status write never does.
    await store.sessions.create({ sessions: unregistered.map(({ id }) => ({ id, desired: 'running' })) });
    for (const entry of unregistered) entry.registered = true;
  }
  const closed = await closedElsewhere(store, unclaimed);
  const mayTake = (entry: Held): boolean => {
    const { displaced, link } = entry;
    return isOpen(entry) && (displaced === null || link.lastRoseAtMs > displaced.atMs || closed.has(entry.id));
  };
  const claims = unclaimed.map(
    (entry): Claim => ({ id: entry.id, tenure: random.token(), mode: mayTake(entry) ? 'takeover' : 'free' }),
  );
  const byId = new Map(unclaimed.map((entry) => [entry.id, entry]));
  const tenures = new Map(claims.map((claim) => [claim.id, claim.tenure]));
  const askedAtMs = clock.monotonicMs();
  if (!lease.trusted()) {
    // It ran out while rows were created or read.
    for (const { id } of unclaimed) refused.set(id, 'lease_lost');
    return refused;
  }
  const asked = { owner: lease.incarnation(), claims, deadline: lease.callDeadline() };
  for (const outcome of await store.sessions.claim(asked)) {
    const entry = byId.get(outcome.id);
    if (!entry) continue;
    if (!outcome.claimed) {
      if (outcome.why === 'fenced') lease.noteFenced();
      const why = {
        held: 'owned_elsewhere',
        inactive: 'session_inactive',
        missing: 'session_not_found',
        fenced: 'lease_lost',
        late: 'store_timeout',
        refused: 'store_failed',
        locked: 'locked',
      } as const;
      if (outcome.why === 'locked') entry.claimingSinceMs ??= askedAtMs;
      else entry.claimingSinceMs = null;
      refused.set(entry.id, why[outcome.why]);
      if (outcome.why === 'held' && !isContested(entry)) giveUp(entry, publish);
    } else if (sessions.get(entry.id) === entry) {
      sessions.setTenure(entry, tenures.get(entry.id) ?? null);
      entry.stored = outcome.session;
      entry.displaced = null;
      entry.claimingSinceMs = null;
      entry.ownedAtMs = askedAtMs;
      publish.gained(entry);
    }
  }
  return refused;
}

/** As far as is known here, another replica has it for good: the host's own loop should end. */
function giveUp(held: Held, publish: PublishChanges): void {
  const { displaced, lost } = held;
  if (displaced === null || lost.signal.aborted) return;
  lost.abort();
  if (displaced.why === 'fenced') publish.lost(held, 'taken_over');
}
