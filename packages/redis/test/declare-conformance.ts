import { describeReplicas, describeWholeStore } from '@wa-sync/testing/conformance';
import { describe, it } from 'vitest';
import { type HarnessClients, redisHarness } from './store-harness.js';

/** Every conformance suite, on the clients that `clients` returns when a test begins. */
export function declareConformance(name: string, clients: () => HarnessClients): void {
  const suite = {
    name,
    runner: { describe, it },
    create: () => redisHarness(clients()),
    capabilities: { durable: true, shared: true, mirror: false },
  };
  describeWholeStore({ ...suite, createForImports: () => redisHarness({ ...clients(), lastSeen: false }) });
  describeReplicas(suite);
}
