import { describeAuthStore } from './describe-auth-store.js';
import { describeCleanupStore } from './describe-cleanup-store.js';
import { describeConversationStore } from './describe-conversation-store.js';
import { describeHistoryStore } from './describe-history-store.js';
import { describeInboxStore } from './describe-inbox-store.js';
import { describeJobStore } from './describe-job-store.js';
import { describeLeaseStore } from './describe-lease-store.js';
import { describeSessionImport } from './describe-session-import.js';
import { describeSessionStore } from './describe-session-store.js';
import type { StoreSuite } from './store-suite.js';

/** A store that has all parts, and ways to make it whose `advance` spares what some tests hold it against. */
export interface WholeStoreSuite extends StoreSuite {
  /**
   * Leaves the last sign of life alone, which for imported rows is a date that an earlier system gave.
   * @defaultValue `create`
   */
  readonly createForImports?: StoreSuite['create'] | undefined;
  /** Really waits for a second or less, so that what is written next is later by as much. @defaultValue `create` */
  readonly createForJobs?: StoreSuite['create'] | undefined;
}

/** Declares every suite of a store that has all parts. Replicas that share one are `describeReplicas`. */
export function describeWholeStore(whole: WholeStoreSuite): void {
  const { createForImports, createForJobs, ...suite } = whole;
  describeSessionStore(suite);
  describeSessionImport({ ...suite, create: createForImports ?? suite.create });
  describeLeaseStore(suite);
  describeAuthStore(suite);
  describeJobStore({ ...suite, create: createForJobs ?? suite.create });
  describeCleanupStore(suite);
  describeConversationStore(suite);
  describeHistoryStore(suite);
  describeInboxStore(suite);
}
