import { SESSION_STATUSES } from '@wa-sync/core';
import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createPostgresStore,
  type PgPoolLike,
  type PostgresStore,
  prismaConversation,
  prismaWhatsAppSession,
} from '../../../postgres/src/index.js';
import { PRISMA_CONVERSATIONS } from '../../../postgres/test/host-conversations.js';
import { PRISMA_TABLES } from '../../../postgres/test/host-table.js';
import { generatePrismaClient, type PrismaClientLike } from '../../../postgres/test/prisma-client.js';
import { startPostgres, type TestDatabase, type TestServer } from '../../../postgres/test/start-postgres.js';
import { shiftStoreTime } from '../../../postgres/test/store-harness.js';

let server: TestServer;
let generated: Awaited<ReturnType<typeof generatePrismaClient>>;
let database: TestDatabase;
let store: PostgresStore;
let prisma: PrismaClientLike;
const zoneOfProcess = process.env.TZ;

beforeAll(async () => {
  [server, generated] = await Promise.all([startPostgres(), generatePrismaClient()]);
});
afterAll(async () => {
  await generated.remove();
  await server.stop();
});

/** A host's database, its server and its process each in a time zone. */
async function start(zones: { server: string; process: string }): Promise<void> {
  process.env.TZ = zones.process;
  database = await server.createDatabase();
  await database.pool.query(`ALTER DATABASE ${database.name} SET timezone = '${zones.server}'`);
  const pool = database.connect();
  await pool.query(PRISMA_TABLES + PRISMA_CONVERSATIONS);
  const mirror = { sessions: prismaWhatsAppSession(), conversations: prismaConversation({ session: 'shop' }) };
  store = createPostgresStore({ pool, mirror });
  await store.init();
  const { user, password, port } = { user: 'postgres', password: server.password, port: server.port };
  prisma = generated.connect({ host: '127.0.0.1', port, user, password, database: database.name });
}
afterEach(async () => {
  if (zoneOfProcess === undefined) delete process.env.TZ;
  else process.env.TZ = zoneOfProcess;
  await prisma.$disconnect();
  await database.drop();
});

const session = (id: string) => prisma.whatsAppSession.findUniqueOrThrow({ where: { id } });
const stored = async (id: string) => {
  const [row] = await store.sessions.get({ ids: [id] });
  if (row === undefined) throw new Error('no row');
  return row;
};
/** What Postgres's own clock says, in milliseconds of UTC. */
const serverNow = async () =>
  Number((await database.pool.query('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms')).rows[0].ms);

const words = {
  CONNECTING: 'CONNECTING',
  QR_CODE: 'QR_CODE',
  CONNECTED: 'CONNECTED',
  RECONNECTING: 'CONNECTING',
  DISCONNECTED: 'DISCONNECTED',
  LOGGED_OUT: 'DISCONNECTED',
  REPLACED: 'ERROR',
  ERROR: 'ERROR',
} as const;

describe.each([
  { server: 'UTC', process: 'UTC' },
  { server: 'America/Sao_Paulo', process: 'Asia/Kathmandu' },
  { server: 'Pacific/Apia', process: 'America/Sao_Paulo' },
])('read by Prisma Client, the server in $server, the process in $process', (zones) => {
  it('a session says every status, and its instants are the ones that were meant', async () => {
    await start(zones);
    const before = await prisma.whatsAppSession.create({
      data: { id: 'shop', companyId: 'acme', sessionName: 'The shop' },
    });
    expect(before).toMatchObject({ status: 'DISCONNECTED', lastSeen: null, active: true });
    const owner = await joinReplica(store);
    let [held] = await holdSessions(store, owner, ['shop']);
    for (const status of SESSION_STATUSES) {
      const from = Math.floor(await serverNow());
      const set = change({
        status,
        qr: '2@code',
        phone: '5511999990000',
        seenAgoMs: 90_000,
        reason: { code: 'why', detail: 'so' },
      });
      const [outcome] = await store.sessions.write({ owner, writes: [writeOf(held!, set)] });
      if (!outcome?.applied) throw new Error('the guard was expected to hold');
      held = outcome.session;
      const row = await session('shop');
      expect(row).toMatchObject({
        status: words[status],
        qrCode: status === 'QR_CODE' ? '2@code' : null,
        phoneNumber: '5511999990000',
        error: 'why: so',
        active: true,
        companyId: 'acme',
        sessionName: 'The shop',
        createdAt: before.createdAt,
      });
      // To the millisecond: what wa-sync reports and what the host's own code reads are one instant.
      expect(row.lastSeen).toEqual(held.lastSeenAt);
      expect(row.lastSeen?.getTime()).toBeGreaterThanOrEqual(from - 90_001);
      expect(row.lastSeen?.getTime()).toBeLessThanOrEqual((await serverNow()) - 90_000);
      expect(row.updatedAt.getTime()).toBeGreaterThanOrEqual(from);
      expect(row.updatedAt.getTime()).toBeLessThanOrEqual(await serverNow());
    }
    // The host's own trigger ran in each of our statements: the one that connected it, and one for each status.
    const { rows } = await database.pool.query(`SELECT count(*)::int AS n FROM "Audit" WHERE "sessionId" = 'shop'`);
    expect(rows).toEqual([{ n: 1 + SESSION_STATUSES.length }]);
  });

  it('and the client is refused as a pool, by its name', async () => {
    await start({ server: 'UTC', process: 'UTC' });
    const pool = prisma as unknown as PgPoolLike;
    expect(() => createPostgresStore({ pool })).toThrow(/this is a Prisma client: give the pg\.Pool that its adapter/);
  });

  it('a conversation is closed at the instant that it was closed', async () => {
    await start(zones);
    await prisma.whatsAppSession.create({ data: { id: 'shop', companyId: 'acme', sessionName: 'The shop' } });
    for (const [id, status] of [
      ['quiet', 'ACTIVE'],
      ['handled', 'ESCALATED'],
      ['resting', 'PAUSED'],
    ] as const) {
      await prisma.conversation.create({ data: { id, clientId: 'c', companyId: 'acme', status } });
    }
    const owner = await joinReplica(store);
    await holdSessions(store, owner, ['shop']);
    expect(await store.conversations.adopt?.({ limit: 10 })).toBe(1);
    await shiftStoreTime(database.pool, 60_000);
    await store.leases.beat(beatOf(owner));
    const from = Math.floor(await serverNow());
    const moves = [{ id: 'quiet', sequence: 0, to: 'CLOSED' as const, outgoing: null }];
    expect(await store.conversations.move({ moves, unchangedForMs: 1_000 })).toEqual(['quiet']);
    const [row] = await prisma.conversation.findMany({ where: { status: 'FINISHED' }, orderBy: { id: 'asc' } });
    expect(row).toMatchObject({ id: 'quiet', clientId: 'c', companyId: 'acme' });
    for (const at of [row!.finishedAt, row!.updatedAt]) {
      expect(at?.getTime()).toBeGreaterThanOrEqual(from);
      expect(at?.getTime()).toBeLessThanOrEqual(await serverNow());
    }
    const others = await prisma.conversation.findMany({ where: { finishedAt: null }, orderBy: { id: 'asc' } });
    expect(others.map(({ id, status }) => [id, status])).toEqual([
      ['handled', 'ESCALATED'],
      ['resting', 'PAUSED'],
    ]);
  });
});

describe('written by Prisma Client', () => {
  it('a word that is wrong is found by the next sweep and repaired, and a row that is switched off is wanted stopped', async () => {
    await start({ server: 'America/Sao_Paulo', process: 'America/Sao_Paulo' });
    await prisma.whatsAppSession.create({ data: { id: 'shop', companyId: 'acme', sessionName: 'The shop' } });
    const owner = await joinReplica(store);
    await holdSessions(store, owner, ['shop']);
    const expected = { status: 'CONNECTED', health: 'healthy', reason: null } as const;
    const sweep = () => store.sessions.sweep({ owner, expected, otherIds: [] });
    expect((await sweep()).exceptions).toEqual([]);
    await prisma.whatsAppSession.update({ where: { id: 'shop' }, data: { status: 'ERROR', error: 'by hand' } });
    const [found] = (await sweep()).exceptions;
    expect(found?.mirror).toEqual({ state: 'differs', word: 'ERROR' });
    await store.sessions.write({ owner, writes: [writeOf(found!, null)] });
    expect(await session('shop')).toMatchObject({ status: 'CONNECTED', error: null });
    await prisma.whatsAppSession.update({ where: { id: 'shop' }, data: { active: false } });
    expect((await stored('shop')).desired).toBe('stopped');
    expect((await sweep()).exceptions).toHaveLength(1);
  });
});
