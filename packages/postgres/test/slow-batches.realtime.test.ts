import { setTimeout as pause } from 'node:timers/promises';
import { createWaSync, type StoredSession, silentLogger, systemClock, type WaSync } from '@wa-sync/core';
import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { createScriptedProvider } from '@wa-sync/testing';
import { beatOf } from '@wa-sync/testing/conformance';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore, prismaConversation, prismaWhatsAppSession } from '../src/index.js';
import { CONVERSATIONS_BY_SESSION } from './host-conversations.js';
import { addHostRows, PRISMA_TABLES } from './host-table.js';
import { shiftStoreTime } from './store-harness.js';
import { useDatabase } from './use-database.js';

/** `OWNERS=10` is the whole. */
const OWNERS = Number(process.env.OWNERS ?? 5);
/** Sessions that nobody uses, and conversations, of each owner. `EACH=60` shows what one batch after the other does. */
const EACH = Number(process.env.EACH ?? 20);
/** What a row costs the host: a batch of all of them would take two seconds. */
const ROW_MS = 20;
/** A batch takes what it can write in half a second, and its first ten rows; and a machine does other things too. */
const LONGEST_WAIT_MS = 1_000;

const at = useDatabase({ flags: ['-c', 'fsync=off'] });
let pool: pg.Pool;
let store: PostgresStore;
let wa: WaSync;
let owners: { incarnation: string; busy: StoredSession }[];

beforeEach(async () => {
  pool = at.database.pool;
  await pool.query(PRISMA_TABLES + CONVERSATIONS_BY_SESSION);
  const mirror = { sessions: prismaWhatsAppSession(), conversations: prismaConversation({ sessionId: 'sessionId' }) };
  store = createPostgresStore({ pool: at.database.connect({ max: 30 }), mirror });
  await store.init();
  owners = [];
  for (let index = 0; index < OWNERS; index += 1) {
    const incarnation = await joinReplica(store);
    const rest = Array.from({ length: EACH }, (_, number) => `rest-${number}-${index}`);
    const id = `busy-${index}`;
    await addHostRows(pool, [id, ...rest]);
    await holdSessions(store, incarnation, rest, { status: 'QR_CODE', qr: 'q' });
    const [busy] = await holdSessions(store, incarnation, [id]);
    owners.push({ incarnation, busy: busy! });
    const conversations = rest.map((name) => `talk-${name}`);
    await pool.query(
      `INSERT INTO "Conversation" ("id", "clientId", "companyId", "sessionId", "status", "updatedAt")
       SELECT id, 'a client', 'acme', $2, 'ACTIVE', '2020-01-01' FROM unnest($1::text[]) id`,
      [conversations, id],
    );
    const messages = conversations.map((conversationId) => {
      return { conversationId, sessionId: id, from: 'contact' as const, at: new Date() };
    });
    await store.conversations.record({ messages });
  }
  await shiftStoreTime(pool, 60 * 86_400_000);
  for (const { incarnation } of owners) await store.leases.beat(beatOf(incarnation));
  await pool.query(`
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_sleep(${ROW_MS / 1_000}); RETURN NEW; END';
    CREATE TRIGGER slow BEFORE UPDATE ON "WhatsAppSession" FOR EACH ROW EXECUTE FUNCTION slow();
    CREATE TRIGGER slow BEFORE UPDATE ON "Conversation" FOR EACH ROW EXECUTE FUNCTION slow()`);
  wa = createWaSync({
    store,
    logger: silentLogger,
    jobs: { sync: false, cleanup: false, inactivity: false },
    cleanup: { settleMs: 0 },
  });
  await wa.start();
});
afterEach(async () => {
  await wa.stop();
  await store.close();
});

/** Writes as a replica does: a row that is locked is tried again soon, the less often the longer it has been owed. */
async function writeSoon(incarnation: string, busy: StoredSession): Promise<StoredSession> {
  for (const startedMs = performance.now(); ; ) {
    const [outcome] = await store.sessions.write({ owner: incarnation, writes: [writeOf(busy, change())] });
    if (outcome?.applied) return outcome.session;
    if (!outcome?.locked) throw new Error('The write missed its guard');
    await pause(Math.max(10, (performance.now() - startedMs) / 20));
  }
}

/** Lets every owner beat and write a status for as long as the work takes; returns the longest waits. */
async function whileBusy<Report>(work: Promise<Report>) {
  let over = false;
  const waits = { beat: [] as number[], write: [] as number[] };
  const failures: unknown[] = [];
  async function time(kind: keyof typeof waits, call: () => Promise<unknown>): Promise<void> {
    while (!over) {
      const startedMs = performance.now();
      await call().catch((error: unknown) => void failures.push(error));
      waits[kind].push(performance.now() - startedMs);
      await pause(100);
    }
  }
  const loops = owners.flatMap((owner) => [
    time('beat', () => store.leases.beat(beatOf(owner.incarnation))),
    time('write', async () => {
      owner.busy = await writeSoon(owner.incarnation, owner.busy);
    }),
  ]);
  const report = await work.finally(() => {
    over = true;
  });
  await Promise.all(loops);
  const longest = { beat: Math.max(...waits.beat), write: Math.max(...waits.write) };
  return { report, failures, longest, beats: waits.beat.length };
}

describe(`${OWNERS} replicas whose host takes ${ROW_MS} ms a row`, () => {
  it('beat and write without waiting longer than a batch while a cleanup deactivates their sessions', {
    timeout: 60_000,
  }, async () => {
    const { report, failures, longest, beats } = await whileBusy(wa.cleanupSessions({ force: true }));
    expect(report.totals).toMatchObject({ deactivated: OWNERS * EACH, failed: 0 });
    expect(failures).toEqual([]);
    expect(beats).toBeGreaterThan(OWNERS);
    expect(longest.beat).toBeLessThan(LONGEST_WAIT_MS);
    expect(longest.write).toBeLessThan(LONGEST_WAIT_MS);
  });

  it('beat and write without waiting longer than a batch while their conversations are closed', {
    timeout: 60_000,
  }, async () => {
    const { report, failures, longest, beats } = await whileBusy(wa.checkInactiveConversations());
    expect(report.totals).toMatchObject({ closed: OWNERS * EACH, failed: 0 });
    expect(failures).toEqual([]);
    expect(beats).toBeGreaterThan(OWNERS);
    expect(longest.beat).toBeLessThan(LONGEST_WAIT_MS);
    expect(longest.write).toBeLessThan(LONGEST_WAIT_MS);
  });

  it('beat while a batch of another replica is deactivated', async () => {
    const ids = Array.from({ length: EACH }, (_, number) => `rest-${number}-0`);
    const order: string[] = [];
    const deactivating = store.cleanup.deactivate({ ids, inactiveForMs: 86_400_000, restedForMs: 0 });
    await pause((EACH * ROW_MS) / 4);
    const others = owners.slice(1).map(({ incarnation }) => store.leases.beat(beatOf(incarnation)));
    await Promise.all([
      deactivating.then(() => order.push('deactivated')),
      Promise.all(others).then(() => order.push('others beat')),
    ]);
    expect(order).toEqual(['others beat', 'deactivated']);
    expect(await deactivating).toHaveLength(EACH);
  });
});

it('a replica that claims rows which cost 20 ms each beats all the while', { timeout: 60_000 }, async () => {
  await pool.query('CREATE TRIGGER slow BEFORE UPDATE ON wa_sync.session FOR EACH ROW EXECUTE FUNCTION slow()');
  const free = Array.from({ length: 100 }, (_, index) => `free-${index}`);
  await store.sessions.create({ sessions: free.map((id) => ({ id, desired: 'running' as const })) });
  const tickMs = 500;
  const claimer = createWaSync({
    store,
    replicaId: 'claimer',
    logger: silentLogger,
    lease: { ttlMs: 6_000, tickMs },
    provider: createScriptedProvider({ clock: systemClock }),
    jobs: { sync: false, cleanup: false, inactivity: false },
  });
  const starting = claimer.start();
  let oldestMs = 0;
  for (let claimed = 0; claimed < free.length; ) {
    await pause(50);
    const { rows } = await pool.query<{ age: number; claimed: number }>(
      `SELECT extract(epoch FROM clock_timestamp() - r.beat_at)::float8 * 1000 AS age,
        (SELECT count(*) FROM wa_sync.session s WHERE s.owner = r.incarnation)::int AS claimed
       FROM wa_sync.replica r WHERE r.replica_id = 'claimer'`,
    );
    oldestMs = Math.max(oldestMs, rows[0]?.age ?? 0);
    claimed = rows[0]?.claimed ?? 0;
  }
  await starting;
  expect(oldestMs).toBeLessThan(tickMs + LONGEST_WAIT_MS);
  await claimer.stop({ timeoutMs: 20_000 });
});
