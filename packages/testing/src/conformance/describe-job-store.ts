import { describeRuns } from './runs.js';
import { describeSlots } from './slots.js';
import type { StoreSuite } from './store-suite.js';

/** Declares the tests of a `JobStore`, each on a fresh state. Only for stores that have one. */
export function describeJobStore(suite: StoreSuite): void {
  const { describe } = suite.runner;
  describe(`${suite.name}: job store`, () => {
    describeSlots(suite);
    describeRuns(suite);
  });
}
