/**
 * Suspects this replica's own network where most of its links fall in one window. Statuses are written as they are;
 * but the heartbeat carries a flag, and until it is taken back nobody cleans up, closes or writes to the sessions of
 * this replica. One event stands for all of them.
 */

import { looksLikeMassOutage } from '../../decide/link-faults.js';
import type { Config } from '../../options/config.js';
import type { Events } from '../events/emit-events.js';
import type { HeldSessions } from '../owned-sessions/held-sessions.js';
import type { Lease } from './lease.js';
import type { LinkWatch } from './watch-links.js';

/** Connections that are checked before pending I/O gets its turn. */
const SLICE = 2_000;

export type MassGuard = ReturnType<typeof createMassGuard>;

export function createMassGuard(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'probe'>;
  held: HeldSessions;
  lease: Lease;
  links: LinkWatch;
  events: Events;
}) {
  const { held: sessions, lease, links, events } = deps;
  const { clock, logger, probe } = deps.config;
  // Links that die at one moment are found dead within one probe period of each other, at the latest.
  const windowMs = 2 * (probe.silenceMs + probe.failures * probe.timeoutMs);
  let begunAtMs: number | null = null;

  async function count(sinceMs: number): Promise<{ up: number; fallen: number }> {
    const counts = { up: 0, fallen: 0 };
    let seen = 0;
    for (const held of sessions.all()) {
      if (++seen % SLICE === 0) await clock.yield();
      if (held.tenure === null) continue;
      links.note(held);
      if (held.link.state === 'up') counts.up += 1;
      else if (held.link.state === 'down' && held.link.lastFellAtMs >= sinceMs) counts.fallen += 1;
    }
    return counts;
  }

  function publishBegun({ up, fallen }: { up: number; fallen: number }): void {
    const fields = { code: 'mass_outage_begun', fallen, sessions: up + fallen };
    logger.error(fields, `${fallen} of ${up + fallen} sessions fell at once: the fault is probably ours`);
    events.emit('mass-outage:begun', { at: clock.now(), fallen, sessions: up + fallen });
  }

  function publishEnded(tookMs: number): void {
    logger.info({ code: 'mass_outage_ended', tookMs }, 'The sessions are back: the outage is over');
    events.emit('mass-outage:ended', { at: clock.now(), tookMs });
  }

  return {
    /** Checks every link; right before a beat, so that the flag goes out with it. */
    async check(): Promise<void> {
      const nowMs = clock.monotonicMs();
      const counts = await count((begunAtMs ?? nowMs) - windowMs);
      const suspected = looksLikeMassOutage({ ...counts, suspected: begunAtMs !== null });
      if (suspected && begunAtMs === null) publishBegun(counts);
      if (!suspected && begunAtMs !== null) publishEnded(nowMs - begunAtMs);
      begunAtMs = suspected ? (begunAtMs ?? nowMs) : null;
      lease.setMassOutage(suspected);
    },
  };
}
