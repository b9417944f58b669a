import { describeInboxAnswers } from './inbox-answers.js';
import { describeInboxRequests } from './inbox-requests.js';
import type { StoreSuite } from './store-suite.js';

/** Declares the tests of an `InboxStore`, each on a fresh state. Only for stores that have one. */
export function describeInboxStore(suite: StoreSuite): void {
  const { describe } = suite.runner;
  describe(`${suite.name}: inbox store`, () => {
    describeInboxRequests(suite);
    describeInboxAnswers(suite);
  });
}
