import { describeBatchWrite } from './batch-write.js';
import { describeCapabilities } from './capabilities.js';
import { describeClaim } from './claim.js';
import { describeEffectiveStatus } from './effective-status.js';
import { describeGuardedWrite } from './guarded-write.js';
import { describeList } from './list.js';
import { describeRelease } from './release.js';
import { describeRows } from './rows.js';
import type { StoreSuite } from './store-suite.js';
import { describeSweep } from './sweep.js';
import { describeTakeOver } from './take-over.js';

/**
 * Declares the tests of a `SessionStore`, each on a fresh state.
 *
 * @example
 * describeSessionStore({ name: 'memory', create: async () => ({ store, advance, close }) });
 */
export function describeSessionStore(suite: StoreSuite): void {
  const { describe } = suite.runner;
  describe(`${suite.name}: session store`, () => {
    describeCapabilities(suite);
    describeRows(suite);
    describeList(suite);
    describeGuardedWrite(suite);
    describeBatchWrite(suite);
    describeClaim(suite);
    describeTakeOver(suite);
    describeRelease(suite);
    describeSweep(suite);
    describeEffectiveStatus(suite);
  });
}
