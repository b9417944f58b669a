/**
 * Stops sessions whose row in the host's table is gone, where the mapping says so. Owns: since when each of them is
 * known to be missing. A row counts as gone once it was missing at two reads, the second of which began at least ten
 * seconds after the first had ended: a host may add it in a transaction that is not over yet.
 */

import { maskNumbers } from '../../domain/safe-text.js';
import type { StoredSession } from '../../domain/session.js';
import type { Config } from '../../options/config.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Lease } from '../lease/lease.js';
import type { Held, HeldSessions } from '../owned-sessions/held-sessions.js';
import type { Reconciler } from '../reconcile/reconcile.js';
import { HOST_ROW_MISSING } from '../reconcile/synced-session.js';
import type { Provide } from '../sessions/provide.js';

const CONFIRM_AFTER_MS = 10_000;
/** Stopped at once: each may wait for the end of its connection. */
const AT_ONCE = 20;
const PAGE = 1_000;
/** So many, and more than half of all: the table was emptied, is being restored, or hides its rows. */
const TOO_MANY = 3;

interface Missing {
  readonly held: Held;
  sinceMs: number;
  stopped: boolean;
}

/** Returns what each tick calls. */
export function createStopGone(deps: {
  config: Pick<Config, 'clock' | 'logger'>;
  store: WaSyncStore;
  held: HeldSessions;
  lease: Lease;
  reconciler: Pick<Reconciler, 'enqueue'>;
  provide: Pick<Provide, 'stop'>;
}): () => Promise<void> {
  const { store, held: sessions, lease, reconciler, provide } = deps;
  const { clock, logger } = deps.config;
  const missing = new Map<string, Missing>();
  let saidThatTooMany = false;

  /** Follows what the rows said when they were last read or written. */
  function follow(): { owned: number; due: Missing[] } {
    const nowMs = clock.monotonicMs();
    const due: Missing[] = [];
    let owned = 0;
    for (const [id, { held }] of missing) if (sessions.get(id) !== held) missing.delete(id);
    for (const held of sessions.all()) {
      // An observer holds none.
      if (held.tenure === null) continue;
      owned += 1;
      if (held.stored === null) continue;
      if (held.stored.mirror.state !== 'missing') missing.delete(held.id);
      else if (!missing.has(held.id)) missing.set(held.id, { held, sinceMs: nowMs, stopped: false });
    }
    for (const one of missing.values()) if (!one.stopped && nowMs - one.sinceMs >= CONFIRM_AFTER_MS) due.push(one);
    return { owned, due };
  }

  function tooMany(owned: number): boolean {
    const count = missing.size;
    const many = count >= TOO_MANY && count > owned / 2;
    if (many && !saidThatTooMany) {
      const text = `${count} of ${owned} sessions have no row in the host's table: none is stopped while more than half have none`;
      logger.warn({ code: 'host_rows_gone', missing: count, owned }, text);
    }
    saidThatTooMany = many;
    return many;
  }

  async function stop(one: Missing, { desired }: StoredSession): Promise<void> {
    const { held } = one;
    const { id } = held;
    if (!lease.trusted() || sessions.get(id) !== held || held.tenure === null) return;
    // One that is to be stopped anyway is closed by the next sync.
    if (desired === 'running' && !(await setStopped(id))) return;
    one.stopped = true;
    if (desired === 'stopped') return;
    const socket = held.mode === 'provided' ? '' : '; its socket is yours and stays';
    const text = `Session ${maskNumbers(id)} has no row in the host's table any more: stopped${socket}`;
    logger.warn({ code: HOST_ROW_MISSING, sessionId: id }, text);
    if (held.mode === 'provided') await provide.stop(held, { code: HOST_ROW_MISSING });
  }

  /**
   * A pooler may have sent both reads to a standby that lags behind. A write is the primary's, and returns the row as
   * it stands there: where the host's row is there after all, the session goes on.
   */
  async function setStopped(id: string): Promise<boolean> {
    const row = await store.sessions.setDesired({ id, desired: 'stopped' });
    if (row === null) return false;
    if (row.mirror.state === 'missing') return true;
    missing.delete(id);
    await store.sessions.setDesired({ id, desired: 'running' });
    return false;
  }

  /** Reads the due ones again; returns those whose row is still missing. */
  async function readAgain(due: readonly Missing[]): Promise<[Missing, StoredSession][]> {
    const gone: [Missing, StoredSession][] = [];
    for (let from = 0; from < due.length; from += PAGE) {
      const page = due.slice(from, from + PAGE);
      const rows = await store.sessions.get({ ids: page.map(({ held }) => held.id) });
      const byId = new Map(rows.map((row) => [row.id, row]));
      for (const one of page) {
        const row = byId.get(one.held.id);
        if (row?.mirror.state === 'missing') gone.push([one, row]);
        else {
          // It is there again, and may say anything.
          missing.delete(one.held.id);
          one.held.stored = null;
          reconciler.enqueue(one.held);
        }
      }
    }
    return gone;
  }

  return async () => {
    if (store.hostSessions?.whenRowIsGone !== 'stop') return;
    const { owned, due } = follow();
    if (due.length === 0) return;
    const gone = await readAgain(due);
    if (tooMany(owned)) for (const [one] of gone) one.sinceMs = clock.monotonicMs();
    else await Promise.all(gone.slice(0, AT_ONCE).map(([one, row]) => stop(one, row)));
  };
}
