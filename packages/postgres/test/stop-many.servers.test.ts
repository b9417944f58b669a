import { createWaSync, systemClock } from '@wa-sync/core';
import { createScriptedConnection } from '@wa-sync/testing';
import { expect, it } from 'vitest';
import { createPostgresStore } from '../src/index.js';
import { useDatabase } from './use-database.js';

const at = useDatabase();
/** `SESSIONS=20000` is the whole. */
const SESSIONS = Number(process.env.SESSIONS ?? 5_000);

/** A started replica that holds so many sessions, and what it says of its stop. */
async function holdMany(sessions: number) {
  const store = createPostgresStore({ pool: at.database.connect({ max: 5 }), notify: false });
  const said: { fields: Readonly<Record<string, unknown>>; message: string }[] = [];
  const log = (fields: Readonly<Record<string, unknown>>, message: string) => {
    if (fields.code === 'stop_failed' || message.startsWith('Stopped')) said.push({ fields, message });
  };
  const wa = createWaSync({
    store,
    jobs: { sync: false, cleanup: false, inactivity: false },
    logger: { debug() {}, info: log, warn: log, error: log },
  });
  await wa.start();
  const connection = (index: number) =>
    createScriptedConnection({ sessionId: `s-${index}`, clock: systemClock, status: 'CONNECTED' });
  await Promise.all(Array.from({ length: sessions }, (_, index) => wa.attach(connection(index)).ready));
  const count = async (sql: string) => {
    const { rows } = await at.database.pool.query<{ count: string }>(`SELECT count(*) FROM ${sql}`);
    return Number(rows[0]?.count);
  };
  const owned = () => count(`wa_sync.session WHERE owner IS NOT NULL OR status = 'CONNECTED'`);
  // What a busy machine made late is claimed with a later tick.
  await expect.poll(owned, { interval: 200, timeout: 60_000 }).toBe(sessions);
  return {
    wa,
    said,
    store,
    owned,
    leases: () => count('wa_sync.replica'),
  };
}

it(`a stop with time enough releases ${SESSIONS} sessions, gives the lease up and says how long it took`, {
  timeout: 120_000,
}, async () => {
  const { wa, said, store, owned, leases } = await holdMany(SESSIONS);
  await wa.stop({ timeoutMs: 60_000 });
  expect(await owned()).toBe(0);
  expect(await leases()).toBe(0);
  expect(said.map(({ message }) => message)).toEqual([
    expect.stringMatching(new RegExp(`^Stopped: ${SESSIONS} sessions were released in \\d+ ms$`)),
  ]);
  await store.close();
});

it('a stop with too little time for slow rows writes some, keeps the lease, and says how many are left', {
  timeout: 120_000,
}, async () => {
  const { wa, said, store, owned, leases } = await holdMany(4_000);
  await at.database.pool.query(`
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END';
    CREATE TRIGGER slow BEFORE UPDATE ON wa_sync.session FOR EACH ROW EXECUTE FUNCTION slow()`);
  await wa.stop({ timeoutMs: 5_000 });
  expect(said.map(({ fields }) => fields.code)).toEqual(['stop_failed']);
  const { sessions, left } = said[0]!.fields;
  expect(Number(sessions)).toBeGreaterThan(0);
  expect(Number(sessions) + Number(left)).toBe(4_000);
  expect(await owned()).toBeLessThanOrEqual(Number(left));
  expect(await leases()).toBe(1);
  await store.close();
});

it.each([
  ['for longer than the stop has time: the others are released', null],
  ['for a moment: it is waited for', 300],
])('a row that somebody has locked %s', async (_, unlockAfterMs) => {
  const { wa, said, store, owned, leases } = await holdMany(20);
  const other = await at.database.pool.connect();
  await other.query(`BEGIN; SELECT FROM wa_sync.session WHERE id = 's-7' FOR UPDATE`);
  const unlock = async () => void (await other.query('ROLLBACK'));
  if (unlockAfterMs !== null) setTimeout(unlock, unlockAfterMs);
  await wa.stop();
  const left = unlockAfterMs === null ? 1 : 0;
  expect([await owned(), await leases()]).toEqual([left, left]);
  if (unlockAfterMs === null) await unlock();
  expect(said.map(({ fields }) => [fields.sessions, fields.left ?? 0])).toEqual([[20 - left, left]]);
  other.release();
  await store.close();
});
