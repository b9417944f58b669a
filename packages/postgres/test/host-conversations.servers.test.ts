import { type ConversationMove, createWaSync, type Logger } from '@wa-sync/core';
import { holdSessions, joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore, prismaConversation } from '../src/index.js';
import {
  addConversations,
  CONVERSATIONS_BY_SESSION,
  conversationWords,
  readConversationRow,
} from './host-conversations.js';
import { PRISMA_TABLES } from './host-table.js';
import { shiftStoreTime } from './store-harness.js';
import { untilWaiting } from './until-waiting.js';
import { useDatabase } from './use-database.js';

const HOUR = 3_600_000;
const unchangedForMs = 60_000;
const mirror = { conversations: prismaConversation({ sessionId: 'sessionId' }) };

const at = useDatabase({
  // A host far from UTC, where a timestamp without a zone goes wrong if anybody lets it.
  timeZone: 'America/Sao_Paulo',
  prepare: async (pool) => {
    await pool.query(PRISMA_TABLES + CONVERSATIONS_BY_SESSION);
    await createPostgresStore({ pool, mirror }).init();
  },
});
let pool: pg.Pool;
let store: PostgresStore;
let owner: string;
let told: object[];

beforeEach(async () => {
  pool = at.database.pool;
  told = [];
  const silent = () => {};
  const logger: Logger = {
    info: silent,
    error: silent,
    debug: silent,
    warn: (fields: object) => void told.push(fields),
  };
  store = createPostgresStore({ pool, mirror });
  store.useLogger({ logger });
  await store.init();
  owner = await joinReplica(store);
  await holdSessions(store, owner, ['s']);
  await pass(unchangedForMs + 1_000);
});

async function pass(ms: number): Promise<void> {
  await shiftStoreTime(pool, ms);
  await store.leases.beat(beatOf(owner));
}

async function say(...ids: string[]): Promise<void> {
  const message = { sessionId: 's', from: 'contact' as const, at: new Date(), chat: 'x@lid' };
  await store.conversations.record({ messages: ids.map((conversationId) => ({ ...message, conversationId })) });
}

const closed = (id: string, sequence = 1): ConversationMove => ({ id, sequence, to: 'CLOSED', outgoing: null });
const closing = (id: string, sequence = 1): ConversationMove => ({
  ...closed(id, sequence),
  to: 'CLOSING',
  outgoing: { id: `m-${id}`, kind: 'farewell', text: 'Até logo' },
});
const move = async (...moves: ConversationMove[]) => (await store.conversations.move({ moves, unchangedForMs })).sort();

async function get(id: string) {
  const [found] = await store.conversations.get({ ids: [id] });
  if (found === undefined) throw new Error(`no conversation ${id}`);
  return found;
}

async function quiet(skipStatuses: string[] = []): Promise<string[]> {
  const found = await store.conversations.inactive({ inactiveForMs: HOUR, unchangedForMs, limit: 100, skipStatuses });
  return found.map(({ conversation }) => conversation.id).sort();
}

async function refuse(when: string, then = `RAISE EXCEPTION 'no'`): Promise<void> {
  await pool.query(`CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF ${when} THEN ${then}; END IF; RETURN new; END $$;
    CREATE OR REPLACE TRIGGER refuse BEFORE UPDATE ON "Conversation" FOR EACH ROW EXECUTE FUNCTION refuse()`);
}

async function lock(id: string): Promise<() => Promise<void>> {
  const client = await pool.connect();
  await client.query('BEGIN');
  await client.query(`SELECT 1 FROM "Conversation" WHERE "id" = $1 FOR UPDATE`, [id]);
  return async () => {
    await client.query('ROLLBACK');
    client.release();
  };
}

describe('a Prisma table of conversations', () => {
  it('is read live with each conversation', async () => {
    await addConversations(pool, { a: 'ACTIVE', b: 'PAUSED' });
    await say('a', 'b', 'c');
    const words = async () => (await store.conversations.get({ ids: ['a', 'b', 'c'] })).map((one) => one.hostStatus);
    expect((await words()).sort()).toEqual(['ACTIVE', 'PAUSED', null]);
    await pool.query(`UPDATE "Conversation" SET "status" = 'ESCALATED'`);
    expect((await words()).sort()).toEqual(['ESCALATED', 'ESCALATED', null]);
  });

  it('is closed with ours: word, finishedAt and updatedAt in UTC, and the host’s own trigger runs', async () => {
    await addConversations(pool, { a: 'ACTIVE', b: 'ACTIVE' });
    await say('a', 'b');
    expect(await move(closed('a'))).toEqual(['a']);
    expect(await get('a')).toMatchObject({ state: 'CLOSED', hostStatus: 'FINISHED' });
    expect(await readConversationRow(pool, 'a')).toMatchObject({ status: 'FINISHED', finishedAgo: 0, updatedAgo: 0 });
    expect(await readConversationRow(pool, 'b')).toMatchObject({ status: 'ACTIVE', finishedAgo: null });
    const { rows } = await pool.query(`SELECT "sessionId" AS id, "status" FROM "Audit"`);
    expect(rows).toEqual([{ id: 'a', status: 'FINISHED' }]);
  });

  it('is closed once the farewell was sent, not before', async () => {
    await addConversations(pool, { a: 'ACTIVE' });
    await say('a');
    expect(await move(closing('a'))).toEqual(['a']);
    expect(await conversationWords(pool)).toEqual({ a: 'ACTIVE' });
    await store.conversations.beginSend({ id: 'a', sequence: 1, messageId: 'm-a', owner, unchangedForMs });
    const ended = await store.conversations.endSend({ id: 'a', messageId: 'm-a', delivery: 'sent' });
    expect(ended).toMatchObject({ state: 'CLOSED', hostStatus: 'FINISHED' });
    expect(await conversationWords(pool)).toEqual({ a: 'FINISHED' });
  });

  it('is closed too where the sender of the farewell was lost', async () => {
    await addConversations(pool, { a: 'ACTIVE', b: 'ACTIVE' });
    await say('a', 'b');
    await move(closing('a'), closing('b'));
    for (const id of ['a', 'b']) {
      await store.conversations.beginSend({ id, sequence: 1, messageId: `m-${id}`, owner, unchangedForMs });
    }
    await store.leases.leave({ incarnation: owner });
    await refuse(`old."id" = 'a'`);
    const settled = await store.conversations.endLost({ limit: 10 });
    expect(settled.map(({ id, state, outgoing }) => [id, state, outgoing?.delivery])).toEqual([
      ['a', 'CLOSING', 'unknown'],
      ['b', 'CLOSED', 'unknown'],
    ]);
    expect(await conversationWords(pool)).toEqual({ a: 'ACTIVE', b: 'FINISHED' });
  });

  it('with another word than the open ones is left alone, whenever it got it', async () => {
    await addConversations(pool, {
      paused: 'PAUSED',
      escalated: 'ACTIVE',
      sent: 'ACTIVE',
      gone: 'ACTIVE',
      open: 'ACTIVE',
    });
    await say('paused', 'escalated', 'sent', 'gone', 'open', 'unknown');
    await pass(2 * HOUR);
    expect(await quiet()).toEqual(['escalated', 'gone', 'open', 'sent']);
    expect(await quiet(['ACTIVE'])).toEqual([]);
    expect(await move(closing('sent'))).toEqual(['sent']);
    await pool.query(`UPDATE "Conversation" SET "status" = 'ESCALATED' WHERE "id" IN ('escalated', 'sent')`);
    await pool.query(`DELETE FROM "Conversation" WHERE "id" = 'gone'`);
    expect(await move(...['paused', 'escalated', 'gone', 'open', 'unknown'].map((id) => closed(id)))).toEqual(['open']);
    const begin = { id: 'sent', sequence: 1, messageId: 'm-sent', owner, unchangedForMs };
    expect(await store.conversations.beginSend(begin)).toBe(false);
    // Withdrawn, so that it does not stand before others for ever.
    expect(await get('sent')).toMatchObject({ state: 'OPEN', outgoing: null });
    expect(await store.leases.beat(beatOf(owner))).toMatchObject({ outgoing: false });
    expect(await conversationWords(pool)).toEqual({
      paused: 'PAUSED',
      escalated: 'ESCALATED',
      sent: 'ESCALATED',
      open: 'FINISHED',
    });
  });

  it('that escalates between read and close is left alone, 50 times', async () => {
    const ids = Array.from({ length: 50 }, (_, index) => `c${index}`);
    await addConversations(pool, Object.fromEntries(ids.map((id) => [id, 'ACTIVE'])));
    await say(...ids);
    const wrong: string[] = [];
    for (const id of ids) {
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query(`UPDATE "Conversation" SET "status" = 'ESCALATED' WHERE "id" = $1`, [id]);
      const moving = move(closed(id));
      await untilWaiting(pool);
      await client.query('COMMIT');
      client.release();
      wrong.push(...(await moving));
    }
    expect(wrong).toEqual([]);
    expect(new Set(Object.values(await conversationWords(pool)))).toEqual(new Set(['ESCALATED']));
  });
});

describe('adoption', () => {
  it('registers open rows that are not known, whose clock starts then, and no others', async () => {
    await addConversations(pool, { known: 'ACTIVE', new: 'ACTIVE', paused: 'PAUSED', done: 'FINISHED' });
    await say('known');
    await pass(30 * HOUR);
    expect(await store.conversations.adopt({ limit: 10 })).toBe(1);
    expect(await get('new')).toMatchObject({
      state: 'OPEN',
      adopted: true,
      sessionId: 's',
      sequence: 0,
      lastFrom: null,
      chat: null,
      hostStatus: 'ACTIVE',
    });
    expect(Math.abs((await get('new')).heardAt.getTime() - Date.now())).toBeLessThan(60_000);
    expect(await store.conversations.get({ ids: ['paused', 'done'] })).toEqual([]);
    expect(await get('known')).toMatchObject({ adopted: false, sequence: 1 });
    expect(await quiet()).toEqual(['known']);
    expect(await store.conversations.adopt({ limit: 10 })).toBe(0);
    await pass(2 * HOUR);
    expect(await quiet()).toEqual(['known', 'new']);
    expect(await move(closed('new', 0))).toEqual(['new']);
    expect((await conversationWords(pool)).new).toBe('FINISHED');
  });

  it('registers up to its limit, and goes on', async () => {
    const ids = Array.from({ length: 25 }, (_, index) => `c${index}`);
    await addConversations(pool, Object.fromEntries(ids.map((id) => [id, 'ACTIVE'])));
    expect(await store.conversations.adopt({ limit: 10 })).toBe(10);
    expect(await store.conversations.adopt({ limit: 10 })).toBe(10);
    expect(await store.conversations.adopt({ limit: 10 })).toBe(5);
    expect(await store.conversations.adopt({ limit: 10 })).toBe(0);
  });

  it('a run registers all that it finds open, however many there are', async () => {
    await pool.query(
      `INSERT INTO "Conversation" ("id", "clientId", "companyId", "sessionId", "status", "updatedAt")
       SELECT 'c' || n, 'a client', 'acme', 's', 'ACTIVE', '2020-01-01' FROM generate_series(1, 20001) n`,
    );
    const wa = createWaSync({ store, jobs: { sync: false, cleanup: false, inactivity: false } });
    await wa.start();
    try {
      const adopted = async () => (await wa.checkInactiveConversations()).totals.adopted;
      expect(await adopted()).toBe(20_001);
      expect(await adopted()).toBe(0);
    } finally {
      await wa.stop();
    }
  });

  it('takes the one session that is configured, and none where nothing says it', async () => {
    await addConversations(pool, { a: 'ACTIVE' });
    const { columns, ...rest } = prismaConversation({ session: 's' });
    const one = createPostgresStore({ pool, mirror: { conversations: { ...rest, columns } } });
    await one.conversations.adopt({ limit: 10 });
    expect((await get('a')).sessionId).toBe('s');
    await addConversations(pool, { b: 'ACTIVE' });
    await createPostgresStore({ pool, mirror: { conversations: prismaConversation() } }).conversations.adopt({
      limit: 9,
    });
    await pass(2 * HOUR);
    // Nobody can say whether its number could hear.
    expect(await quiet()).toEqual(['a']);
    await say('b');
    await pass(2 * HOUR);
    expect(await quiet()).toEqual(['a', 'b']);
  });

  it('follows what the host closes, deletes and opens by itself', async () => {
    await addConversations(pool, {
      closed: 'ACTIVE',
      deleted: 'ACTIVE',
      opened: 'ACTIVE',
      left: 'ACTIVE',
      spoken: 'ACTIVE',
    });
    await say('closed', 'deleted', 'opened', 'left', 'spoken');
    await move(closed('opened'));
    await pass(2 * HOUR);
    await say('spoken');
    await pool.query(`UPDATE "Conversation" SET "status" = 'FINISHED' WHERE "id" IN ('closed', 'spoken')`);
    await pool.query(`UPDATE "Conversation" SET "status" = 'ACTIVE' WHERE "id" = 'opened'`);
    await pool.query(`DELETE FROM "Conversation" WHERE "id" = 'deleted'`);
    await store.conversations.followHost!({ limit: 10 });
    expect(await store.conversations.adopt({ limit: 10 })).toBe(1);
    expect(await get('closed')).toMatchObject({ state: 'CLOSED' });
    expect(await get('deleted')).toMatchObject({ state: 'CLOSED', hostStatus: null });
    expect(await get('left')).toMatchObject({ state: 'OPEN', adopted: false });
    expect(await get('spoken')).toMatchObject({ state: 'OPEN', sequence: 2 });
    expect(await get('opened')).toMatchObject({ state: 'OPEN', adopted: true, sequence: 2 });
    expect(await quiet()).toEqual(['left']);
    // What was decided about the old silence is no longer so.
    expect(await move(closed('opened', 1))).toEqual([]);
  });

  it('closes in both tables what the host’s had refused after the farewell', async () => {
    await addConversations(pool, { a: 'ACTIVE' });
    await say('a');
    await move(closing('a'));
    await store.conversations.beginSend({ id: 'a', sequence: 1, messageId: 'm-a', owner, unchangedForMs });
    await refuse('true');
    const end = { id: 'a', messageId: 'm-a', delivery: 'sent' } as const;
    const ended = await store.conversations.endSend(end);
    expect(ended).toMatchObject({ state: 'CLOSING', outgoing: { delivery: 'sent' }, hostStatus: 'ACTIVE' });
    expect(await store.conversations.endSend(end)).toEqual(ended);
    expect(told).toMatchObject([{ code: 'mirror_blocked', conversationIds: ['a'] }]);
    await store.conversations.followHost!({ limit: 10 });
    expect(await get('a')).toMatchObject({ state: 'CLOSING' });
    await pool.query('DROP TRIGGER refuse ON "Conversation"');
    await store.conversations.followHost!({ limit: 10 });
    expect(await get('a')).toMatchObject({ state: 'CLOSED', hostStatus: 'FINISHED', outgoing: { delivery: 'sent' } });
  });
});

describe('a host row that cannot be closed', () => {
  const many = Array.from({ length: 200 }, (_, index) => `c${String(index).padStart(3, '0')}`);
  const bad = 'c123';
  const good = many.filter((id) => id !== bad);

  beforeEach(async () => {
    await addConversations(pool, Object.fromEntries(many.map((id) => [id, 'ACTIVE'])));
    await say(...many);
  });

  async function expectOnlyBadIsOpen(): Promise<void> {
    const words = await conversationWords(pool);
    expect(good.filter((id) => words[id] !== 'FINISHED')).toEqual([]);
    expect(words[bad]).toBe('ACTIVE');
    expect(await get(bad)).toMatchObject({ state: 'OPEN', closingNumber: 0 });
    const { rows } = await pool.query(`SELECT count(*)::int AS n FROM wa_sync.conversation WHERE state = 'CLOSED'`);
    expect(rows).toEqual([{ n: good.length }]);
  }

  it.each([
    ['throws', `RAISE EXCEPTION 'no change for 5511999990000'`, '…0000'],
    ['swallows the write', 'RETURN NULL', 'stands before the write'],
    ['writes another word', `new."status" = 'PAUSED'`, 'stands before the write'],
  ])('because a trigger %s is bisected out, stays open here too, and is told', async (_, then, cause) => {
    await refuse(`old."id" = '${bad}'`, then);
    expect(await move(...many.map((id) => closed(id)))).toEqual(good);
    expect(told).toMatchObject([
      { code: 'mirror_blocked', conversationIds: [bad], cause: expect.stringContaining(cause) },
    ]);
    await expectOnlyBadIsOpen();
  });

  it('because it is locked holds nobody up, and is closed by the next run', async () => {
    const unlock = await lock(bad);
    try {
      const startedAt = performance.now();
      expect(await move(...many.map((id) => closed(id)))).toEqual(good);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
      await expectOnlyBadIsOpen();
    } finally {
      await unlock();
    }
    expect(await move(closed(bad))).toEqual([bad]);
    expect((await conversationWords(pool))[bad]).toBe('FINISHED');
  });

  it('because it is locked for a moment is waited for', async () => {
    const unlock = await lock(bad);
    const moving = move(closed(bad));
    await untilWaiting(pool);
    await unlock();
    expect(await moving).toEqual([bad]);
  });

  it('because the table is gone leaves everything open, and messages are recorded all the same', async () => {
    await pool.query('DROP TABLE "Conversation"');
    expect(await move(...many.map((id) => closed(id)))).toEqual([]);
    await say(bad);
    const { rows } = await pool.query(`SELECT DISTINCT state FROM wa_sync.conversation`);
    expect(rows).toEqual([{ state: 'OPEN' }]);
  });
});
