import { createMemoryStore } from '@wa-sync/core';
import { createManualClock } from '@wa-sync/testing';
import { describeReplicas, describeWholeStore, type StoreSuite } from '@wa-sync/testing/conformance';
import { describe, it } from 'vitest';

const suite: StoreSuite = {
  name: 'memory',
  runner: { describe, it },
  capabilities: { durable: false, shared: false, mirror: false },
  async create() {
    const clock = createManualClock();
    const store = createMemoryStore({ clock });
    await store.init();
    return { store, advance: clock.advance, close: store.close };
  },
};

describeWholeStore(suite);
describeReplicas(suite);
