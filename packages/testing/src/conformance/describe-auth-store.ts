import { describeAuthRecords } from './auth-records.js';
import type { StoreSuite } from './store-suite.js';

/** Declares the tests of an `AuthStore`, each on a fresh state. Only for stores that have one. */
export function describeAuthStore(suite: StoreSuite): void {
  const { describe } = suite.runner;
  describe(`${suite.name}: auth store`, () => {
    describeAuthRecords(suite);
  });
}
