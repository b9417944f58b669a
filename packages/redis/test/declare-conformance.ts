import {
  describeAuthStore,
  describeCleanupStore,
  describeConversationStore,
  describeHistoryStore,
  describeInboxStore,
  describeJobStore,
  describeLeaseStore,
  describeReplicas,
  describeSessionImport,
  describeSessionStore,
} from '@wa-sync/testing/conformance';
import { type HarnessClients, redisHarness } from './store-harness.js';

/** Every conformance suite, on the clients that `clients` answers when a test begins. */
export function declareConformance(name: string, clients: () => HarnessClients): void {
  const suite = {
    name,
    create: () => redisHarness(clients()),
    capabilities: { durable: true, shared: true, mirror: false },
  };
  describeSessionStore(suite);
  describeLeaseStore(suite);
  describeAuthStore(suite);
  describeSessionImport({ ...suite, create: () => redisHarness({ ...clients(), lastSeen: false }) });
  describeJobStore(suite);
  describeCleanupStore(suite);
  describeConversationStore(suite);
  describeHistoryStore(suite);
  describeInboxStore(suite);
  describeReplicas(suite);
}
