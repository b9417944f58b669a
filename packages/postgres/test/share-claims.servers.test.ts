import { shareClaims } from '@wa-sync/dev/fixtures/share-claims';
import { expect, it } from 'vitest';
import { createPostgresStore } from '../src/index.js';
import { useDatabase } from './use-database.js';

const at = useDatabase();

/** `SESSIONS=1200` is the whole. */
const SESSIONS = Number(process.env.SESSIONS ?? 600);

it(`six replicas share ${SESSIONS} sessions that stand free, and do not compete for them`, {
  timeout: 60_000,
}, async () => {
  const stores = Array.from({ length: 6 }, () => createPostgresStore({ pool: at.database.connect({ max: 3 }) }));
  await stores[0]!.init();
  const { asked, inVain, shares } = await shareClaims({ stores, sessions: SESSIONS });
  expect(inVain / asked).toBeLessThanOrEqual(0.05);
  expect(shares).toHaveLength(6);
  expect(shares[0]).toBeGreaterThan(SESSIONS / 12);
  expect(shares[5]).toBeLessThan(SESSIONS / 3);
  await Promise.all(stores.map((store) => store.close()));
});

it('sessions that are logged out cost nothing where others are looked for', async () => {
  const store = createPostgresStore({ pool: at.database.connect({ max: 3 }) });
  await store.init();
  await at.database.pool.query(
    `INSERT INTO wa_sync.session (id, id_hash, status) SELECT 'rest-' || n, n, 'LOGGED_OUT' FROM generate_series(1, 5000) n`,
  );
  // One page, and its end.
  expect(await store.sessions.claimable({ limit: 100 })).toEqual({ ids: [], next: null, living: [] });
  await store.close();
});
