import { setTimeout as pause } from 'node:timers/promises';
import { createWaSync, systemClock, type WaSync } from '@wa-sync/core';
import { createScriptedProvider } from '@wa-sync/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore, prismaWhatsAppSession } from '../src/index.js';
import { addHostRows, PRISMA_TABLES } from './host-table.js';
import { shiftStoreTime } from './store-harness.js';
import { useDatabase } from './use-database.js';

/** `MOMENTS=500 npx vitest run packages/postgres/test/start-and-cleanup` is the whole. */
const MOMENTS = Number(process.env.MOMENTS ?? 60);
const DAY_MS = 24 * 3_600_000;
const inactiveForMs = 30 * DAY_MS;
const ids = Array.from({ length: MOMENTS }, (_, index) => `s${index}`);
const mirror = { sessions: prismaWhatsAppSession() };

const at = useDatabase({
  prepare: async (pool) => {
    await pool.query(PRISMA_TABLES);
    await createPostgresStore({ pool, mirror }).init();
  },
});

let store: PostgresStore;
let other: PostgresStore;
let wa: WaSync;

beforeEach(async () => {
  const { pool } = at.database;
  store = createPostgresStore({ pool: at.database.connect({ max: 8 }), mirror });
  other = createPostgresStore({ pool: at.database.connect({ max: 8 }), mirror });
  await Promise.all([store.init(), other.init()]);
  await addHostRows(pool, ids);
  await store.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'stopped' as const })) });
  await shiftStoreTime(pool, 31 * DAY_MS);
  // The host's table takes its time, so that calls meet in the midst of one another.
  await pool.query(`
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.005); RETURN new; END';
    CREATE TRIGGER slow BEFORE UPDATE ON "WhatsAppSession" FOR EACH ROW EXECUTE FUNCTION slow()`);
  wa = createWaSync({
    store,
    provider: createScriptedProvider({ clock: systemClock }),
    jobs: { sync: false, cleanup: false, inactivity: false },
  });
  await wa.start();
});
afterEach(async () => {
  await wa.stop();
  await Promise.all([store.close(), other.close()]);
});

/** Sessions that do not run here or whose host's row says that they should not, as SQL reads them. */
async function wrong(): Promise<string[]> {
  const { rows } = await at.database.pool.query<{ id: string }>(`
    SELECT s.id FROM wa_sync.session s JOIN "WhatsAppSession" m ON m.id = s.id
    WHERE NOT s.active OR s.owner IS NULL OR s.status <> 'CONNECTING' OR s.desired <> 'running' OR NOT m.active`);
  return rows.map(({ id }) => id);
}

describe('a start while the cleanup of another replica takes the session', () => {
  it(`at ${MOMENTS} moments: it runs, its host's row is active, and the next sync closes none`, async () => {
    let deactivated = 0;
    for (const [index, id] of ids.entries()) {
      // From a cleanup that is through to one that comes when all is done.
      const ms = (index / MOMENTS) * 60 - 30;
      const later = <T>(waitMs: number, call: () => Promise<T>) => pause(Math.max(0, waitMs)).then(call);
      const [taken] = await Promise.all([
        later(ms, () => other.cleanup.deactivate({ ids: [id], inactiveForMs, restedForMs: 60_000 })),
        later(-ms, () => wa.sessions.start(id)),
      ]);
      deactivated += taken.length;
    }
    await expect.poll(wrong, { timeout: 2_000 }).toEqual([]);
    await wa.syncNow();
    await wa.syncNow();
    expect(await wrong()).toEqual([]);
    // Both came first.
    expect(deactivated).toBeGreaterThan(0);
    expect(deactivated).toBeLessThan(MOMENTS);
  });
});
