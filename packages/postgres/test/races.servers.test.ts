import { randomUUID } from 'node:crypto';
import type { StoredSession } from '@wa-sync/core';
import { change, holdSessions, joinReplica, numberOf, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore, prismaWhatsAppSession } from '../src/index.js';
import { addHostRows, PRISMA_TABLES, readHostRow } from './host-table.js';
import { untilWaiting } from './until-waiting.js';
import { useDatabase } from './use-database.js';

const CLIENTS = 16;
const ROUNDS = 100;
const DAY = 86_400_000;

const at = useDatabase();
let pool: pg.Pool;
let stores: PostgresStore[];
let first: PostgresStore;

beforeEach(async () => {
  pool = at.database.pool;
  await pool.query(PRISMA_TABLES);
  const mirror = { sessions: prismaWhatsAppSession() };
  stores = Array.from({ length: 4 }, () => createPostgresStore({ pool: at.database.connect({ max: 4 }), mirror }));
  first = stores[0]!;
  await first.init();
  await addHostRows(pool, ['a']);
  await first.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
});

const clients = <T>(run: (store: PostgresStore, index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: CLIENTS }, (_, index) => run(stores[index % stores.length]!, index)));

async function read(): Promise<StoredSession> {
  const [session] = await first.sessions.get({ ids: ['a'] });
  if (session === undefined) throw new Error('the row is gone');
  return session;
}

describe(`${ROUNDS} repetitions with ${CLIENTS} clients`, () => {
  it('that claim a free session: one winner each', async () => {
    const owners = await clients((store) => joinReplica(store));
    for (let round = 0; round < ROUNDS; round += 1) {
      const outcomes = await clients((store, index) =>
        store.sessions.claim({ owner: owners[index]!, claims: [{ id: 'a', tenure: randomUUID(), mode: 'free' }] }),
      );
      const winners = owners.filter((_, index) => outcomes[index]?.[0]?.claimed);
      expect(winners).toHaveLength(1);
      const { owner } = await read();
      expect(owner).toBe(winners[0]);
      await first.sessions.release({
        owner: owners.find((one) => one === owner)!,
        unobservedIds: [],
        reason: { code: 'x' },
      });
    }
  }, 60_000);

  it('that write the same row: one applied each, the host’s row as the winner said', async () => {
    const owner = await joinReplica(first);
    await holdSessions(first, owner, ['a']);
    for (let round = 0; round < ROUNDS; round += 1) {
      const session = await read();
      const outcomes = await clients((store, index) => {
        const set = change({ status: index % 2 === 0 ? 'ERROR' : 'CONNECTED', reason: { code: `client ${index}` } });
        return store.sessions.write({ owner, writes: [writeOf(session, set)] });
      });
      const winners = outcomes.flatMap(([outcome], index) => (outcome?.applied ? [index] : []));
      expect(winners).toHaveLength(1);
      const status = winners[0]! % 2 === 0 ? 'ERROR' : 'CONNECTED';
      expect(await read()).toMatchObject({
        version: session.version + 1,
        status,
        reason: { code: `client ${winners[0]}` },
      });
      expect(await readHostRow(pool, 'a')).toMatchObject({ status, error: `client ${winners[0]}` });
    }
  }, 60_000);

  it('of which some renew a lease and others end it: it ends once, or lives', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const incarnation = await joinReplica(first);
      const number = await numberOf(first, incarnation);
      const answers = await clients((store, index) =>
        index % 2 === 0
          ? store.leases.beat(beatOf(incarnation)).then(({ alive }) => (alive ? 'beat' : 'gone'))
          : store.leases.fence({ incarnation, number }).then((fenced) => (fenced ? 'fenced' : 'missed')),
      );
      const ended = answers.includes('fenced');
      expect(answers.includes('beat')).toBe(!ended);
      expect((await first.leases.beat(beatOf(incarnation))).alive).toBe(!ended);
      await first.leases.leave({ incarnation });
    }
  }, 60_000);

  it('F27: that begin one slot: one winner each', async () => {
    const owners = await clients((store) => joinReplica(store));
    for (let round = 0; round < ROUNDS; round += 1) {
      const slot = new Date(Date.UTC(2040, 0, 1 + round));
      const answers = await clients((store, index) =>
        store.jobs.begin({ runId: randomUUID(), job: 'cleanup', slot, owner: owners[index]! }),
      );
      const winners = answers.filter(({ begun }) => begun);
      expect(winners).toHaveLength(1);
      const { id, owner } = winners[0]!.run!;
      expect(await first.jobs.end({ runId: id, owner, outcome: 'finished', counts: {}, error: null })).toBe(true);
    }
    const { rows } = await pool.query(
      'SELECT count(*)::int AS runs, count(DISTINCT slot)::int AS slots FROM wa_sync.job_run',
    );
    expect(rows).toEqual([{ runs: ROUNDS, slots: ROUNDS }]);
  }, 60_000);

  it('F29: of which some deactivate a session and one writes that it came back: one of the two', async () => {
    const owner = await joinReplica(first);
    await holdSessions(first, owner, ['a'], { status: 'DISCONNECTED' });
    let rested = 0;
    // In some rounds the many begin a round trip later, or the one of sixteen may never be the first.
    for (let round = 0; round < ROUNDS; round += 1) {
      await pool.query(
        `UPDATE wa_sync.session SET owner = $1, tenure = 't', status = 'DISCONNECTED', active = true, last_seen_at = now() - interval '31 days'`,
        [owner],
      );
      const session = await read();
      const answers = await clients(async (store, index): Promise<'rested' | 'back' | 'missed'> => {
        if (index !== round % CLIENTS) {
          if (round % 4 === 0) await pool.query('SELECT 1');
          const ids = await store.cleanup!.deactivate({ ids: ['a'], inactiveForMs: 30 * DAY, restedForMs: 0 });
          return ids.length > 0 ? 'rested' : 'missed';
        }
        const [outcome] = await store.sessions.write({ owner, writes: [writeOf(session, change())] });
        return outcome?.applied ? 'back' : 'missed';
      });
      const winners = answers.filter((answer) => answer !== 'missed');
      expect(winners).toHaveLength(1);
      const after = await read();
      const back = { status: 'CONNECTED', active: true, owner };
      expect(after).toMatchObject(
        winners[0] === 'back' ? back : { status: 'DISCONNECTED', active: false, owner: null },
      );
      expect(await readHostRow(pool, 'a')).toMatchObject({ status: after.status });
      if (winners[0] === 'rested') rested += 1;
    }
    expect(rested).toBeGreaterThan(0);
    expect(rested).toBeLessThan(ROUNDS);
  }, 60_000);

  it('F29: of which some purge a session and one takes it back: it is gone or it is held', async () => {
    const owner = await joinReplica(first);
    let purged = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      await first.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
      await pool.query(
        `UPDATE wa_sync.session SET owner = NULL, tenure = NULL, active = false, last_seen_at = now() - interval '61 days', purge_marked_at = now()`,
      );
      const answers = await clients(async (store, index): Promise<'purged' | 'held' | 'missed'> => {
        if (index !== round % CLIENTS) {
          if (round % 4 === 0) await pool.query('SELECT 1');
          return (await store.cleanup!.purge({ ids: ['a'] })).length > 0 ? 'purged' : 'missed';
        }
        const [outcome] = await store.sessions.claim({
          owner,
          claims: [{ id: 'a', tenure: randomUUID(), mode: 'takeover' }],
        });
        return outcome?.claimed ? 'held' : 'missed';
      });
      const winners = answers.filter((answer) => answer !== 'missed');
      expect(winners).toHaveLength(1);
      const { rows } = await pool.query('SELECT owner, active FROM wa_sync.session');
      expect(rows).toEqual(winners[0] === 'purged' ? [] : [{ owner, active: true }]);
      if (winners[0] === 'purged') purged += 1;
    }
    expect(purged).toBeGreaterThan(0);
    expect(purged).toBeLessThan(ROUNDS);
  }, 60_000);

  it('of which some repair the host’s row and others write a transition: one applied, and the host’s row says what ours says', async () => {
    const owner = await joinReplica(first);
    await holdSessions(first, owner, ['a']);
    let repairs = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      await pool.query(`UPDATE "WhatsAppSession" SET "status" = 'QR_CODE'`);
      const session = await read();
      const outcomes = await clients((store, index) => {
        const set = index % 2 === 0 ? null : change({ status: index % 4 === 1 ? 'RECONNECTING' : 'CONNECTED' });
        return store.sessions.write({ owner, writes: [writeOf(session, set)] });
      });
      const winners = outcomes.flatMap(([outcome], index) => (outcome?.applied ? [index] : []));
      expect(winners).toHaveLength(1);
      const after = await read();
      if (winners[0]! % 2 === 0) {
        repairs += 1;
        expect(after.status).toBe(session.status);
      } else expect(after.status).toBe(winners[0]! % 4 === 1 ? 'RECONNECTING' : 'CONNECTED');
      expect(after).toMatchObject({ version: session.version + 1, mirror: { state: 'in_sync' } });
      expect((await readHostRow(pool, 'a')).status).toBe(after.status === 'RECONNECTING' ? 'CONNECTING' : 'CONNECTED');
    }
    expect(repairs).toBeGreaterThan(0);
    expect(repairs).toBeLessThan(ROUNDS);
  }, 60_000);
});

/** Holds up every statement that has changed a row of this table, before its end, until the answer is called. */
async function holdUp(table: string): Promise<() => Promise<void>> {
  await pool.query(`
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END';
    CREATE TRIGGER hold AFTER UPDATE ON wa_sync.${table} FOR EACH ROW EXECUTE FUNCTION hold()`);
  const blocker = await pool.connect();
  await blocker.query('BEGIN; SELECT pg_advisory_xact_lock(7)');
  return async () => {
    await blocker.query('COMMIT');
    blocker.release();
  };
}

describe('a claim and a fence of its replica', () => {
  it('in flight wait for each other: what was claimed is there before the fence returns', async () => {
    const owner = await joinReplica(first);
    const letGo = await holdUp('session');
    const number = await numberOf(first, owner);
    const order: string[] = [];
    const claiming = first.sessions
      .claim({ owner, claims: [{ id: 'a', tenure: 't', mode: 'free' }] })
      .then(([outcome]) => order.push(outcome?.claimed ? 'claimed' : 'refused'));
    await untilWaiting(pool);
    const fencing = stores[1]!.leases.fence({ incarnation: owner, number }).then(async (fenced) => {
      // Whoever ends a lease frees its sessions next: it must see them.
      const { owner: seen } = await read();
      order.push(`${fenced}, sees ${seen === owner ? 'the owner' : 'nobody'}`);
    });
    await Promise.race([untilWaiting(pool, 2), fencing]);
    await letGo();
    await Promise.all([claiming, fencing]);
    expect([...order].sort()).toEqual(['claimed', 'true, sees the owner']);
    expect(await first.leases.freeFenced({ limit: 10 })).toEqual(['a']);
  });

  it('a beat waits for no claim', async () => {
    const owner = await joinReplica(first);
    const letGo = await holdUp('session');
    const claiming = first.sessions.claim({ owner, claims: [{ id: 'a', tenure: 't', mode: 'free' }] });
    await untilWaiting(pool);
    const order: string[] = [];
    const beating = stores[1]!.leases.beat(beatOf(owner)).then(({ alive }) => order.push(`beats: ${alive}`));
    await Promise.race([beating, claiming]);
    expect(order).toEqual(['beats: true']);
    await letGo();
    expect(await claiming).toMatchObject([{ claimed: true }]);
    // A claim that began before a beat is as good after it, and the lease as it was.
    expect(await stores[1]!.leases.beat(beatOf(owner))).toMatchObject({ alive: true });
    await beating;
  });

  it('that came first refuse what comes after', async () => {
    const owner = await joinReplica(first);
    const number = await numberOf(first, owner);
    // The fence has changed the row, and is held up before its end.
    const letGo = await holdUp('replica');
    const fencing = stores[1]!.leases.fence({ incarnation: owner, number });
    await untilWaiting(pool);
    const claiming = first.sessions.claim({ owner, claims: [{ id: 'a', tenure: 't', mode: 'free' }] });
    await untilWaiting(pool, 2);
    await letGo();
    expect(await fencing).toBe(true);
    expect(await claiming).toEqual([{ id: 'a', claimed: false, why: 'fenced' }]);
    expect((await read()).owner).toBeNull();
  });

  it('a leave waits for a claim in flight: what was claimed is freed with the rest', async () => {
    const owner = await joinReplica(first);
    await holdSessions(first, owner, ['b']);
    const letGo = await holdUp('session');
    const order: string[] = [];
    const claiming = first.sessions
      .claim({ owner, claims: [{ id: 'a', tenure: 't', mode: 'free' }] })
      .then(() => order.push('claimed'));
    await untilWaiting(pool);
    const leaving = stores[1]!.leases.leave({ incarnation: owner }).then(() => order.push('left'));
    await Promise.race([untilWaiting(pool, 2), leaving]);
    expect(order).toEqual([]);
    await letGo();
    await Promise.all([claiming, leaving]);
    expect((await first.leases.freeFenced({ limit: 10 })).sort()).toEqual(['a', 'b']);
  });
});
