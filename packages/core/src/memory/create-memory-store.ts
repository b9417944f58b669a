/**
 * The embedded default store: everything a replica keeps, in the memory of this process. Give one store to several
 * replicas and they share it. Each operation changes all it changes before it returns, with no await in between.
 */

import { WaSyncError } from '../domain/errors.js';
import type { Clock } from '../ports/clock.js';
import { systemClock } from '../ports/clock.js';
import type { WaSyncStore } from '../ports/store.js';
import { createLeaseBook } from './lease-book.js';
import { createMemoryAuth } from './memory-auth.js';
import { createMemoryCleanup } from './memory-cleanup.js';
import { createMemoryConversations } from './memory-conversations.js';
import { createMemoryHistory } from './memory-history.js';
import { createMemoryInbox } from './memory-inbox.js';
import { createMemoryJobs } from './memory-jobs.js';
import { createMemoryLeases } from './memory-leases.js';
import { createMemorySessions } from './memory-sessions.js';
import { createSessionTable } from './session-table.js';

/** Settings of {@link createMemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * The store's own time: `now` for the instants it writes, `monotonicMs` for the age of a lease.
   * @defaultValue the clock of this process
   */
  readonly clock?: Clock | undefined;
}

/** A {@link WaSyncStore} in memory, credentials included. */
export type MemoryStore = WaSyncStore &
  Required<Pick<WaSyncStore, 'auth' | 'jobs' | 'cleanup' | 'conversations' | 'history' | 'inbox'>>;

/**
 * A store in the memory of this process, for tests, for trying wa-sync out, and for one process that pairs anew after
 * a restart. Nothing survives the process and no other process sees it.
 *
 * @throws WaSyncError `config_invalid` for an option that does not exist
 * @example
 * const store = createMemoryStore();
 * const first = createWaSync({ store, replicaId: 'a' });
 * const second = createWaSync({ store, replicaId: 'b' });
 */
export function createMemoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const { clock = systemClock, ...unknown } = options;
  for (const key of Object.keys(unknown)) {
    throw new WaSyncError('config_invalid', `createMemoryStore does not know the option "${key}"; it takes: clock`);
  }
  const table = createSessionTable();
  const leases = createLeaseBook({ clock });
  const marks = new Set<string>();
  const { forget, ...auth } = createMemoryAuth({ table, marks });
  const { waits: hasOutgoing, ...conversations } = createMemoryConversations({ table, leases, clock });
  const { replaced, forget: forgetHistory, ...history } = createMemoryHistory({ clock });
  table.watch({ replaced, forget: forgetHistory });
  const { waits: hasRequests, forget: forgetRequests, ...inbox } = createMemoryInbox({ table, leases, clock });
  table.watch({ forget: forgetRequests });
  return {
    capabilities: { durable: false, shared: false, mirror: false },
    sessions: createMemorySessions({ table, leases, clock, marks, onRemoved: forget }),
    leases: createMemoryLeases({ table, leases, clock, hasOutgoing, hasRequests }),
    auth,
    jobs: createMemoryJobs({ leases, clock }),
    cleanup: createMemoryCleanup({ table, leases, clock, marks, onRemoved: forget }),
    conversations,
    history,
    inbox,
    async init() {},
    // Another replica of this process may still use it.
    async close() {},
  };
}
