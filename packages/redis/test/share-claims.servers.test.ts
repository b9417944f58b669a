import { shareClaims } from '@wa-sync/dev/fixtures/share-claims';
import { expect, it } from 'vitest';
import { createRedisStore } from '../src/index.js';
import { freshPrefix, startRedis } from './start-redis.js';
import { dropKeys } from './store-harness.js';

/** `SESSIONS=1200` is the whole. */
const SESSIONS = Number(process.env.SESSIONS ?? 600);

it(`six replicas share ${SESSIONS} sessions that stand free, and do not compete for them`, {
  timeout: 60_000,
}, async () => {
  const server = await startRedis();
  const prefix = freshPrefix();
  const clients = Array.from({ length: 6 }, () => server.connect());
  const stores = clients.map((client) => createRedisStore({ client, prefix }));
  const { asked, inVain, shares } = await shareClaims({ stores, sessions: SESSIONS });
  expect(inVain / asked).toBeLessThanOrEqual(0.05);
  expect(shares).toHaveLength(6);
  expect(shares[0]).toBeGreaterThan(SESSIONS / 12);
  expect(shares[5]).toBeLessThan(SESSIONS / 3);
  await Promise.all(stores.map((store) => store.close()));
  await dropKeys(clients[0]!, prefix);
  await server.stop();
});
