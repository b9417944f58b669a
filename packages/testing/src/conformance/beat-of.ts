import type { Beat } from '@wa-sync/core';

/**
 * What a replica says with a beat: the plainest, but for what is given.
 *
 * @example
 * await store.leases.beat(beatOf(incarnation, { massOutage: true }));
 */
export function beatOf(incarnation: string, said: Partial<Beat> = {}): Beat {
  return {
    incarnation,
    replicaId: 'replica',
    ttlMs: 30_000,
    after: null,
    last: null,
    massOutage: false,
    stuck: false,
    ...said,
  };
}
