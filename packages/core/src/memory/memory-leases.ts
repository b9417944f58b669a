import type { Clock } from '../ports/clock.js';
import type { BeatAnswer, LeaseStore } from '../ports/lease-store.js';
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

  function answer(incarnation: string, alive: boolean): BeatAnswer {
    if (!alive) return { alive: false };
    return {
      alive: true,
      storeNow: clock.now(),
      others: leases.all().filter((heartbeat) => heartbeat.incarnation !== incarnation),
      claimable: table.claimable.size > 0,
      outgoing: hasOutgoing(incarnation),
      inbox: hasRequests(incarnation),
    };
  }

  function free(owner: string, limit: number): string[] {
    const ids = table.ofOwner(owner)?.ids.page(undefined, limit) ?? [];
    const nowMs = clock.now().getTime();
    for (const id of ids) {
      const row = table.get(id)!;
      // Without a heartbeat row nothing is known of the last proof of life: too late an instant keeps the row from
      // cleanup.
      const seenAtMs = leases.lastBeatAtMs(owner) ?? nowMs;
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
    join: async (lease) => answer(lease.incarnation, leases.join(lease)),
    beat: async (beat) => answer(beat.incarnation, leases.beat(beat)),
    fence: async (fence) => leases.fence(fence),
    async freeFenced({ limit }) {
      const freed: string[] = [];
      for (const owner of table.owners()) {
        if (!leases.stands(owner)) freed.push(...free(owner, limit - freed.length));
      }
      forgetFenced();
      return freed;
    },
    leave: async ({ incarnation }) => leases.delete(incarnation),
  };
}
