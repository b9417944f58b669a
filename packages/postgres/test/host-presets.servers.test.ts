import { createWaSync, type SessionStatus, type StatusChange } from '@wa-sync/core';
import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStoreOptions, whaticketTickets, whaticketWhatsapps } from '../src/index.js';
import { shiftStoreTime } from './store-harness.js';
import { useDatabase } from './use-database.js';

const at = useDatabase();
let pool: pg.Pool;
const silent = () => {};
const logger = { debug: silent, info: silent, warn: silent, error: silent };

beforeEach(async () => {
  pool = at.database.pool;
});

/** As Sequelize makes them. A table that has every channel has a column more, in which old rows have no value. */
async function whaticket(channel: '' | ', channel text' = ''): Promise<void> {
  await pool.query(`
    CREATE TABLE "Contacts" (id serial PRIMARY KEY, name varchar(255) NOT NULL, number varchar(255) NOT NULL UNIQUE);
    CREATE TABLE "Whatsapps" (id serial PRIMARY KEY, session text, qrcode text, status varchar(255), battery varchar(255),
      plugged boolean, retries integer NOT NULL DEFAULT 0, name text NOT NULL UNIQUE, "isDefault" boolean NOT NULL DEFAULT false,
      "createdAt" timestamptz NOT NULL DEFAULT now(), "updatedAt" timestamptz NOT NULL DEFAULT '2020-01-01'${channel});
    CREATE TABLE "Tickets" (id serial PRIMARY KEY, status varchar(255) NOT NULL DEFAULT 'pending', "lastMessage" text,
      "unreadMessages" integer, "isGroup" boolean NOT NULL DEFAULT false,
      "contactId" integer REFERENCES "Contacts" (id) ON UPDATE CASCADE ON DELETE CASCADE,
      "whatsappId" integer REFERENCES "Whatsapps" (id) ON UPDATE CASCADE ON DELETE SET NULL, "userId" integer,
      "createdAt" timestamptz NOT NULL DEFAULT now(), "updatedAt" timestamptz NOT NULL DEFAULT '2020-01-01'${channel});
    INSERT INTO "Contacts" (name, number) VALUES ('Ana', '5511999990001');
    INSERT INTO "Whatsapps" (name, status) VALUES ('shop', 'DISCONNECTED'), ('other', 'DISCONNECTED'), ('third', 'DISCONNECTED')`);
}
async function tickets(rows: Readonly<Record<number, string>>): Promise<void> {
  for (const [id, values] of Object.entries(rows)) {
    await pool.query(
      `INSERT INTO "Tickets" (id, "contactId", status, "isGroup", "whatsappId") VALUES (${id}, 1, ${values})`,
    );
  }
}
async function ticketWords(): Promise<Record<string, string>> {
  const { rows } = await pool.query('SELECT id, status FROM "Tickets" ORDER BY id');
  return Object.fromEntries(rows.map(({ id, status }) => [id, status]));
}
async function open(mirror: PostgresStoreOptions['mirror']) {
  const store = createPostgresStore({ pool, mirror });
  store.useLogger({ logger });
  await store.init();
  return store;
}

/** One run of the job, an hour and a day later. */
async function runLater(store: Awaited<ReturnType<typeof open>>) {
  const wa = createWaSync({ store, logger, jobs: { sync: false, cleanup: false, inactivity: false } });
  await wa.start();
  const { totals } = await wa.checkInactiveConversations();
  await wa.stop();
  return totals;
}

describe('whaticket’s Tickets', () => {
  it('are registered, closed when nobody writes, and left alone where they are a group’s', async () => {
    await whaticket();
    await tickets({
      1: `'open', false, 1`,
      2: `'pending', false, 1`,
      3: `'closed', false, 1`,
      4: `'open', true, 1`,
      5: `'pending', false, 2`,
      6: `'open', false, NULL`,
    });
    const store = await open({ sessions: whaticketWhatsapps(), conversations: whaticketTickets() });
    expect((await store.checkMirror()).filter(({ severity }) => severity === 'error')).toEqual([]);
    const owner = await joinReplica(store);
    const held = await holdSessions(store, owner, ['1', '2']);
    // The number of ticket 5 cannot receive: nobody knows whether its customer is silent.
    await store.sessions.write({ owner, writes: [writeOf(held[1]!, change({ status: 'RECONNECTING' }))] });
    expect(await store.conversations.adopt({ limit: 9 })).toBe(4);
    const message = { sessionId: '1', from: 'contact' as const, at: new Date(), chat: 'x@g.us' };
    await store.conversations.record({ messages: [{ ...message, conversationId: '4' }] });
    const known = await store.conversations.get({ ids: ['1', '2', '3', '4', '5', '6'] });
    expect(known.map(({ id, sessionId, hostStatus }) => [id, sessionId, hostStatus]).sort()).toEqual([
      ['1', '1', 'open'],
      ['2', '1', 'pending'],
      ['4', '1', null],
      ['5', '2', 'pending'],
      ['6', '', 'open'],
    ]);
    await shiftStoreTime(pool, 25 * 3_600_000);
    await pool.query('UPDATE wa_sync.replica SET beat_at = clock_timestamp()');
    expect(await runLater(store)).toMatchObject({ closed: 2 });
    expect(await ticketWords()).toEqual({ 1: 'closed', 2: 'closed', 3: 'closed', 4: 'open', 5: 'pending', 6: 'open' });
    const { rows } = await pool.query(`SELECT id FROM "Tickets" WHERE "updatedAt" > '2021-01-01' ORDER BY id`);
    expect(rows.map(({ id }) => id)).toEqual([1, 2]);
    await store.close();
  });

  it('are narrowed to a channel, to words, or widened to groups', async () => {
    await whaticket(', channel text');
    await tickets({ 1: `'open', false, 1`, 2: `'pending', false, 1`, 3: `'open', true, 1`, 4: `'open', false, 1` });
    await pool.query(
      `UPDATE "Tickets" SET channel = 'whatsapp' WHERE id < 4; UPDATE "Tickets" SET channel = 'sms' WHERE id = 4`,
    );
    const adopted = async (options: Parameters<typeof whaticketTickets>[0]) => {
      const store = await open({ conversations: whaticketTickets(options) });
      await pool.query('DELETE FROM wa_sync.conversation');
      await store.conversations.adopt({ limit: 9 });
      const found = await store.conversations.get({ ids: ['1', '2', '3', '4'] });
      await store.close();
      return found.map(({ id }) => id).sort();
    };
    expect(await adopted({})).toEqual(['1', '2', '4']);
    expect(await adopted({ where: { channel: 'whatsapp' } })).toEqual(['1', '2']);
    expect(await adopted({ where: { channel: 'whatsapp' }, open: ['open'] })).toEqual(['1']);
    expect(await adopted({ where: { isGroup: [true, false] } })).toEqual(['1', '2', '3', '4']);
  });
});

describe('ticketz’ Whatsapps', () => {
  it('are those of the channel, with or without a value, and a login with a passkey is left alone', async () => {
    await whaticket(', channel text');
    await pool.query(
      `UPDATE "Whatsapps" SET channel = 'whatsapp' WHERE id = 1; UPDATE "Whatsapps" SET channel = 'sms' WHERE id = 3`,
    );
    const where = { channel: ['whatsapp', null] };
    const store = await open({ sessions: whaticketWhatsapps({ where, leaveAlone: ['passkey_required'] }) });
    const owner = await joinReplica(store);
    const held = await holdSessions(store, owner, ['1', '2', '3'], { status: 'QR_CODE', qr: '2@a' });
    const read = async () => (await pool.query('SELECT status, qrcode FROM "Whatsapps" ORDER BY id')).rows;
    const code = { status: 'qrcode', qrcode: '2@a' };
    const untouched = { status: 'DISCONNECTED', qrcode: null };
    expect(await read()).toEqual([code, code, untouched]);
    await pool.query(`UPDATE "Whatsapps" SET status = 'passkey_required', qrcode = 'token' WHERE id = 2`);
    const set: Partial<StatusChange> & { status: SessionStatus } = { status: 'QR_CODE', qr: '2@b' };
    await store.sessions.write({ owner, writes: held.map((session) => writeOf(session, change(set))) });
    expect(await read()).toEqual([
      { status: 'qrcode', qrcode: '2@b' },
      { status: 'passkey_required', qrcode: 'token' },
      untouched,
    ]);
    await store.close();
  });

  it('without the column is refused by its name', async () => {
    await whaticket();
    const store = createPostgresStore({
      pool,
      mirror: { sessions: whaticketWhatsapps({ where: { channel: 'whatsapp' } }) },
    });
    await expect(store.init()).rejects.toThrow('"channel" does not exist (named by mirror.sessions.where)');
  });
});
