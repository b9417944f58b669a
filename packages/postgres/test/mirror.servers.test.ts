import type { SessionStatus, StoredSession } from '@wa-sync/core';
import {
  change,
  fenceReplica,
  heldUnder,
  holdSessions,
  joinReplica,
  writeOf,
} from '@wa-sync/dev/fixtures/hold-sessions';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore, prismaWhatsAppSession } from '../src/index.js';
import { addHostRows, hostWords, PRISMA_TABLES, readHostRow } from './host-table.js';
import { untilWaiting } from './until-waiting.js';
import { useDatabase } from './use-database.js';

const mirror = { sessions: prismaWhatsAppSession() };
const at = useDatabase({
  // A host far from UTC, where a timestamp without a zone goes wrong if anybody lets it.
  timeZone: 'America/Sao_Paulo',
  prepare: async (pool) => {
    await pool.query(PRISMA_TABLES);
    await createPostgresStore({ pool, mirror }).init();
  },
});
let pool: pg.Pool;
let store: PostgresStore;
let owner: string;

beforeEach(async () => {
  pool = at.database.pool;
  store = createPostgresStore({ pool, mirror });
  await store.init();
  owner = await joinReplica(store);
});

async function get(id: string): Promise<StoredSession> {
  const [session] = await store.sessions.get({ ids: [id] });
  if (session === undefined) throw new Error(`no session ${id}`);
  return session;
}

const ids = (count: number) => Array.from({ length: count }, (_, index) => `s${String(index).padStart(5, '0')}`);

/** Another client that holds a host row locked until it is let go. */
async function lockHostRow(id: string): Promise<() => Promise<void>> {
  const client = await pool.connect();
  await client.query('BEGIN');
  await client.query(`SELECT 1 FROM "WhatsAppSession" WHERE "id" = $1 FOR UPDATE`, [id]);
  return async () => {
    await client.query('ROLLBACK');
    client.release();
  };
}

describe('a Prisma table', () => {
  const words: [SessionStatus, string][] = [
    ['CONNECTING', 'CONNECTING'],
    ['QR_CODE', 'QR_CODE'],
    ['CONNECTED', 'CONNECTED'],
    ['RECONNECTING', 'CONNECTING'],
    ['DISCONNECTED', 'DISCONNECTED'],
    ['LOGGED_OUT', 'DISCONNECTED'],
    ['REPLACED', 'ERROR'],
    ['ERROR', 'ERROR'],
  ];
  it.each(words)('says of %s: %s', async (status, word) => {
    await addHostRows(pool, ['a']);
    const [session] = await holdSessions(store, owner, ['a'], { status });
    expect(session?.mirror).toEqual({ state: 'in_sync', word });
    expect((await readHostRow(pool, 'a')).status).toBe(word);
    expect((await get('a')).mirror).toEqual({ state: 'in_sync', word });
  });

  it('takes phone, reason and updatedAt, and runs the host’s own trigger', async () => {
    await addHostRows(pool, ['a']);
    await holdSessions(store, owner, ['a'], {
      status: 'ERROR',
      phone: '5511999990000',
      reason: { code: 'client_refused', detail: 'version too old' },
    });
    const row = await readHostRow(pool, 'a');
    expect(row).toMatchObject({ phoneNumber: '5511999990000', error: 'client_refused: version too old' });
    const { rows } = await pool.query(`SELECT "sessionId", "status" FROM "Audit"`);
    expect(rows).toEqual([{ sessionId: 'a', status: 'ERROR' }]);
    const [age] = (
      await pool.query<{ ms: number }>(
        `SELECT extract(epoch FROM (clock_timestamp() AT TIME ZONE 'UTC') - "updatedAt")::float8 * 1000 AS ms
         FROM "WhatsAppSession"`,
      )
    ).rows;
    expect(Math.abs(age?.ms ?? Number.NaN)).toBeLessThan(60_000);
  });

  it('has the pairing code on QR_CODE and null after it', async () => {
    await addHostRows(pool, ['a']);
    const [pairing] = await holdSessions(store, owner, ['a'], { status: 'QR_CODE', qr: '2@code' });
    expect((await readHostRow(pool, 'a')).qrCode).toBe('2@code');
    await store.sessions.write({ owner, writes: [writeOf(pairing!, change())] });
    expect(await readHostRow(pool, 'a')).toMatchObject({ status: 'CONNECTED', qrCode: null });
  });

  it('has lastSeen in UTC, and keeps what it knew where we know nothing', async () => {
    await addHostRows(pool, ['a']);
    await pool.query(`UPDATE "WhatsAppSession" SET "lastSeen" = '2021-02-03 04:05:06.789', "phoneNumber" = '123'`);
    const [held] = await holdSessions(store, owner, ['a']);
    expect(await readHostRow(pool, 'a')).toMatchObject({ lastSeen: '2021-02-03 04:05:06.789', phoneNumber: '123' });
    await store.sessions.write({
      owner,
      writes: [writeOf(held!, change({ status: 'RECONNECTING', seenAgoMs: 9_000 }))],
    });
    const { lastSeenAt } = await get('a');
    const written = new Date(`${(await readHostRow(pool, 'a')).lastSeen?.replace(' ', 'T')}Z`);
    expect(Math.abs(written.getTime() - lastSeenAt!.getTime())).toBeLessThanOrEqual(1);
  });

  it('is never inserted into, and a missing row is reported', async () => {
    const [session] = await holdSessions(store, owner, ['a']);
    expect(session).toMatchObject({ status: 'CONNECTED', mirror: { state: 'missing', word: null } });
    const [outcome] = await store.sessions.write({ owner, writes: [writeOf(session!, null)] });
    expect(outcome).toMatchObject({ applied: true, mirrorBlocked: 'missing' });
    expect(await hostWords(pool)).toEqual({});
    const { exceptions } = await sweep();
    expect(exceptions.map(({ id }) => id)).toEqual(['a']);
  });

  it('follows a release and the end of an owner', async () => {
    await addHostRows(pool, ['a', 'b', 'c']);
    await holdSessions(store, owner, ['a', 'b', 'c'], { status: 'CONNECTED' });
    await store.sessions.release({
      owner,
      sessions: await heldUnder(store, ['a']),
      unobservedIds: [],
      reason: { code: 'shutdown' },
    });
    expect(await hostWords(pool)).toEqual({ a: 'DISCONNECTED', b: 'CONNECTED', c: 'CONNECTED' });
    expect((await readHostRow(pool, 'a')).error).toBe('shutdown');
    await fenceReplica(store, owner);
    expect((await store.leases.freeFenced({ limit: 10 })).sort()).toEqual(['b', 'c']);
    expect(await hostWords(pool)).toEqual({ a: 'DISCONNECTED', b: 'DISCONNECTED', c: 'DISCONNECTED' });
    expect(await readHostRow(pool, 'b')).toMatchObject({ error: 'owner_lost', lastSeen: expect.any(String) });
    expect(await store.leases.freeFenced({ limit: 10 })).toEqual([]);
  });

  it('switched off by the host is wanted stopped', async () => {
    await addHostRows(pool, ['a', 'b']);
    await holdSessions(store, owner, ['a']);
    await store.sessions.create({ sessions: [{ id: 'b', desired: 'running' }] });
    expect((await store.sessions.claimable({ limit: 10 })).ids).toEqual(['b']);
    await pool.query(`UPDATE "WhatsAppSession" SET "active" = false`);
    expect((await get('a')).desired).toBe('stopped');
    expect((await sweep()).exceptions.map(({ id }) => id)).toEqual(['a']);
    expect((await store.sessions.claimable({ limit: 10 })).ids).toEqual([]);
  });
});

async function sweep(fields: { otherIds?: string[] } = {}) {
  const expected = { status: 'CONNECTED', health: 'healthy', reason: null } as const;
  return store.sessions.sweep({ owner, expected, otherIds: fields.otherIds ?? [] });
}

describe('a foreign write', () => {
  it('F37: is an exception of the next sweep, and repaired with nothing else changed', async () => {
    await addHostRows(pool, ['a', 'b']);
    await holdSessions(store, owner, ['a', 'b']);
    expect((await sweep()).exceptions).toEqual([]);
    await pool.query(`UPDATE "WhatsAppSession" SET "status" = 'ERROR' WHERE "id" = 'b'`);
    const { exceptions, count } = await sweep();
    expect(count).toBe(2);
    expect(exceptions).toHaveLength(1);
    expect(exceptions[0]).toMatchObject({ id: 'b', status: 'CONNECTED', mirror: { state: 'differs', word: 'ERROR' } });
    const [outcome] = await store.sessions.write({ owner, writes: [writeOf(exceptions[0]!, null)] });
    expect(outcome).toMatchObject({ applied: true, session: { mirror: { state: 'in_sync', word: 'CONNECTED' } } });
    expect(await hostWords(pool)).toEqual({ a: 'CONNECTED', b: 'CONNECTED' });
    const { version, writeId, mirror, ...rest } = await get('b');
    const { version: before, writeId: _, mirror: __, ...same } = exceptions[0]!;
    expect({ version, ...rest }).toEqual({ version: before + 1, ...same });
  });
});

describe('a host row that cannot be written', () => {
  const many = ids(200);
  const bad = 's00123';
  const good = many.filter((id) => id !== bad);

  async function writeAll(): Promise<Map<string, string | undefined>> {
    await addHostRows(pool, many);
    const held = await holdSessions(store, owner, many);
    await arm();
    const writes = held.map((session) => writeOf(session, change({ status: 'RECONNECTING', seenAgoMs: 0 })));
    const outcomes = await store.sessions.write({ owner, writes });
    expect(outcomes.map(({ id }) => id)).toEqual(many);
    expect(outcomes.every(({ applied }) => applied)).toBe(true);
    return new Map(outcomes.map((outcome) => [outcome.id, outcome.applied ? outcome.mirrorBlocked : 'not applied']));
  }
  let arm: () => Promise<void>;

  async function expectOnlyBadIsOld(): Promise<void> {
    const words = await hostWords(pool);
    expect(words[bad]).toBe('CONNECTED');
    expect(new Set(good.map((id) => words[id]))).toEqual(new Set(['CONNECTING']));
    expect(await get(bad)).toMatchObject({ status: 'RECONNECTING', mirror: { state: 'differs', word: 'CONNECTED' } });
  }

  it('F36: because it is locked is skipped, the others are not held up', async () => {
    let unlock = async () => {};
    arm = async () => {
      unlock = await lockHostRow(bad);
    };
    try {
      const startedAt = performance.now();
      const blocked = await writeAll();
      expect(performance.now() - startedAt).toBeLessThan(5_000);
      expect(blocked.get(bad)).toContain('locked');
      expect(good.filter((id) => blocked.get(id) !== undefined)).toEqual([]);
      await expectOnlyBadIsOld();
    } finally {
      await unlock();
    }
    const { exceptions } = await sweep();
    const row = exceptions.find(({ id }) => id === bad);
    await store.sessions.write({ owner, writes: [writeOf(row!, null)] });
    expect((await hostWords(pool))[bad]).toBe('CONNECTING');
  });

  it('because it is locked for a moment is waited for', async () => {
    await addHostRows(pool, ['a']);
    const [held] = await holdSessions(store, owner, ['a']);
    const unlock = await lockHostRow('a');
    const writing = store.sessions.write({ owner, writes: [writeOf(held!, change({ status: 'RECONNECTING' }))] });
    await untilWaiting(pool);
    await unlock();
    const [outcome] = await writing;
    expect(outcome).not.toHaveProperty('mirrorBlocked');
    expect(outcome).toMatchObject({ applied: true, session: { mirror: { state: 'in_sync', word: 'CONNECTING' } } });
  });

  it('F36: because a trigger throws is bisected out, and its words are reported without numbers', async () => {
    arm = async () => {
      await pool.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF new."id" = '${bad}' THEN RAISE EXCEPTION 'no change for 5511999990000 on Sundays'; END IF; RETURN new; END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON "WhatsAppSession" FOR EACH ROW EXECUTE FUNCTION refuse()`);
    };
    const blocked = await writeAll();
    expect(blocked.get(bad)).toBe('no change for …0000 on Sundays');
    expect(good.filter((id) => blocked.get(id) !== undefined)).toEqual([]);
    await expectOnlyBadIsOld();
  });

  it('F36: because a check refuses the word is bisected out', async () => {
    arm = async () => {
      await pool.query(`ALTER TABLE "WhatsAppSession" ADD CHECK ("id" <> '${bad}' OR "status" <> 'CONNECTING')`);
    };
    expect((await writeAll()).get(bad)).toContain('check constraint');
    await expectOnlyBadIsOld();
  });

  it('because a trigger swallows the write is reported', async () => {
    arm = async () => {
      await pool.query(`CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF new."id" = '${bad}' THEN RETURN NULL; END IF; RETURN new; END $$;
        CREATE TRIGGER swallow BEFORE UPDATE ON "WhatsAppSession" FOR EACH ROW EXECUTE FUNCTION swallow()`);
    };
    expect((await writeAll()).get(bad)).toContain('trigger or a row policy');
    await expectOnlyBadIsOld();
  });

  it('because the table is gone, or the right is, leaves every status true in wa_sync', async () => {
    arm = async () => {
      await pool.query('DROP TABLE "WhatsAppSession"');
    };
    await addHostRows(pool, many);
    const held = await holdSessions(store, owner, many);
    await arm();
    const writes = held.map((session) => writeOf(session, change({ status: 'ERROR' })));
    const outcomes = await store.sessions.write({ owner, writes });
    expect(outcomes.every((outcome) => outcome.applied && outcome.mirrorBlocked?.includes('does not exist'))).toBe(
      true,
    );
    const { rows } = await pool.query(`SELECT count(*)::int AS n FROM wa_sync.session WHERE status = 'ERROR'`);
    expect(rows).toEqual([{ n: many.length }]);
  });

  it('does not keep a shutdown or a take-over from ending its session', async () => {
    await addHostRows(pool, many);
    await holdSessions(store, owner, many);
    await pool.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF new."id" = '${bad}' THEN RAISE EXCEPTION 'never'; END IF; RETURN new; END $$;
      CREATE TRIGGER refuse BEFORE UPDATE ON "WhatsAppSession" FOR EACH ROW EXECUTE FUNCTION refuse()`);
    const half = many.slice(100);
    const released = await store.sessions.release({
      owner,
      sessions: await heldUnder(store, half),
      unobservedIds: [],
      reason: { code: 'shutdown' },
    });
    expect(released.sort()).toEqual(half);
    expect(await hostWords(pool)).toMatchObject({ s00122: 'DISCONNECTED', [bad]: 'CONNECTED', s00124: 'DISCONNECTED' });

    const next = await joinReplica(store);
    const claims = half.map((id) => ({ id, tenure: `t ${id}`, mode: 'free' as const }));
    await store.sessions.claim({ owner: next, claims });
    await fenceReplica(store, next);
    const freed: string[] = [];
    for (let some = ['']; some.length > 0; freed.push(...some)) some = await store.leases.freeFenced({ limit: 1000 });
    expect(freed.sort()).toEqual(half);
    const { rows } = await pool.query(`SELECT count(*)::int AS n FROM wa_sync.session WHERE owner IS NULL`);
    expect(rows).toEqual([{ n: half.length }]);
    await store.sessions.release({ owner, unobservedIds: [], reason: { code: 'shutdown' } });
    expect(Object.values(await hostWords(pool)).filter((word) => word !== 'DISCONNECTED')).toEqual(['CONNECTED']);
  });
});

describe('the host’s own transactions', () => {
  it('that take the same rows crosswise go through, and so do ours', async () => {
    const two = ['s00001', 's00002'];
    await addHostRows(pool, two);
    const held = await holdSessions(store, owner, two);
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await client.query(`UPDATE "WhatsAppSession" SET "error" = 'mine' WHERE "id" = 's00002'`);
      const writing = store.sessions.write({
        owner,
        writes: held.map((session) => writeOf(session, change({ status: 'RECONNECTING' }))),
      });
      await untilWaiting(pool);
      await client.query(`UPDATE "WhatsAppSession" SET "error" = 'mine' WHERE "id" = 's00001'`);
      await client.query('COMMIT');
      await writing;
    } finally {
      client.release();
    }
    expect(await hostWords(pool)).toEqual({ s00001: 'CONNECTING', s00002: 'CONNECTING' });
  });
});
