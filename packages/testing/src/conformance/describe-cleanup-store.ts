import { describeCleanupRule } from './cleanup-rule.js';
import { describeDeactivate } from './deactivate.js';
import { describePurge } from './purge.js';
import type { StoreSuite } from './store-suite.js';

/** Declares the tests of a `CleanupStore`, each on a fresh state. Only for stores that have one. */
export function describeCleanupStore(suite: StoreSuite): void {
  const { describe } = suite.runner;
  describe(`${suite.name}: cleanup store`, () => {
    describeCleanupRule(suite);
    describeDeactivate(suite);
    describePurge(suite);
  });
}
