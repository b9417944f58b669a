import { describeFence } from './fence.js';
import { describeFreeFenced } from './free-fenced.js';
import { describeJoinAndBeat } from './join-and-beat.js';
import type { StoreSuite } from './store-suite.js';

/** Declares the tests of a `LeaseStore`, each on a fresh state. */
export function describeLeaseStore(suite: StoreSuite): void {
  const { describe } = suite.runner;
  describe(`${suite.name}: lease store`, () => {
    describeJoinAndBeat(suite);
    describeFence(suite);
    describeFreeFenced(suite);
  });
}
