import { shareClaims } from '@wa-sync/dev/fixtures/share-claims';
import { expect, it } from 'vitest';
import { createRedisStore } from '../src/index.js';
import { freshPrefix, startRedis } from './start-redis.js';
import { dropKeys } from './store-harness.js';

it('six replicas share 1,200 sessions that stand free, and do not compete for them', { timeout: 60_000 }, async () => {
  const server = await startRedis();
  const prefix = freshPrefix();
  const clients = Array.from({ length: 6 }, () => server.connect());
  const stores = clients.map((client) => createRedisStore({ client, prefix }));
  const { asked, inVain, shares } = await shareClaims({ stores, sessions: 1_200 });
  expect(inVain / asked).toBeLessThanOrEqual(0.05);
  expect(shares).toHaveLength(6);
  expect(shares[0]).toBeGreaterThan(100);
  expect(shares[5]).toBeLessThan(400);
  await Promise.all(stores.map((store) => store.close()));
  await dropKeys(clients[0]!, prefix);
  await server.stop();
});
