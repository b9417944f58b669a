import { randomUUID } from 'node:crypto';
import type { GuardedWrite } from '@wa-sync/core';
import { change, heldUnder, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore, prismaConversation, prismaWhatsAppSession } from '../src/index.js';
import { explainedPool } from './explained-pool.js';
import { addConversations, CONVERSATIONS_BY_SESSION } from './host-conversations.js';
import { addHostRows, PRISMA_TABLES } from './host-table.js';
import { useDatabase } from './use-database.js';

const ROWS = 500;
/** Of everything that is in a plan together; where each row meets each other one it is more than 500. */
const MOST_A_ROW = 60;
const ids = Array.from({ length: ROWS }, (_, index) => `s${String(index).padStart(5, '0')}`);

const mirror = { sessions: prismaWhatsAppSession(), conversations: prismaConversation() };
// On a column that an index of the host leads to: rows are found by their ids all the same.
const where = { companyId: 'acme' };
const filtered = {
  sessions: { ...mirror.sessions, where },
  conversations: { ...mirror.conversations, where },
};
const at = useDatabase({
  prepare: async (pool) => {
    await pool.query(PRISMA_TABLES + CONVERSATIONS_BY_SESSION);
    await createPostgresStore({ pool, mirror }).init();
    await addHostRows(pool, ids);
    await addConversations(pool, Object.fromEntries(ids.map((id) => [id, 'ACTIVE'])));
  },
});

/**
 * The planner knows neither how many ids come, once a plan is generic, nor that an incarnation which has just joined
 * holds every session: the statistics are of the day before.
 */
describe.each([
  ['force_generic_plan', 'all rows', mirror],
  ['force_custom_plan', 'all rows', mirror],
  ['force_generic_plan', 'some rows', filtered],
  ['force_custom_plan', 'some rows', filtered],
] as const)('under %s, with old statistics and %s of the host ours', (mode, _, mirror) => {
  let store: PostgresStore;
  let owner: string;
  let rowsOf: ReturnType<typeof explainedPool>['rowsOf'];
  let blocksOf: ReturnType<typeof explainedPool>['blocksOf'];

  beforeEach(async () => {
    const { database } = at;
    const explained = explainedPool(database, mode);
    ({ rowsOf, blocksOf } = explained);
    store = createPostgresStore({ pool: explained.pool, mirror });
    await store.init();
    owner = await joinReplica(store);
    await store.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
    await database.pool.query('VACUUM ANALYZE');
  });
  afterEach(() => store.close());

  async function expectFew(run: () => Promise<unknown>): Promise<void> {
    const rows = await rowsOf(run);
    // Fewer than a row each, and nothing was seen.
    expect(rows).toBeGreaterThanOrEqual(ROWS);
    expect(rows / ROWS).toBeLessThan(MOST_A_ROW);
  }
  const claim = () =>
    store.sessions.claim({ owner, claims: ids.map((id) => ({ id, tenure: randomUUID(), mode: 'free' as const })) });
  async function connectedWrites(): Promise<GuardedWrite[]> {
    await claim();
    return (await store.sessions.get({ ids })).map((session) => writeOf(session, change()));
  }
  async function connectAll(): Promise<void> {
    await store.sessions.write({ owner, writes: await connectedWrites() });
  }
  const sayAll = () =>
    store.conversations.record({
      messages: ids.map((id) => ({ conversationId: id, sessionId: id, from: 'contact' as const, at: new Date() })),
    });
  const moveAll = (to: 'WARNED' | 'CLOSED', sequences: readonly { conversationId: string; sequence: number }[]) =>
    store.conversations.move({
      unchangedForMs: 0,
      moves: sequences.map(({ conversationId: id, sequence }) => ({
        id,
        sequence,
        to,
        outgoing: to === 'WARNED' ? { id: `${id} warned`, kind: 'warning' as const, text: 'Are you there?' } : null,
      })),
    });

  it('sessions are claimed, written, swept and released', async () => {
    await expectFew(claim);
    const writes = await connectedWrites();
    await expectFew(() => store.sessions.write({ owner, writes }));
    const expected = { status: 'CONNECTED', health: 'healthy', reason: null } as const;
    await expectFew(() => store.sessions.sweep({ owner, expected, otherIds: ids }));
    const sessions = await heldUnder(store, ids);
    await expectFew(() =>
      store.sessions.release({ owner, sessions, unobservedIds: ids, reason: { code: 'shutdown' } }),
    );
  });

  it('an answer that was lost is read again', async () => {
    const writes = await connectedWrites();
    await store.sessions.write({ owner, writes });
    // None counts any more: each is compared with what is there.
    await expectFew(() => store.sessions.write({ owner, writes }));
  });

  it('credentials of all are written', async () => {
    await connectAll();
    const value = new Uint8Array(32);
    const writeAll = () =>
      Promise.all(
        ids.map((sessionId) =>
          store.auth.write({ sessionId, tenure: null, entries: [{ type: 'creds', id: 'creds', value }] }),
        ),
      );
    await expectFew(writeAll);
    await expectFew(writeAll);
  });

  it('conversations are recorded, moved and sent', async () => {
    await connectAll();
    await expectFew(sayAll);
    const sequences = await sayAll();
    await expectFew(() => moveAll('WARNED', sequences));
    await expectFew(() => store.conversations.outgoing({ owner, exceptSessions: [], limit: ROWS }));
    await expectFew(() => moveAll('CLOSED', sequences));
  });

  it('the history is fed, read and forgotten', async () => {
    const { next } = await store.history.since({ after: null, limit: 1 });
    await connectAll();
    await expectFew(() => store.history.since({ after: next, limit: ROWS }));
    await expectFew(() => store.history.prune({ keepMs: 0, limit: ROWS }));
    expect(await store.history.since({ after: next, limit: ROWS })).toMatchObject({ transitions: [], missed: true });
  });

  it('a beat finds what is to be sent', async () => {
    await connectAll();
    await moveAll('WARNED', await sayAll());
    // Every message is another's, and as many sessions have none.
    const other = await joinReplica(store);
    const others = ids.map((id) => `other ${id}`);
    await holdSessions(store, other, others);
    const rows = await rowsOf(() => store.leases.beat(beatOf(other)));
    expect(rows / ROWS).toBeLessThan(MOST_A_ROW);
  });

  it('a beat looks at as many pages with 50,000 rows at rest as with none', async () => {
    const { pool } = at.database;
    // Nothing stands free that a search would find at once.
    await connectAll();
    const reader = await store.leases.join({ incarnation: 'r', replicaId: 'r', ttlMs: 30_000 });
    const after = reader.alive ? reader.number : null;
    const beat = () => store.leases.beat(beatOf(owner, { after }));
    await beat();
    const before = await blocksOf(beat);
    await pool.query(`INSERT INTO wa_sync.session (id, id_hash, desired, status, active)
      SELECT 'rest ' || i, i, CASE WHEN i % 3 = 0 THEN 'running' ELSE 'stopped' END,
        CASE WHEN i % 3 = 0 THEN 'LOGGED_OUT' ELSE 'DISCONNECTED' END, i % 2 = 0 FROM generate_series(1, 50000) i`);
    await pool.query('VACUUM ANALYZE wa_sync.session');
    // The first plan after the statistics changed.
    await beat();
    expect(before).toBeGreaterThan(0);
    expect(await blocksOf(beat)).toBe(before);
  });

  it('open rows of the host are registered, and followed once it has closed them', async () => {
    const { pool } = at.database;
    const { conversations } = store;
    await expectFew(() => conversations.adopt({ limit: ROWS }));
    await expectFew(() => conversations.adopt({ limit: ROWS }));
    await pool.query(`UPDATE wa_sync.conversation SET heard_at = heard_at - interval '2 hours'`);
    await pool.query(`UPDATE "Conversation" SET "status" = 'FINISHED'`);
    await expectFew(() => conversations.followHost!({ limit: ROWS }));
    const { rows } = await pool.query(`SELECT FROM wa_sync.conversation WHERE state = 'CLOSED'`);
    expect(rows).toHaveLength(ROWS);
  });

  it('requests are put, taken, answered and collected', async () => {
    await connectAll();
    const { inbox } = store;
    const asker = await joinReplica(store);
    const requests = ids.map((id) => ({ id: randomUUID(), sessionId: id, kind: 'sync' as const }));
    await expectFew(() => inbox.ask({ asker, requests, ttlMs: 60_000 }));
    await expectFew(() => inbox.take({ owner, limit: ROWS }));
    await expectFew(() => inbox.answer({ owner, answers: requests.map(({ id }) => ({ id, body: '{}' })) }));
    await expectFew(() => inbox.collect({ ids: requests.map(({ id }) => id) }));
  });

  it('what nobody holds is freed, closed, deactivated and purged', async () => {
    const { pool } = at.database;
    await connectAll();
    await pool.query('UPDATE wa_sync.replica SET fenced_at = clock_timestamp()');
    await expectFew(() => store.leases.freeFenced({ limit: ROWS }));
    await pool.query(`UPDATE wa_sync.session SET status = 'CONNECTING', evidence = 'unobserved'`);
    await expectFew(() => store.sessions.closeUnheld!({ graceMs: 0, limit: ROWS }));
    await pool.query(`UPDATE wa_sync.session SET last_seen_at = NULL, created_at = created_at - interval '1 day'`);
    await expectFew(() => store.cleanup.deactivate({ ids, inactiveForMs: 1, restedForMs: 0 }));
    await expectFew(() => store.cleanup.markForPurge({ ids, inactiveForMs: 1, restedForMs: 0 }));
    await expectFew(() => store.cleanup.purge({ ids }));
    const { rows } = await pool.query('SELECT FROM wa_sync.session');
    expect(rows).toHaveLength(0);
  });
});
