import { describeInactive } from './inactive.js';
import { describeMove } from './move.js';
import { describeOutgoing } from './outgoing.js';
import { describeRecord } from './record.js';
import type { StoreSuite } from './store-suite.js';

/**
 * Declares the tests of a `ConversationStore`, each on a fresh state. Only for stores that have one. `advance` must
 * also move `heardAt`, `warnedAt` and what the gate counts from.
 */
export function describeConversationStore(suite: StoreSuite): void {
  const { describe } = suite.runner;
  describe(`${suite.name}: conversation store`, () => {
    describeRecord(suite);
    describeInactive(suite);
    describeMove(suite);
    describeOutgoing(suite);
  });
}
