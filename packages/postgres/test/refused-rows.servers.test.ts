import type { GuardedWrite, WriteOutcome } from '@wa-sync/core';
import { change, heldUnder, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore, prismaWhatsAppSession } from '../src/index.js';
import { addHostRows, PRISMA_TABLES, readHostRow } from './host-table.js';
import { useDatabase } from './use-database.js';

const at = useDatabase({
  prepare: async (pool) => {
    await pool.query(PRISMA_TABLES);
    await createPostgresStore({ pool }).init();
  },
});

const ids = Array.from({ length: 20 }, (_, index) => `s${String(index).padStart(2, '0')}`);
const sql = (text: string) => at.database.pool.query(text);

/** What somebody may have put on our table. */
const REFUSALS: Readonly<Record<string, string>> = {
  'a trigger that raises': `
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF new.id IN ('s03', 's17') THEN RAISE EXCEPTION 'not this one'; END IF;
      RETURN new;
    END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON wa_sync.session FOR EACH ROW EXECUTE FUNCTION refuse()`,
  'a trigger with a code of its own': `
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF new.id IN ('s03', 's17') THEN RAISE EXCEPTION 'not this one' USING ERRCODE = 'ZZ001'; END IF;
      RETURN new;
    END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON wa_sync.session FOR EACH ROW EXECUTE FUNCTION refuse()`,
  'a check added by hand': `
    ALTER TABLE wa_sync.session ADD CONSTRAINT refuse CHECK (id NOT IN ('s03', 's17') OR status = 'CONNECTED') NOT VALID`,
};

describe.each(['a store alone', 'a store with a host table'])('%s', (kind) => {
  let store: PostgresStore;
  let owner: string;

  beforeEach(async () => {
    const mirror = kind === 'a store alone' ? undefined : { sessions: prismaWhatsAppSession() };
    store = createPostgresStore({ pool: at.database.pool, mirror });
    await store.init();
    await addHostRows(at.database.pool, ids);
    owner = await joinReplica(store);
  });

  async function write(): Promise<WriteOutcome[]> {
    const rows = await store.sessions.get({ ids });
    const writes = rows.map((row): GuardedWrite => writeOf(row, change({ status: 'RECONNECTING' })));
    return store.sessions.write({ owner, writes });
  }

  it.each(Object.entries(REFUSALS))('%s keeps only its own row from being written', async (_, refusal) => {
    await holdSessions(store, owner, ids);
    await sql(refusal);
    const outcomes = await write();
    const refused = outcomes.filter((outcome) => !outcome.applied);
    expect(refused.map(({ id }) => id).sort()).toEqual(['s03', 's17']);
    for (const outcome of refused) expect(outcome).toMatchObject({ refused: { code: 'store_failed' } });
    for (const row of await store.sessions.get({ ids }))
      expect(row.status).toBe(row.id === 's03' || row.id === 's17' ? 'CONNECTED' : 'RECONNECTING');
    if (kind === 'a store with a host table')
      expect(await readHostRow(at.database.pool, 's04')).toMatchObject({ status: 'CONNECTING' });
  });

  it.each(Object.entries(REFUSALS))('%s keeps only its own row from being released', async (_, refusal) => {
    await holdSessions(store, owner, ids);
    await sql(refusal);
    const reason = { code: 'shutdown' };
    const released = await store.sessions.release({ owner, unobservedIds: [], reason });
    expect(released.sort()).toEqual(ids.filter((id) => id !== 's03' && id !== 's17'));
    const sessions = await heldUnder(store, ['s03']);
    await expect(store.sessions.release({ owner, sessions, unobservedIds: [], reason })).rejects.toMatchObject({
      code: 'store_failed',
    });
  });

  it.each(Object.entries(REFUSALS))('%s keeps only its own row from being freed and closed', async (_, refusal) => {
    const lines: unknown[] = [];
    const error = (fields: Readonly<Record<string, unknown>>) => void lines.push(fields.code);
    store.useLogger({ logger: { debug() {}, info() {}, warn() {}, error } });
    await holdSessions(store, owner, ids);
    await sql(`UPDATE wa_sync.replica SET fenced_at = now()`);
    await sql(refusal);
    const rest = ids.filter((id) => id !== 's03' && id !== 's17');
    expect((await store.leases.freeFenced({ limit: 1_000 })).sort()).toEqual(rest);
    expect(await store.leases.freeFenced({ limit: 5 })).toEqual([]);
    expect(lines).toEqual(['give_back_failed', 'give_back_failed']);
    // Sessions whose evidence is gone, as after an import.
    await sql(`ALTER TABLE wa_sync.session DISABLE TRIGGER ALL`);
    await sql(`UPDATE wa_sync.session SET owner = NULL, tenure = NULL, status = 'CONNECTED', evidence = 'unobserved'`);
    await sql(`ALTER TABLE wa_sync.session ENABLE TRIGGER ALL`);
    const closed = await store.sessions.closeUnheld?.({ graceMs: 0, limit: 1_000 });
    expect(closed?.map(({ id }) => id).sort()).toEqual(rest);
  });

  it.each(Object.entries(REFUSALS))('%s keeps only its own row from being claimed', async (_, refusal) => {
    await store.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
    await sql(refusal);
    const claims = ids.map((id) => ({ id, tenure: `tenure of ${id}`, mode: 'free' as const }));
    const outcomes = await store.sessions.claim({ owner, claims });
    expect(outcomes.filter(({ claimed }) => !claimed)).toEqual(
      ['s03', 's17'].map((id) => ({ id, claimed: false, why: 'refused' })),
    );
    expect(outcomes).toHaveLength(ids.length);
  });

  it('a table that refuses every row for want of a right is an error of the whole', async () => {
    await holdSessions(store, owner, ids);
    await sql(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'no right' USING ERRCODE = '42501'; END $$;
      CREATE TRIGGER refuse BEFORE UPDATE ON wa_sync.session FOR EACH ROW EXECUTE FUNCTION refuse()`);
    await expect(write()).rejects.toMatchObject({ code: 'store_rights' });
  });

  it('text that Postgres cannot hold harms nobody', async () => {
    const rows = await holdSessions(store, owner, ids);
    const odd = change({ status: 'ERROR', reason: { code: 'x\0', detail: 'a\0b\ud800' }, phone: '49\x0f0', qr: '\0' });
    const outcomes = await store.sessions.write({
      owner,
      writes: rows.map((row, index) => writeOf(row, index === 3 ? odd : change({ status: 'RECONNECTING' }))),
    });
    expect(outcomes.filter(({ applied }) => applied)).toHaveLength(ids.length);
  });
});
