import type { ConversationMove } from '@wa-sync/core';
import { holdSessions, joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore, prismaConversation } from '../src/index.js';
import { addConversations, CONVERSATIONS_BY_SESSION, conversationWords } from './host-conversations.js';
import { PRISMA_TABLES } from './host-table.js';
import { shiftStoreTime } from './store-harness.js';
import { untilWaiting } from './until-waiting.js';
import { useDatabase } from './use-database.js';

const HOUR = 3_600_000;
const unchangedForMs = 60_000;
const mirror = {
  conversations: { ...prismaConversation({ sessionId: 'sessionId' }), where: { isGroup: false, deletedAt: null } },
};
const at = useDatabase({
  prepare: async (pool) => {
    await pool.query(`${PRISMA_TABLES} ${CONVERSATIONS_BY_SESSION}
      ALTER TABLE "Conversation" ADD "isGroup" boolean DEFAULT false, ADD "deletedAt" timestamptz;
      DROP TRIGGER audit_session ON "Conversation";
      CREATE TRIGGER audit_session AFTER UPDATE ON "Conversation" FOR EACH ROW
        WHEN (new."updatedAt" <> old."updatedAt") EXECUTE FUNCTION audit_session()`);
    await createPostgresStore({ pool, mirror }).init();
  },
});
let pool: pg.Pool;
let store: PostgresStore;
let owner: string;

const OUTSIDE = ['deleted', 'group', 'null'];

beforeEach(async () => {
  pool = at.database.pool;
  store = createPostgresStore({ pool, mirror });
  const silent = () => {};
  store.useLogger({ logger: { debug: silent, info: silent, warn: silent, error: silent } });
  await store.init();
  owner = await joinReplica(store);
  await holdSessions(store, owner, ['s']);
  await pass(unchangedForMs + 1_000);
  await addConversations(pool, { deleted: 'ACTIVE', group: 'ACTIVE', null: 'ACTIVE', one: 'ACTIVE' });
  await pool.query(`UPDATE "Conversation" SET "deletedAt" = now() WHERE "id" = 'deleted'`);
  await pool.query(`UPDATE "Conversation" SET "isGroup" = true WHERE "id" = 'group'`);
  await pool.query(`UPDATE "Conversation" SET "isGroup" = NULL WHERE "id" = 'null'`);
});

// Whatever was done: no row that is not ours was closed, and a trigger of the host saw no write to it.
afterEach(async () => {
  const words = await conversationWords(pool);
  expect(OUTSIDE.map((id) => words[id])).toEqual(['ACTIVE', 'ACTIVE', 'ACTIVE']);
  const { rows } = await pool.query(`SELECT "sessionId" AS id FROM "Audit" WHERE "sessionId" = ANY ($1)`, [OUTSIDE]);
  expect(rows).toEqual([]);
});

async function pass(ms: number): Promise<void> {
  await shiftStoreTime(pool, ms);
  await store.leases.beat(beatOf(owner));
}
async function say(...ids: string[]): Promise<void> {
  const message = { sessionId: 's', from: 'contact' as const, at: new Date(), chat: 'x@lid' };
  await store.conversations.record({ messages: ids.map((conversationId) => ({ ...message, conversationId })) });
}
const ALL = [...OUTSIDE, 'one'];
const closed = (id: string): ConversationMove => ({ id, sequence: 1, to: 'CLOSED', outgoing: null });
const closing = (id: string): ConversationMove => ({
  ...closed(id),
  to: 'CLOSING',
  outgoing: { id: `m-${id}`, kind: 'farewell', text: 'Até logo' },
});
const move = async (...moves: ConversationMove[]) => (await store.conversations.move({ moves, unchangedForMs })).sort();
const begin = (id: string) =>
  store.conversations.beginSend({ id, sequence: 1, messageId: `m-${id}`, owner, unchangedForMs });
const toGroup = (...ids: string[]) =>
  pool.query(`UPDATE "Conversation" SET "isGroup" = true WHERE "id" = ANY ($1)`, [ids]);
const wordOf = async (id: string) => (await conversationWords(pool))[id];
async function statesOf(...ids: string[]) {
  const found = await store.conversations.get({ ids });
  return Object.fromEntries(found.map(({ id, state, hostStatus }) => [id, [state, hostStatus]]));
}

describe('a conversation that does not fit where', () => {
  it('is neither read, nor inactive, nor closed', async () => {
    await say(...ALL);
    await pass(2 * HOUR);
    const none = ['OPEN', null];
    expect(await statesOf(...ALL)).toEqual({ deleted: none, group: none, null: none, one: ['OPEN', 'ACTIVE'] });
    const inactive = await store.conversations.inactive({
      inactiveForMs: HOUR,
      unchangedForMs,
      limit: 100,
      skipStatuses: [],
    });
    expect(inactive.map(({ conversation }) => conversation.id)).toEqual(['one']);
    expect(await move(...ALL.map(closed))).toEqual(['one']);
    expect(await wordOf('one')).toBe('FINISHED');
  });

  it('is not registered', async () => {
    expect(await store.conversations.adopt({ limit: 10 })).toBe(1);
    expect(await store.conversations.adopt({ limit: 10 })).toBe(0);
    expect(await statesOf(...ALL)).toEqual({ one: ['OPEN', 'ACTIVE'] });
  });

  it('is ended here as one that the host has deleted, and its row stays', async () => {
    await say(...ALL);
    await pass(2 * HOUR);
    await store.conversations.followHost!({ limit: 10 });
    const gone = ['CLOSED', null];
    expect(await statesOf(...ALL)).toEqual({ deleted: gone, group: gone, null: gone, one: ['OPEN', 'ACTIVE'] });
    expect(await store.conversations.adopt({ limit: 10 })).toBe(0);
  });
});

describe('a conversation that stops to fit', () => {
  beforeEach(async () => {
    await addConversations(pool, { two: 'ACTIVE' });
    await say('one', 'two');
  });

  it('before its farewell is sent gets none', async () => {
    await move(closing('one'), closing('two'));
    await toGroup('one');
    expect([await begin('one'), await begin('two')]).toEqual([false, true]);
    expect(await statesOf('one', 'two')).toEqual({ one: ['OPEN', null], two: ['CLOSING', 'ACTIVE'] });
  });

  it('while its farewell is sent is ended here, and its row stays', async () => {
    await move(closing('one'), closing('two'));
    await begin('one');
    await begin('two');
    await toGroup('one');
    for (const id of ['one', 'two']) await store.conversations.endSend({ id, messageId: `m-${id}`, delivery: 'sent' });
    expect(await statesOf('one', 'two')).toEqual({ one: ['CLOSED', null], two: ['CLOSED', 'FINISHED'] });
    expect(await wordOf('one')).toBe('ACTIVE');
  });

  it('while its sender is lost is ended here, and its row stays', async () => {
    await move(closing('one'), closing('two'));
    await begin('one');
    await begin('two');
    await toGroup('one');
    await store.leases.leave({ incarnation: owner });
    await store.conversations.endLost({ limit: 10 });
    expect(await statesOf('one', 'two')).toEqual({ one: ['CLOSED', null], two: ['CLOSED', 'FINISHED'] });
    expect(await wordOf('one')).toBe('ACTIVE');
  });

  it('while it is owed to the host is ended here, and its row stays', async () => {
    await move(closing('one'));
    await begin('one');
    await pool.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
      CREATE TRIGGER refuse BEFORE UPDATE ON "Conversation" FOR EACH ROW EXECUTE FUNCTION refuse()`);
    await store.conversations.endSend({ id: 'one', messageId: 'm-one', delivery: 'sent' });
    await pool.query('DROP TRIGGER refuse ON "Conversation"');
    await toGroup('one');
    expect(await statesOf('one')).toEqual({ one: ['CLOSING', null] });
    await store.conversations.followHost!({ limit: 10 });
    expect(await statesOf('one')).toEqual({ one: ['CLOSED', null] });
    expect(await wordOf('one')).toBe('ACTIVE');
  });

  it.each(['move', 'endSend'] as const)('while %s waits for its lock is not closed', async (call) => {
    if (call === 'endSend') {
      await move(closing('one'));
      await begin('one');
    }
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query(`UPDATE "Conversation" SET "isGroup" = true WHERE "id" = 'one'`);
    const calling =
      call === 'move'
        ? move(closed('one'))
        : store.conversations.endSend({ id: 'one', messageId: 'm-one', delivery: 'sent' });
    await untilWaiting(pool);
    await client.query('COMMIT');
    client.release();
    await calling;
    expect(await wordOf('one')).toBe('ACTIVE');
    await store.conversations.followHost!({ limit: 10 });
    expect((await statesOf('one')).one).toEqual([call === 'move' ? 'OPEN' : 'CLOSED', null]);
    expect(await wordOf('one')).toBe('ACTIVE');
  });
});
