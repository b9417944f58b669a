import { setTimeout as pause } from 'node:timers/promises';
import { createWaSync, silentLogger } from '@wa-sync/core';
import { fenceReplica, holdSessions, joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import { expect, it } from 'vitest';
import { createPostgresStore } from '../src/index.js';
import { useDatabase } from './use-database.js';

/** `SESSIONS=12000 npx vitest run packages/postgres/test/slow-freeing` is the whole: freed within a minute. */
const SESSIONS = Number(process.env.SESSIONS ?? 900);
const ROW_MS = 3;
const TICK_MS = 1_000;

const at = useDatabase({ flags: ['-c', 'fsync=off'] });

it(`${SESSIONS} sessions of a dead replica, whose rows cost ${ROW_MS} ms each, are freed by one that beats all the while`, {
  timeout: 180_000,
}, async () => {
  const { pool } = at.database;
  const store = createPostgresStore({ pool: at.database.connect({ max: 10 }) });
  await store.init();
  const dead = await joinReplica(store);
  await holdSessions(
    store,
    dead,
    Array.from({ length: SESSIONS }, (_, index) => `s${index}`),
  );
  await pool.query(`
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_sleep(${ROW_MS / 1_000}); RETURN NEW; END';
    CREATE TRIGGER slow BEFORE UPDATE ON wa_sync.session FOR EACH ROW EXECUTE FUNCTION slow()`);
  await fenceReplica(store, dead);
  const survivor = createWaSync({
    store,
    replicaId: 'survivor',
    logger: silentLogger,
    lease: { ttlMs: 6_000, tickMs: TICK_MS },
    jobs: { sync: false, cleanup: false, inactivity: false },
  });
  const lost: string[] = [];
  survivor.on('lease:lost', ({ why }) => void lost.push(why));
  const startedMs = performance.now();
  await survivor.start();
  let oldestMs = 0;
  for (let left = SESSIONS; left > 0; ) {
    await pause(100);
    const { rows } = await pool.query<{ age: number; left: number }>(
      `SELECT extract(epoch FROM clock_timestamp() - r.beat_at)::float8 * 1000 AS age,
        (SELECT count(*) FROM wa_sync.session s WHERE s.owner = $1)::int AS left
       FROM wa_sync.replica r WHERE r.replica_id = 'survivor'`,
      [dead],
    );
    oldestMs = Math.max(oldestMs, rows[0]?.age ?? 0);
    left = rows[0]?.left ?? 0;
  }
  const tookMs = performance.now() - startedMs;
  console.info(
    `${SESSIONS} sessions freed in ${(tookMs / 1_000).toFixed(1)} s, the oldest heartbeat ${oldestMs.toFixed(0)} ms`,
  );
  expect(lost).toEqual([]);
  expect(oldestMs).toBeLessThan(2 * TICK_MS);
  // The dead owner is seen at a tick, and the first batches are small: that is the same for any number of rows. 57 s for
  // 12,000.
  expect(tookMs).toBeLessThan(SESSIONS * 1.5 * ROW_MS + 3 * TICK_MS);
  await survivor.stop();
  await store.close();
});
