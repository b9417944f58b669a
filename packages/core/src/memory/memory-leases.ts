import type { Clock } from '../ports/clock.js';
import type { Beat, BeatAnswer, LeaseStore } from '../ports/lease-store.js';
import { endRow } from './change-row.js';
import type { LeaseBook } from './lease-book.js';
import type { SessionTable } from './session-table.js';

/** The lease part of the memory store. */
export function createMemoryLeases(params: {
  table: SessionTable;
  leases: LeaseBook;
  clock: Clock;
  hasOutgoing: (owner: string) => boolean;
  hasRequests: (owner: string) => boolean;
}): LeaseStore {
  const { table, leases, clock, hasOutgoing, hasRequests } = params;

  function answer(of: Pick<Beat, 'incarnation' | 'replicaId' | 'after' | 'last'>, renew: () => boolean): BeatAnswer {
    const before = leases.numberOf(of.incarnation);
    if (!renew()) return { alive: false };
    const { incarnation, replicaId, after, last } = of;
    const all = leases.all();
    const own = all.find((one) => one.incarnation === incarnation)!;
    const listed = all.filter((one) => one.replicaId === replicaId || (after !== null && one.number < after));
    return {
      alive: true,
      storeNow: clock.now(),
      ...{ number: own.number, joined: own.joined, lastKnown: last === null || (before ?? -1) >= last },
      others: listed.filter((one) => one.incarnation !== incarnation),
      fencedLeft: all.some(({ fenced }) => fenced),
      outgoing: hasOutgoing(incarnation),
      inbox: hasRequests(incarnation),
    };
  }

  function free(owner: string, limit: number): string[] {
    const ids = table.ofOwner(owner)?.ids.page(undefined, limit) ?? [];
    const nowMs = clock.now().getTime();
    const seenAtMs = leases.lastBeatAtMs(owner) ?? nowMs;
    for (const id of ids) {
      const row = table.get(id)!;
      table.put(endRow(row, { reason: { code: 'owner_lost' }, evidence: 'expired', seenAtMs, nowMs }));
    }
    return ids;
  }

  function forgetFenced(): void {
    for (const { incarnation, fenced } of leases.all()) {
      if (fenced && table.ofOwner(incarnation) === undefined) leases.delete(incarnation);
    }
  }

  return {
    join: async (lease) => answer({ ...lease, after: null, last: null }, () => leases.join(lease)),
    beat: async (beat) => answer(beat, () => leases.beat(beat, table.ofOwner(beat.incarnation) !== undefined)),
    fence: async (fence) => leases.fence(fence),
    async addUnknown({ ttlMs }) {
      const known = new Set(leases.all().map(({ incarnation }) => incarnation));
      const unknown = [...table.owners()].filter((owner) => !known.has(owner));
      for (const incarnation of unknown) leases.addUnknown({ incarnation, ttlMs });
      return unknown.length;
    },
    async freeFenced({ limit }) {
      const freed: string[] = [];
      for (const owner of table.owners()) {
        if (leases.isFenced(owner)) freed.push(...free(owner, limit - freed.length));
      }
      forgetFenced();
      return freed;
    },
    async leave({ incarnation }) {
      if (table.ofOwner(incarnation) === undefined) leases.delete(incarnation);
      else leases.end(incarnation);
    },
  };
}
