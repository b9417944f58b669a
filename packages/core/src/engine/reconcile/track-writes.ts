/**
 * What became of the writes of this replica.
 *
 * Owns: the sessions whose row is owed a write, when one was last committed, and the writes whose answer was lost. A
 * beat alone would keep readers believing rows that nobody can write (a lock on the table, a full disk): where a write
 * is owed for a third of the lease and none was committed, the replica is stuck. A row that is refused for what is in it
 * (a trigger, a check), or that somebody has locked, says nothing of the others, so where only such rows are owed a
 * healthy one is written to know.
 */

import type { StoredSession } from '../../domain/session.js';
import type { Config } from '../../options/config.js';
import type { GuardedWrite } from '../../ports/session-store.js';
import type { Held, HeldSessions } from '../owned-sessions/held-sessions.js';

interface Owed {
  readonly sinceMs: number;
  /** The last answer was about this row alone. */
  refused: boolean;
  /** Since when a write of it is on its way. */
  askedAtMs: number | null;
}

export type WriteTracker = ReturnType<typeof createWriteTracker>;

export function createWriteTracker(deps: {
  config: Pick<Config, 'clock' | 'lease' | 'logger'>;
  held: HeldSessions;
  /** Has a row written that is right, to know whether rows can be written; ask `isToProve` when its turn comes. */
  prove(held: Held): void;
}) {
  const { held: sessions } = deps;
  const { clock, logger, lease } = deps.config;
  const patienceMs = lease.ttlMs / 3;
  const owed = new Map<string, Owed>();
  /**
   * By session: the last write whose answer was lost and that is not found in its row, and the highest version that
   * such a write stands guard on.
   */
  const lost = new Map<string, { readonly writeId: string; readonly version: number }>();
  let committedAtMs = Number.NEGATIVE_INFINITY;
  /** The row that is to be, or was last, written to know; and whether it was refused, and none was committed since. */
  let proving: string | null = null;
  let proofWanted = false;
  let proofRefused = false;
  let stuck = false;

  /**
   * For how long writes have been owed, and none was committed; of the refused ones, or of the others, with which a
   * refused one counts from its next try on: that may be what hangs.
   */
  function owedForMs(refused: boolean): number {
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const [id, one] of owed) {
      const isOurs = (sessions.get(id)?.tenure ?? null) !== null;
      if (!isOurs) owed.delete(id);
      else if (one.refused === refused) sinceMs = Math.min(sinceMs, one.sinceMs);
      else if (one.refused) sinceMs = Math.min(sinceMs, one.askedAtMs ?? sinceMs);
    }
    return clock.monotonicMs() - Math.max(sinceMs, committedAtMs);
  }

  /** A row that should take a write that changes nothing but its version. */
  function healthyRow(): Held | undefined {
    return [...sessions.all()].find(({ id, tenure, stored }) => tenure !== null && stored !== null && !owed.has(id));
  }

  function say(now: boolean): void {
    if (now === stuck) return;
    stuck = now;
    const fields = { code: now ? 'rows_stuck' : 'rows_written_again', sessions: owed.size };
    if (now) {
      const text = `No row of ours could be written for ${patienceMs} ms: readers are told that they are expired until one is`;
      logger.error(fields, text);
    } else logger.info(fields, 'Rows can be written again');
  }

  return {
    begun(writes: readonly GuardedWrite[]): void {
      const sinceMs = clock.monotonicMs();
      for (const { id } of writes) {
        const before = owed.get(id);
        if (before === undefined) owed.set(id, { sinceMs, refused: false, askedAtMs: sinceMs });
        else before.askedAtMs ??= sinceMs;
      }
    },
    /** It may have been committed all the same: the next read of the row knows our own write by its id. */
    answerLost({ id, writeId, version }: GuardedWrite): void {
      // A store that was rolled back counts its versions anew, and would reach the version of an older lost write once
      // more.
      lost.set(id, { writeId, version: Math.max(version, lost.get(id)?.version ?? 0) });
    },
    /** Whether a lost write would still be committed over the row as it stands. */
    mayStillCome(stored: StoredSession): boolean {
      const write = lost.get(stored.id);
      return write !== undefined && write.writeId !== stored.writeId && stored.version <= write.version;
    },
    committed({ id, version }: StoredSession): void {
      committedAtMs = clock.monotonicMs();
      proofRefused = false;
      if (version > (lost.get(id)?.version ?? 0)) lost.delete(id);
      owed.delete(id);
    },
    /** The row alone was refused, or is locked; returns for how long its write has been owed. */
    refused(id: string): number {
      const one = owed.get(id);
      if (id === proving) proofRefused = true;
      if (one === undefined) return 0;
      one.refused = true;
      one.askedAtMs = null;
      return clock.monotonicMs() - one.sinceMs;
    },
    /** Nothing has to be written to it. */
    settled(id: string): void {
      owed.delete(id);
    },
    gone(id: string): void {
      owed.delete(id);
      lost.delete(id);
    },
    /** Whether this row is written only to know whether rows can be written; asked once. */
    isToProve(id: string): boolean {
      const asked = proofWanted && proving === id;
      if (asked) proofWanted = false;
      return asked;
    },
    /** Whether none of our rows can be written, although some should be. Asked right before a beat. */
    isStuck(): boolean {
      proofWanted = false;
      if (owedForMs(false) >= patienceMs) say(true);
      else if (owedForMs(true) >= patienceMs) {
        const healthy = healthyRow();
        proving = healthy?.id ?? null;
        proofWanted = healthy !== undefined;
        if (healthy) deps.prove(healthy);
        say(!healthy || proofRefused);
      } else say(false);
      return stuck;
    },
  };
}
