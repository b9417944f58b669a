import { createMemoryStore, type HistoryStore, type WaSyncStore } from '@wa-sync/core';
import { createSeededRandom } from '@wa-sync/testing';
import { beforeEach } from 'vitest';
import { describeEventHistory } from './describe-event-history.js';

let store: WaSyncStore;
beforeEach(() => {
  const memory = createMemoryStore();
  const random = createSeededRandom(7);
  const since: HistoryStore['since'] = async (params) => {
    const feed = await memory.history!.since(params);
    // Answers arrive late and in any order, as over a network.
    for (let left = Math.floor(random.next() * 4); left > 0; left -= 1) await new Promise(setImmediate);
    return feed;
  };
  store = { ...memory, history: Object.assign(Object.create(memory.history!), { since }) };
});

describeEventHistory('GET /events of replicas on one memory store', async () => store);
