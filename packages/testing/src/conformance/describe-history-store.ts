import { describeHistoryFeed } from './history-feed.js';
import { describeHistoryOfSession } from './history-of-session.js';
import { describeTransitions } from './history-transitions.js';
import type { StoreSuite } from './store-suite.js';

/** Declares the tests of a `HistoryStore`, each on a fresh state. Only for stores that have one. */
export function describeHistoryStore(suite: StoreSuite): void {
  const { describe } = suite.runner;
  describe(`${suite.name}: history store`, () => {
    describeTransitions(suite);
    describeHistoryOfSession(suite);
    describeHistoryFeed(suite);
  });
}
