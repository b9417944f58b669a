/**
 * Publishes changes: events and log lines. Every change of a row and of an owner passes through here once, so that a
 * write whose answer was lost is published when it is found again, and none is published twice.
 */

import { maskNumbers } from '../../domain/safe-text.js';
import type { Observation, Reason, SessionStatus, StoredSession } from '../../domain/session.js';
import type { Config } from '../../options/config.js';
import type { Events } from '../events/emit-events.js';
import type { Held, HeldSessions } from './held-sessions.js';
import { isBadSnapshot } from './observe.js';

/** Where a pass came from: a sync reports drift, an event is how a row normally changes. */
export type Trigger = 'event' | 'sync';

/** A write that holds. */
export interface Written {
  readonly held: Held;
  readonly trigger: Trigger;
  readonly before: StoredSession;
  readonly after: StoredSession;
  readonly blocked?: string | undefined;
}

export type PublishChanges = ReturnType<typeof createPublishChanges>;

export function createPublishChanges(deps: {
  config: Pick<Config, 'clock' | 'logger'>;
  held: HeldSessions;
  events: Events;
  /** Called when a session is lost: the provider closes what it opened. */
  onLost(held: Held): void;
}) {
  const { held: sessions, events } = deps;
  const { clock, logger } = deps.config;

  function mirrorState(held: Held, cause: string | null): void {
    const wasBlocked = held.mirrorBlocked;
    held.mirrorBlocked = cause !== null;
    if (cause === null || wasBlocked) return;
    const fields = { code: 'mirror_blocked', sessionId: held.id, cause };
    logger.warn(fields, `Session ${maskNumbers(held.id)}: the host's row could not be written (${cause})`);
    events.emit('mirror:blocked', { sessionId: held.id, at: clock.now(), cause });
  }

  function foreignWrite(held: Held, before: StoredSession, after: StoredSession): void {
    const word = before.mirror.word;
    const fields = { code: 'foreign_write', sessionId: held.id, word, actual: after.status };
    logger.warn(
      fields,
      `Session ${maskNumbers(held.id)}: somebody wrote ${word} into the host's row, it is ${after.status}`,
    );
    events.emit('drift:foreign-write', { sessionId: held.id, at: clock.now(), word, actual: after.status });
  }

  function changed({ held, trigger, before, after }: Written): void {
    const at = clock.now();
    const { status: to, health, evidence, reason } = after;
    const id = maskNumbers(held.id);
    const fields = { sessionId: held.id, stored: before.status, actual: to, reason: reason?.code ?? null, trigger };
    const why = reason ? `: ${reason.code}` : '';
    logger.info(fields, `Syncing session ${id}: marking as ${to} (was ${before.status})${why}`);
    events.emit('session:changed', { sessionId: held.id, at, from: before.status, to, health, evidence, reason });
    if (before.health !== health) events.emit('session:health', { sessionId: held.id, at, health, reason });
    if (trigger === 'sync' && before.status !== to) {
      events.emit('drift:corrected', { sessionId: held.id, at, stored: before.status, actual: to, reason });
    }
  }

  function written(write: Written): void {
    const { held, before, after, blocked } = write;
    // A word that we never wrote, or could not write, is no foreign write.
    const ours = before.evidence !== 'unobserved' && !held.mirrorBlocked;
    if (before.mirror.state === 'differs' && ours) foreignWrite(held, before, after);
    mirrorState(held, blocked ?? (after.mirror.state === 'missing' ? 'missing' : null));
    const same = before.status === after.status && before.health === after.health;
    if (!same || before.reason?.code !== after.reason?.code || before.evidence !== after.evidence) changed(write);
  }

  return {
    written,
    /** A row was read and needs no write: is the host's row there? */
    mirrorSeen(held: Held, row: StoredSession): void {
      mirrorState(held, row.mirror.state === 'missing' ? 'missing' : null);
    },
    /** A row was read again: if it carries the write whose answer was lost, that write is published now. */
    confirmed(held: Held, row: StoredSession): void {
      const { unconfirmed } = held;
      held.unconfirmed = null;
      if (unconfirmed && row.writeId === unconfirmed.writeId) written({ held, after: row, ...unconfirmed });
    },
    /**
     * A session was released: what its row says since. `from` is what it said, where that is known; a logout stays
     * one.
     */
    released(
      sessionId: string,
      { from, reason, unobserved }: { from: SessionStatus | null; reason: Reason; unobserved: boolean },
    ): void {
      if (from === null || from === 'LOGGED_OUT') return;
      const to = 'DISCONNECTED';
      const fields = { sessionId, stored: from, actual: to, reason: reason.code, trigger: 'event' };
      logger.info(fields, `Syncing session ${maskNumbers(sessionId)}: marking as ${to} (was ${from}): ${reason.code}`);
      const evidence = unobserved ? 'unobserved' : 'observed';
      events.emit('session:changed', { sessionId, at: clock.now(), from, to, health: 'healthy', evidence, reason });
    },
    /** A connection was read: what makes no sense is logged once, until it does. */
    observed(held: Held, seen: Observation): void {
      const senseless = isBadSnapshot(seen);
      if (senseless && !held.senseless && seen.kind === 'unknown') {
        const fields = { code: seen.why, sessionId: held.id };
        logger.error(fields, `Session ${maskNumbers(held.id)}: what its connection says makes no sense; its row stays`);
      }
      held.senseless = senseless;
    },
    gained(held: Held): void {
      logger.debug({ sessionId: held.id }, `Session ${maskNumbers(held.id)} is ours`);
      events.emit('ownership:gained', { sessionId: held.id, at: clock.now() });
    },
    lost(held: Held, why: 'taken_over' | 'row_missing' | 'fenced' | 'inactive'): void {
      sessions.setTenure(held, null);
      // Nobody else has a deactivated session: once its connection opens, it may be taken back.
      held.displaced = why === 'taken_over' || why === 'fenced' ? { why, atMs: clock.monotonicMs() } : null;
      const fields = { code: 'ownership_lost', sessionId: held.id, why };
      logger.warn(fields, `Session ${maskNumbers(held.id)} is no longer ours (${why})`);
      events.emit('ownership:lost', { sessionId: held.id, at: clock.now(), why });
      deps.onLost(held);
    },
  };
}

/** Why a row is no longer under the tenure it was held by. */
export function whyLost(row: StoredSession | null): 'taken_over' | 'row_missing' | 'inactive' {
  if (row === null) return 'row_missing';
  return row.owner === null && !row.active ? 'inactive' : 'taken_over';
}
