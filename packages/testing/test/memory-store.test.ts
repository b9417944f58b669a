import { createMemoryStore } from '@wa-sync/core';
import { createManualClock } from '@wa-sync/testing';
import {
  describeAuthStore,
  describeCleanupStore,
  describeConversationStore,
  describeHistoryStore,
  describeInboxStore,
  describeJobStore,
  describeLeaseStore,
  describeReplicas,
  describeSessionImport,
  describeSessionStore,
  type StoreSuite,
} from '@wa-sync/testing/conformance';

const suite: StoreSuite = {
  name: 'memory',
  capabilities: { durable: false, shared: false, mirror: false },
  async create() {
    const clock = createManualClock();
    const store = createMemoryStore({ clock });
    await store.init();
    return { store, advance: clock.advance, close: store.close };
  },
};

describeSessionStore(suite);
describeSessionImport(suite);
describeLeaseStore(suite);
describeAuthStore(suite);
describeJobStore(suite);
describeCleanupStore(suite);
describeConversationStore(suite);
describeHistoryStore(suite);
describeInboxStore(suite);
describeReplicas(suite);
