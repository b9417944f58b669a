import { type FaultProxy, playOverCuts, type RawRow, type RawView, startFaultProxy } from '@wa-sync/dev/faults';
import { SEED } from '@wa-sync/dev/tests/seed';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresStore, prismaConversation, prismaWhatsAppSession } from '../src/index.js';
import { addConversations, CONVERSATIONS_BY_SESSION } from './host-conversations.js';
import { addHostRows, PRISMA_TABLES } from './host-table.js';
import { startPostgres, type TestDatabase, type TestServer } from './start-postgres.js';

/** `CUTS=2000` is the whole proof, `WA_SYNC_SEED` another one. */
const CUTS = Number(process.env.CUTS ?? 150);
/** One of them is the beginning of all others. */
const IDS = ['s', ...Array.from({ length: 19 }, (_, index) => `s${index}`)];
const MOST_MB = 48;

let server: TestServer;
let database: TestDatabase;
let proxy: FaultProxy;

beforeAll(async () => {
  server = await startPostgres();
  database = await server.createDatabase();
  await database.pool.query(PRISMA_TABLES + CONVERSATIONS_BY_SESSION);
  proxy = await startFaultProxy({ port: server.port });
});
afterAll(async () => {
  await proxy.close();
  await database.drop();
  await server.stop();
});

/** Plain SQL past the store. */
function rawView(sql: pg.Pool): RawView {
  const one = async <Row>(text: string, values: unknown[]) =>
    (await sql.query(text, values)).rows[0] as Row | undefined;
  return {
    row: async (id) =>
      (await one<RawRow>(
        `SELECT status, version::int, owner, tenure, write_id AS "writeId" FROM wa_sync.session WHERE id = $1`,
        [id],
      )) ?? null,
    async credentials(id) {
      const { rows } = await sql.query<{ value: Buffer }>(
        `SELECT a.value FROM wa_sync.auth_record a LEFT JOIN wa_sync.session s ON s.no = a.session_no
         WHERE (s.id = $1 OR s.no IS NULL) AND a.quarantine_no = 0`,
        [id],
      );
      return rows.map(({ value }) => value);
    },
    addConversation: (id) => addConversations(sql, { [id]: 'ACTIVE' }),
    async conversation(id) {
      const row = await one<{ states: string; sequence: number }>(
        `SELECT c.state || ' ' || m."status" AS states, c.sequence::int
         FROM wa_sync.conversation c JOIN "Conversation" m ON m."id" = c.id WHERE c.id = $1`,
        [id],
      );
      const closed = { 'OPEN ACTIVE': false, 'CLOSED FINISHED': true }[row?.states ?? ''] ?? null;
      return { closed, sequence: row?.sequence ?? 0 };
    },
    async addOld(id) {
      await sql.query(
        `WITH old AS (
           INSERT INTO wa_sync.session (id, id_hash, active, last_seen_at) VALUES ($1, 0, false, now() - interval '90 days') RETURNING no
         ) INSERT INTO wa_sync.auth_record (session_no, type, id, value) SELECT no, 'creds', 'creds', 'x' FROM old`,
        [id],
      );
    },
    async remove(id) {
      await sql.query('DELETE FROM wa_sync.session WHERE id = $1', [id]);
    },
  };
}

describe(`${CUTS} connections cut at random points of random calls, seed ${SEED}`, () => {
  it('break none of the promises, as SQL reads it', async () => {
    const mirror = { sessions: prismaWhatsAppSession(), conversations: prismaConversation({ sessionId: 'sessionId' }) };
    const access = { user: 'postgres', password: server.password, database: database.name };
    const pool = new pg.Pool({ host: proxy.host, port: proxy.port, ...access, max: 6 });
    pool.on('error', () => {});
    const cut = createPostgresStore({ pool, mirror, timeouts: { statementMs: 1_500, lockMs: 500 } });
    const whole = createPostgresStore({ pool: database.connect(), mirror });
    await Promise.all([whole.init(), cut.init()]);
    await addHostRows(database.pool, IDS);
    await whole.sessions.create({ sessions: IDS.map((id) => ({ id, desired: 'running' as const })) });
    const outcome = await playOverCuts({
      seed: SEED,
      cuts: CUTS,
      proxy,
      afterBytes: [100, 25_000],
      cut,
      whole,
      ids: IDS,
      raw: rawView(database.pool),
    });
    console.info(outcome.summary, proxy.counts);

    expect(outcome.errors).toEqual([]);
    expect(outcome.wrong).toEqual([]);
    expect(outcome.failed).toBeGreaterThan(CUTS / 4);
    expect(outcome.grownMb).toBeLessThan(MOST_MB);
    expect(pool.totalCount).toBeLessThanOrEqual(6);

    const none = async (words: string, sql: string) =>
      expect({ [words]: (await database.pool.query(sql)).rows }).toEqual({ [words]: [] });
    await none(
      'S14 rows that nobody created',
      `SELECT id FROM wa_sync.session WHERE id NOT IN (SELECT "id" FROM "WhatsAppSession")`,
    );
    expect((await database.pool.query('SELECT count(*)::int AS n FROM wa_sync.session')).rows).toEqual([
      { n: IDS.length },
    ]);
    await none(
      'host rows that differ',
      `SELECT s.id, s.status, m."status" FROM wa_sync.session s JOIN "WhatsAppSession" m ON m."id" = s.id
       WHERE m."status"::text <> CASE s.status WHEN 'RECONNECTING' THEN 'CONNECTING' WHEN 'LOGGED_OUT' THEN 'DISCONNECTED'
         WHEN 'REPLACED' THEN 'ERROR' ELSE s.status END`,
    );
    await none(
      'changes without an entry, or entries without a change',
      `SELECT * FROM (
         SELECT s.id, t.from_status, t.to_status, lag(t.to_status) OVER own AS before,
           lead(t.from_status, 1, s.status) OVER own AS after
         FROM wa_sync.session s JOIN wa_sync.transition t ON t.session_no = s.no
         WINDOW own AS (PARTITION BY s.no ORDER BY t.no)
       ) chain WHERE after <> to_status OR before <> from_status`,
    );
    await none(
      'S10 slots that were begun twice',
      `SELECT job, slot FROM wa_sync.job_run WHERE slot IS NOT NULL GROUP BY job, slot HAVING count(*) > 1`,
    );
    await none(
      'sets of credentials that are not whole',
      `SELECT session_no FROM wa_sync.auth_record WHERE quarantine_no = 0 GROUP BY session_no
       HAVING count(*) <> 3 OR count(DISTINCT value) <> 1`,
    );
    await none(
      'conversations that differ from the host’s',
      `SELECT c.id, c.state, m."status" FROM wa_sync.conversation c JOIN "Conversation" m ON m."id" = c.id
       WHERE (c.state = 'CLOSED') <> (m."status" = 'FINISHED')`,
    );
    await none(
      'connections that hold something',
      `SELECT pid, state, query FROM pg_stat_activity
       WHERE datname = current_database() AND state LIKE 'idle in transaction%' AND state_change < now() - interval '10 s'`,
    );
    const { rows } = await database.pool.query<{ id: string }>(
      `SELECT stamp || '.' || no AS id FROM wa_sync.transition`,
    );
    const read = new Set(outcome.followed);
    expect(read.size).toBe(outcome.followed.length);
    expect(rows.filter(({ id }) => !read.has(id))).toEqual([]);
    await cut.close();
    await pool.end();
  }, 1_800_000);
});
