import { createMemoryStore, type WaSyncStore } from '@wa-sync/core';
import { beforeEach } from 'vitest';
import { describeEventHistory } from './describe-event-history.js';

let store: WaSyncStore;
beforeEach(() => {
  store = createMemoryStore();
});

describeEventHistory('GET /events of replicas on one memory store', async () => store);
