/**
 * Opens sessions that wa-sync runs itself. Claims before it opens, never from a living owner; closes what it opened
 * when the host wants it stopped or another replica took over. A closed connection leaves the registry before its
 * socket is gone, so late events of it reach nobody.
 */

import { WaSyncError } from '../../domain/errors.js';
import { maskNumbers } from '../../domain/safe-text.js';
import type { Reason, StoredSession } from '../../domain/session.js';
import { catchLater } from '../../logging/contain-call.js';
import type { Config } from '../../options/config.js';
import type { WhatsAppConnection } from '../../ports/connection.js';
import type { Claim } from '../../ports/session-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Lease } from '../lease/lease.js';
import type { ReleaseSessions } from '../lease/release-sessions.js';
import type { HostCalls } from '../limits/host-calls.js';
import type { FollowMessages } from '../messages/follow-messages.js';
import { closeConnection } from '../owned-sessions/close-connection.js';
import type { Held, HeldSessions } from '../owned-sessions/held-sessions.js';
import { listenToConnection } from '../owned-sessions/listen-to-connection.js';
import { readSnapshot } from '../owned-sessions/observe.js';
import { type PublishChanges, whyLost } from '../owned-sessions/publish-changes.js';
import { checkConnection } from './check-connection.js';
import { createOpenClaimable } from './open-claimable.js';

/** Statuses in which a provider may have given up until a person acts. */
const PARKED = new Set(['DISCONNECTED', 'LOGGED_OUT', 'ERROR']);

/** What became of sessions that were to be opened. */
interface Opened {
  /** What the provider threw. */
  readonly failures: readonly unknown[];
  /** Those that another replica had taken before. */
  readonly inVain: readonly string[];
  /** Those whose row somebody has locked. */
  readonly locked: readonly string[];
}

const NOTHING_OPENED: Opened = { failures: [], inVain: [], locked: [] };
/** Who asked for a session waits for a locked row for so long; a tick comes again anyway. */
const ASKED_WAITS_MS = 1_000;
const LOCKED_AGAIN_MS = 20;

export type Provide = ReturnType<typeof createProvide>;

export function createProvide(deps: {
  config: Pick<Config, 'provider' | 'random' | 'clock' | 'logger' | 'observeOnly' | 'lease'>;
  store: WaSyncStore;
  held: HeldSessions;
  releaseSessions: ReleaseSessions;
  lease: Lease;
  publish: PublishChanges;
  messages: FollowMessages;
  host: HostCalls;
  onChange(held: Held): void;
}) {
  const { store, held: sessions, releaseSessions, lease, publish, messages, host, onChange } = deps;
  const { provider, random, observeOnly, clock } = deps.config;

  const claiming = new Map<string, Promise<unknown>>();
  const openClaimable = createOpenClaimable({ clock, store, lease, tickMs: deps.config.lease.tickMs });

  /** Claims the given sessions and opens those that were won. */
  async function open(ids: readonly string[]): Promise<Opened> {
    if (!provider || observeOnly || !lease.trusted()) return NOTHING_OPENED;
    const underWay = ids.map((id) => claiming.get(id)?.catch(() => {}));
    const wanted = ids.filter((id) => !sessions.get(id) && !claiming.has(id));
    const opened = wanted.length > 0 ? await claim(wanted) : NOTHING_OPENED;
    await Promise.all(underWay);
    return opened;
  }

  async function claim(wanted: readonly string[]): Promise<Opened> {
    const failures: unknown[] = [];
    const inVain: string[] = [];
    const locked: string[] = [];
    const claims = wanted.map((id): Claim => ({ id, tenure: random.token(), mode: 'free' }));
    const tenures = new Map(claims.map((claim) => [claim.id, claim.tenure]));
    const work = (async () => {
      const owner = lease.incarnation();
      for (const outcome of await store.sessions.claim({ owner, claims, deadline: lease.callDeadline() })) {
        const tenure = tenures.get(outcome.id);
        if (outcome.claimed && tenure && !sessions.get(outcome.id)) {
          if (lease.trusted() && lease.incarnation() === owner) tryToHold(outcome.session, tenure, failures);
          else await leaveFree(outcome.session, tenure, owner);
        } else if (!outcome.claimed && outcome.why === 'fenced') lease.noteFenced();
        else if (!outcome.claimed && outcome.why === 'held') inVain.push(outcome.id);
        else if (!outcome.claimed && outcome.why === 'locked') locked.push(outcome.id);
      }
    })();
    for (const id of wanted) {
      claiming.set(id, work);
      releaseSessions.keep(id);
    }
    try {
      await work;
    } finally {
      for (const id of wanted) claiming.delete(id);
    }
    return { failures, inVain, locked };
  }

  /**
   * The lease ran out on the way of the claim, so another replica may have the session before long. The next tick under
   * this lease releases it; one that another has ended frees it as well.
   */
  async function leaveFree({ id, status: from }: StoredSession, tenure: string, owner: string): Promise<void> {
    if (lease.incarnation() !== owner) return;
    await releaseSessions.release({ id, tenure, from }, { code: 'no_connection' }, { unobserved: true });
  }

  /** The others that were claimed are opened all the same; the sweep releases this one. */
  function tryToHold(row: StoredSession, tenure: string, failures: unknown[]): void {
    try {
      hold(row, tenure);
    } catch (error) {
      failures.push(error);
      const text = 'The provider could not open a session: the next sync releases it';
      host.failed({ name: 'provider.open', code: 'connection_failed', text, fields: { sessionId: row.id } }, error);
    }
  }

  async function openOrThrow(ids: readonly string[]): Promise<void> {
    const untilMs = clock.monotonicMs() + ASKED_WAITS_MS;
    const failures: unknown[] = [];
    for (let wanted = ids; wanted.length > 0; ) {
      const opened = await open(wanted);
      failures.push(...opened.failures);
      wanted = opened.locked;
      if (wanted.length === 0) break;
      if (clock.monotonicMs() >= untilMs) {
        const text = `Somebody has had the row of session ${maskNumbers(wanted[0] ?? '')} locked for ${ASKED_WAITS_MS} ms`;
        failures.push(new WaSyncError('store_timeout', `${text}: it is opened with a later tick`));
        break;
      }
      await new Promise<void>((resolve) => void clock.schedule(resolve, LOCKED_AGAIN_MS));
    }
    if (failures.length > 0) throw failures[0];
  }

  function hold(row: StoredSession, tenure: string): void {
    const lost = new AbortController();
    const connection = openConnection(row, tenure, lost.signal);
    const held = sessions.add({ mode: 'provided', connection, lost });
    sessions.setTenure(held, tenure);
    held.stored = row;
    listen(held);
    publish.gained(held);
    onChange(held);
  }

  function openConnection(
    { id: sessionId, phone }: Pick<StoredSession, 'id' | 'phone'>,
    tenure: string,
    fenced: AbortSignal,
  ): WhatsAppConnection {
    const given = provider!.open({ sessionId, tenure, phone, fenced, stillOurs: () => stillOurs(sessionId, tenure) });
    return checkConnection(catchLater(given), 'provider.open must return a connection');
  }

  async function stillOurs(id: string, tenure: string): Promise<boolean> {
    if (!lease.trusted()) return false;
    const [row = null] = await store.sessions.get({ ids: [id] });
    if (row?.tenure === tenure) return lease.trusted();
    const held = sessions.get(id);
    if (held?.tenure === tenure) publish.lost(held, whyLost(row));
    return false;
  }

  function listen(held: Held): void {
    listenToConnection(held, deps);
    messages.follow(held.connection);
  }

  /**
   * Opens anew what waits for a person; the provider returns the same connection where it is still at work by itself.
   */
  function reopen(held: Held): Held {
    const { tenure } = held;
    if (!provider || tenure === null || !lease.trusted() || !isParked(held.connection)) return held;
    const lost = new AbortController();
    const connection = openConnection({ id: held.id, phone: held.stored?.phone ?? null }, tenure, lost.signal);
    if (connection === held.connection) return held;
    held.unsubscribe();
    const next = sessions.add({ mode: 'provided', connection, replaces: held, lost });
    listen(next);
    onChange(next);
    return next;
  }

  /** Ends a connection of ours and releases the session. */
  async function stop(held: Held, reason: Reason): Promise<void> {
    const { id, tenure, stored } = held;
    const from = stored?.status ?? null;
    sessions.remove(held);
    const closed = await closeConnection(held.connection, reason.code, deps.config);
    held.lost.abort();
    if (tenure !== null) await releaseSessions.release({ id, tenure, from }, reason, { unobserved: !closed });
  }

  return {
    /** @throws what the provider did, once the others were opened */
    open: openOrThrow,
    /** Makes a session run here, at once; `null` where another replica has it. */
    async openNow(id: string): Promise<Held | null> {
      const here = sessions.get(id);
      if (here) return here.mode === 'provided' ? reopen(here) : here;
      await openOrThrow([id]);
      return sessions.get(id) ?? null;
    },
    stop,
    /** A row of ours that the host wants stopped, or that has no connection here. */
    async releaseStray(row: StoredSession, held: Held | null): Promise<void> {
      if (held?.mode === 'provided') await stop(held, { code: 'stopped' });
      // A claim under way may already have put our name on the row although its connection is not here yet.
      const { id, tenure, status: from } = row;
      if (held || claiming.has(id) || tenure === null) return;
      await releaseSessions.release({ id, tenure, from }, { code: 'no_connection' }, { unobserved: true });
    },
    /** Opens sessions that stand free and should run. */
    async openClaimable(): Promise<void> {
      if (provider && !observeOnly) await openClaimable(async (ids) => (await open(ids)).inVain);
    },
    /** Ends a connection of ours whose session another replica has now. */
    drop(held: Held): void {
      sessions.remove(held);
      held.lost.abort();
      void closeConnection(held.connection, 'ownership_lost', deps.config);
    },
    /** Closes everything at the end; none waits for another. */
    async closeAll(): Promise<void> {
      const provided = [...sessions.all()].filter((held) => held.mode === 'provided');
      await Promise.all(provided.map((held) => closeConnection(held.connection, 'shutdown', deps.config)));
    },
  };
}

function isParked(connection: WhatsAppConnection): boolean {
  const seen = readSnapshot(connection);
  return seen.kind === 'known' && PARKED.has(seen.status);
}
