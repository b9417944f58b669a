import type { MemoryStore } from '@wa-sync/core';
import { beatOf } from '@wa-sync/testing/conformance';

/** Every heartbeat of a store, as a reader with one of its own is told. */
export async function heartbeats({ leases }: MemoryStore) {
  await leases.join({ incarnation: 'reader', replicaId: 'reader', ttlMs: 30_000 });
  const answer = await leases.beat(beatOf('reader', { replicaId: 'reader', after: Number.MAX_SAFE_INTEGER }));
  await leases.leave({ incarnation: 'reader' });
  return answer.alive ? answer.others : [];
}
