import { randomUUID } from 'node:crypto';
import { createSeededRandom } from '@wa-sync/testing';
import {
  type CallFindings,
  drawFaults,
  type FaultProxy,
  followHistory,
  heapMb,
  playRandomCalls,
  type RawRow,
  type RawView,
  startFaultProxy,
} from '@wa-sync/testing/faults';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresStore, prismaConversation, prismaWhatsAppSession } from '../src/index.js';
import { addConversations, CONVERSATIONS_BY_SESSION } from './host-conversations.js';
import { addHostRows, PRISMA_TABLES } from './host-table.js';
import { startPostgres, type TestDatabase, type TestServer } from './start-postgres.js';

/** `CUTS=2000` is the whole proof, `SEED` another one. */
const CUTS = Number(process.env.CUTS ?? 150);
const SEED = Number(process.env.SEED ?? 20_250_101);
const CALLERS = 4;
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
    const cut = createPostgresStore({ pool, mirror, timeouts: { statementMs: 1_500, lockMs: 500 } });
    const whole = createPostgresStore({ pool: database.connect(), mirror });
    const groups = Array.from({ length: CALLERS }, (_, caller) =>
      Array.from({ length: 5 }, (_, index) => (index === 0 && caller === 0 ? 's' : `s${caller}-${index}`)),
    );
    const ids = groups.flat();
    await Promise.all([whole.init(), cut.init()]);
    await addHostRows(database.pool, ids);
    await whole.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
    const owners = [randomUUID(), randomUUID()] as const;
    for (const incarnation of owners) await whole.leases.join({ incarnation, replicaId: incarnation, ttlMs: 600_000 });
    const { next } = await whole.history.since({ after: null, limit: 1 });
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', onUnhandled);

    const findings: CallFindings = { wrong: [], failed: 0, calls: 0 };
    const kinds = ['cut', 'reset', 'cut', 'reset', 'cut', 'reset', 'delay', 'black-hole'] as const;
    proxy.plan(drawFaults({ seed: SEED, kinds, afterBytes: [100, 25_000], lastsMs: [10, 2_000] }));
    const cuts = () => proxy.counts.cut + proxy.counts.reset;
    const heapBefore = heapMb();
    const startedAt = performance.now();
    const over = () => cuts() >= CUTS || findings.wrong.length > 20;
    let played = false;
    const following = followHistory(cut.history, next, () => played);
    const callers = groups.map((own, caller) =>
      playRandomCalls(
        {
          ids: own,
          owners,
          store: cut,
          raw: rawView(database.pool),
          random: createSeededRandom(SEED + caller),
          findings,
        },
        over,
      ),
    );
    const ends = await Promise.allSettled(callers);
    proxy.plan(null);
    proxy.heal();
    played = true;
    const followed = await following;
    const heapAfter = heapMb();
    process.off('unhandledRejection', onUnhandled);
    const tookS = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.info(
      `${cuts()} cuts, ${findings.calls} calls, ${findings.failed} of them failed, ${followed.length} changes, ${tookS} s, heap ${heapBefore.toFixed(0)} to ${heapAfter.toFixed(0)} MB`,
      proxy.counts,
    );

    expect(ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))).toEqual([]);
    expect(findings.wrong).toEqual([]);
    expect(unhandled).toEqual([]);
    expect(findings.failed).toBeGreaterThan(CUTS / 4);
    expect(heapAfter - heapBefore).toBeLessThan(MOST_MB);
    expect(pool.totalCount).toBeLessThanOrEqual(6);

    const none = async (words: string, sql: string) =>
      expect({ [words]: (await database.pool.query(sql)).rows }).toEqual({ [words]: [] });
    await none(
      'S14 rows that nobody created',
      `SELECT id FROM wa_sync.session WHERE id NOT IN (SELECT "id" FROM "WhatsAppSession")`,
    );
    expect((await database.pool.query('SELECT count(*)::int AS n FROM wa_sync.session')).rows).toEqual([
      { n: ids.length },
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
    const read = new Set(followed);
    expect(read.size).toBe(followed.length);
    expect(rows.filter(({ id }) => !read.has(id))).toEqual([]);
    await cut.close();
    await pool.end();
  }, 1_800_000);
});
