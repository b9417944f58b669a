import type { GuardedWrite, WriteOutcome } from '@wa-sync/core';
import type { EntryOf, StoreMethod } from '../history.js';
import { createRowFollower, type Invariant, mayFollow, settingsOf } from './invariant.js';
import { createOwnLeases } from './own-leases.js';
import { livesOf } from './processes.js';

const ADOPTION_GRACE_MS = 600_000;

const isWrite = (entry: EntryOf<'commit'>): boolean => entry.method === 'write' && entry.result !== 'refused';
const writesOf = (entry: EntryOf<'commit'>) => (entry.params as { writes: readonly GuardedWrite[] }).writes;
const outcomesOf = (entry: EntryOf<'commit'>) => entry.result as readonly WriteOutcome[];

/**
 * Commits keep the order in which they were decided, and a link is called dead only after enough questions stayed
 * unanswered.
 */
export const S1: Invariant = {
  name: 'S1',
  promise: 'a late probe, or a late write, never overwrites a newer event',
  check(history, bench) {
    // A roll-back gives versions out a second time, and a late write may then meet its own.
    const { failures, rollbacks } = settingsOf(history);
    const latest = new Map<string, number>();
    /**
     * Links that a forced sync called dead: so they stay until another opens, however long the row cannot be written.
     */
    const calledByForce = new Set<string>();
    for (const entry of history) {
      if (entry.what === 'heal' && entry.forced) calledByForce.add(entry.session);
      if (entry.what === 'link' && entry.event === 'open') calledByForce.delete(entry.session);
      if (entry.what === 'commit' && isWrite(entry) && !rollbacks) {
        for (const { id, applied } of outcomesOf(entry)) {
          const before = latest.get(id) ?? 0;
          if (entry.call < before) {
            bench.tested();
            if (applied)
              bench.broken(entry.t, `the write of call ${entry.call} came after that of call ${before}: ${id}`);
          }
          if (applied) latest.set(id, Math.max(before, entry.call));
        }
      }
      if (entry.what === 'heal') {
        bench.tested();
        const needed = entry.forced ? 1 : failures;
        if (entry.deadProbes < needed) {
          bench.broken(
            entry.t,
            `${entry.session} was healed after ${entry.deadProbes} unanswered probes since its last frame, ${needed} are needed`,
          );
        }
      }
      if (entry.what !== 'call' || !entry.seen) continue;
      for (const seen of entry.seen) {
        if (seen.status !== 'RECONNECTING' || seen.said?.status !== 'CONNECTED') continue;
        bench.tested();
        const needed = seen.forced || calledByForce.has(seen.session) ? 1 : failures;
        if (seen.deadProbes < needed) {
          bench.broken(
            entry.t,
            `${seen.session} called dead after ${seen.deadProbes} unanswered probes since its last frame, ${needed} are needed`,
          );
        }
      }
    }
  },
};

/**
 * A write holds only under the tenure and version that the row has, and only in the time that the own lease may be
 * trusted.
 */
export const S3: Invariant = {
  name: 'S3',
  promise: 'no write under an old tenure, a stopped process and late packets included',
  check(history, bench) {
    const { ttlMs, storeLimitMs } = settingsOf(history);
    const { rows, follow } = createRowFollower();
    const lives = livesOf(history);
    const own = createOwnLeases({ ttlMs, storeLimitMs }, lives);
    const guarded = new Set(['write', 'beginSend', 'move', 'deactivate', 'markForPurge', 'purge']);
    for (const entry of history) {
      if (entry.what === 'call') {
        const fromMs = own.renewedAt(entry.actor);
        if (
          guarded.has(entry.method) &&
          fromMs !== undefined &&
          !lives.get(entry.actor)?.suspendedIn(fromMs, entry.t)
        ) {
          bench.tested();
          if ((entry.t - fromMs) * (lives.get(entry.actor)?.clockRate ?? 1) >= ttlMs) {
            bench.broken(
              entry.t,
              `${entry.actor} sent ${entry.method} ${entry.t - fromMs} ms after it began its last renewal`,
            );
          }
        }
      }
      if (entry.what === 'commit' && isWrite(entry)) {
        const applied = new Set(
          outcomesOf(entry)
            .filter((one) => one.applied)
            .map((one) => one.id),
        );
        const { owner } = entry.params as { owner: string };
        for (const write of writesOf(entry)) {
          const row = rows.get(write.id);
          const fits = row?.owner === owner && row.tenure === write.tenure && row.version === write.version;
          if (!fits) bench.tested();
          if (applied.has(write.id) && !fits && row?.writeId !== write.writeId) {
            bench.broken(
              entry.t,
              `${entry.actor} wrote ${write.id} under tenure ${write.tenure}, version ${write.version}`,
            );
          }
        }
      }
      own.follow(entry);
      follow(entry);
    }
  },
};

/** What is written was said by the connection; `DISCONNECTED` without that says by its evidence how it came about. */
export const S4: Invariant = {
  name: 'S4',
  promise: 'unknown never becomes DISCONNECTED, except by expiry or release, and then the evidence says so',
  check(history, bench) {
    const { storeStartMs } = settingsOf(history);
    for (const entry of history) {
      if (entry.what === 'call') {
        for (const seen of entry.seen ?? []) {
          if (seen.status === null || seen.connection === null) continue;
          bench.tested();
          if (seen.said === null)
            bench.broken(entry.t, `${seen.session} written as ${seen.status} while its connection did not know`);
          else if (!mayFollow(seen.status, seen.said.status)) {
            bench.broken(
              entry.t,
              `${seen.session} written as ${seen.status} while its connection said ${seen.said.status}`,
            );
          }
        }
      }
      if (entry.what !== 'commit') continue;
      for (const { before, after } of entry.changes) {
        if (!before || after?.status !== 'DISCONNECTED' || before.status === 'DISCONNECTED') continue;
        bench.tested();
        const allowed: { readonly [Method in StoreMethod]?: readonly string[] } = {
          freeFenced: ['expired'],
          release: ['observed', 'unobserved'],
          deactivate: ['unobserved'],
          closeUnheld: ['unobserved'],
          write: ['observed'],
        };
        const evidence = allowed[entry.method];
        if (!evidence?.includes(after.evidence)) {
          bench.broken(entry.t, `${after.id} became DISCONNECTED / ${after.evidence} by ${entry.method}`);
        }
        const ageMs = storeStartMs + entry.t - before.createdAt.getTime();
        if (entry.method === 'closeUnheld' && (before.owner !== null || ageMs < ADOPTION_GRACE_MS)) {
          bench.broken(entry.t, `${after.id} was given up ${ageMs} ms after it came, held by ${before.owner}`);
        }
      }
    }
  },
};

export const S13: Invariant = {
  name: 'S13',
  promise: 'LOGGED_OUT is left only by pairing or an observed open',
  check(history, bench) {
    for (const entry of history) {
      if (entry.what !== 'commit') continue;
      for (const { before, after } of entry.changes) {
        if (before?.status !== 'LOGGED_OUT' || !after) continue;
        bench.tested();
        const left = entry.method === 'write' && (after.status === 'QR_CODE' || after.status === 'CONNECTED');
        if (after.status !== 'LOGGED_OUT' && !left)
          bench.broken(entry.t, `${after.id} went from LOGGED_OUT to ${after.status} by ${entry.method}`);
      }
    }
  },
};

export const S14: Invariant = {
  name: 'S14',
  promise: 'a status write never creates a row',
  check(history, bench) {
    const { rows, follow } = createRowFollower();
    for (const entry of history) {
      if (entry.what === 'commit') {
        if (isWrite(entry)) for (const { id } of writesOf(entry)) if (!rows.has(id)) bench.tested();
        if (entry.method === 'claim') {
          for (const { id } of (entry.params as { claims: readonly { id: string }[] }).claims)
            if (!rows.has(id)) bench.tested();
        }
        for (const { before, after } of entry.changes) {
          if (!before && after && entry.method !== 'create')
            bench.broken(entry.t, `${entry.method} made the row ${after.id}`);
        }
      }
      follow(entry);
    }
  },
};

function isFull({ params, result }: EntryOf<'commit'>): boolean {
  const { limit } = params as { limit?: number };
  return limit !== undefined && Array.isArray(result) && result.length >= limit;
}

export const S16: Invariant = {
  name: 'S16',
  promise: 'every write is the same write when it comes twice',
  check(history, bench) {
    for (const entry of history) {
      // A slice that was full takes what comes next when it comes twice.
      if (entry.what !== 'commit' || !entry.changedBySecond || isFull(entry)) continue;
      bench.tested();
      if (entry.changedBySecond.length > 0) {
        bench.broken(entry.t, `a second ${entry.method} changed ${entry.changedBySecond.join(', ')}`);
      }
    }
  },
};
