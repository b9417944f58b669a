/**
 * Columns without a time zone: what they mean to whoever reads them, and the option that says of which zone they are.
 */
import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { afterEach, describe, expect, it } from 'vitest';
import { findZoneless } from '../src/host-table/find-host-traps.js';
import {
  createPostgresStore,
  evolutionInstance,
  type PostgresStoreOptions,
  prismaConversation,
  prismaWhatsAppSession,
  type SessionsMirror,
} from '../src/index.js';
import { PRISMA_CONVERSATIONS } from './host-conversations.js';
import { addHostRows, PRISMA_TABLES } from './host-table.js';
import { useDatabase } from './use-database.js';

const at = useDatabase({ prepare: (pool) => pool.query(PRISMA_TABLES) });
const zoneOfProcess = process.env.TZ;

afterEach(() => {
  if (zoneOfProcess === undefined) delete process.env.TZ;
  else process.env.TZ = zoneOfProcess;
});

function mirrorOf(timeZone?: string): { sessions: SessionsMirror } {
  const { columns, ...sessions } = prismaWhatsAppSession();
  return { sessions: { ...sessions, columns: { ...columns, timeZone } } };
}

/** What the log says of a mapping at the start of a store. */
async function startLog(mirror: PostgresStoreOptions['mirror']): Promise<string> {
  const lines: string[] = [];
  const collect = (_: unknown, text: string) => void lines.push(text);
  const store = createPostgresStore({ pool: at.database.pool, mirror });
  store.useLogger?.({ logger: { debug: collect, info: collect, warn: collect, error: collect } });
  await store.init();
  return lines.join('\n');
}

/**
 * Writes a row over a session in one zone, and reads it as node-postgres does: as local time of the process.
 * Milliseconds that it is off.
 */
async function offBy(zones: { process: string; server: string; option?: string }): Promise<number> {
  process.env.TZ = zones.process;
  const pool = at.database.connect({ options: `-c timezone=${zones.server}` });
  const store = createPostgresStore({ pool, mirror: mirrorOf(zones.option) });
  await store.init();
  await addHostRows(at.database.pool, ['a']);
  const owner = await joinReplica(store);
  const [held] = await holdSessions(store, owner, ['a']);
  await store.sessions.write({ owner, writes: [writeOf(held!, change({ status: 'RECONNECTING', seenAgoMs: 0 }))] });
  const { rows } = await pool.query<{ lastSeen: Date; updatedAt: Date; now: Date }>(
    'SELECT "lastSeen", "updatedAt", clock_timestamp() AS now FROM "WhatsAppSession"',
  );
  const [row] = rows;
  if (row === undefined) throw new Error('no row');
  expect(Math.abs(row.lastSeen.getTime() - row.updatedAt.getTime())).toBeLessThan(60_000);
  return row.now.getTime() - row.updatedAt.getTime();
}

const HOUR = 3_600_000;

describe('a column without a time zone', () => {
  it('is written in UTC, so local time of a process in São Paulo is 3 h off', async () => {
    expect(Math.round((await offBy({ process: 'America/Sao_Paulo', server: 'Asia/Tokyo' })) / HOUR)).toBe(-3);
  });

  it.each([
    ['America/Sao_Paulo', 'Asia/Tokyo'],
    ['Asia/Kolkata', 'America/Sao_Paulo'],
    ['Europe/Lisbon', 'UTC'],
  ])('is right in %s where the mapping says so, whatever the session’s zone (%s)', async (zone, server) => {
    expect(Math.abs(await offBy({ process: zone, server, option: zone }))).toBeLessThan(60_000);
  });

  it.each([
    // The clock goes forward at 02:00 and back at 02:00 local time.
    ['2026-03-08T06:59:59.500Z', '2026-03-08 01:59:59.5'],
    ['2026-03-08T07:00:00.000Z', '2026-03-08 03:00:00'],
    ['2026-11-01T05:30:00.000Z', '2026-11-01 01:30:00'],
    ['2026-11-01T06:30:00.000Z', '2026-11-01 01:30:00'],
  ])('holds the local time of %s on the edges of summer time', async (instant, local) => {
    const store = createPostgresStore({ pool: at.database.pool, mirror: mirrorOf('America/New_York') });
    await store.init();
    await addHostRows(at.database.pool, ['a']);
    await store.sessions.create({
      sessions: [{ id: 'a', desired: 'running', status: 'CONNECTED', lastSeenAt: new Date(instant) }],
    });
    const owner = await joinReplica(store);
    await holdSessions(store, owner, ['a']);
    const { rows } = await at.database.pool.query('SELECT "lastSeen"::text FROM "WhatsAppSession"');
    expect(rows).toEqual([{ lastSeen: local }]);
  });

  it('is reported at the start and by checkMirror, in words that name the zone of the process and the option', async () => {
    process.env.TZ = 'America/Sao_Paulo';
    expect(await startLog(mirrorOf())).toMatch(
      /"lastSeen" has no time zone .*read by a process in America\/Sao_Paulo this is 3 h off; set columns\.timeZone/,
    );
    const set = createPostgresStore({ pool: at.database.pool, mirror: mirrorOf('America/Sao_Paulo') });
    expect(await set.checkMirror()).toEqual([]);
  });

  it('is not mentioned where a preset maps a table that Prisma writes', async () => {
    process.env.TZ = 'America/Sao_Paulo';
    // As Evolution API's own migrations make it.
    await at.database.pool.query(`${PRISMA_CONVERSATIONS}
      CREATE TYPE "InstanceConnectionStatus" AS ENUM ('open', 'close', 'connecting');
      CREATE TABLE "Instance" ("id" TEXT PRIMARY KEY, "name" VARCHAR(255) NOT NULL UNIQUE, "number" VARCHAR(100),
        "connectionStatus" "InstanceConnectionStatus" NOT NULL DEFAULT 'open', "updatedAt" TIMESTAMP)`);
    const conversations = prismaConversation({ session: 'shop' });
    expect(await startLog({ sessions: prismaWhatsAppSession(), conversations })).not.toContain('time zone');
    expect(await startLog({ sessions: evolutionInstance() })).not.toContain('time zone');
  });

  it('is shown by an example where the process itself is in UTC, and in the half hours of a zone', () => {
    const at = new Date('2026-01-15T12:00:00Z');
    expect(findZoneless(['x'], 'UTC', at)[0]?.problem).toContain('in America/Sao_Paulo this is 3 h off');
    expect(findZoneless(['x'], 'Asia/Kolkata', at)[0]?.problem).toContain('in Asia/Kolkata this is 5.5 h off');
    expect(findZoneless([], 'Asia/Kolkata', at)).toEqual([]);
  });

  it.each(['-03:00', 'BRT', '', 'America/Sao Paulo', "UTC'; DROP TABLE x; --", 'Mars/Olympus'])(
    'refuses %j',
    (timeZone) => {
      expect(() => createPostgresStore({ pool: at.database.pool, mirror: mirrorOf(timeZone) })).toThrow(
        /^Option mirror\.sessions\.columns\.timeZone takes the IANA name of a time zone, such as 'America\/Sao_Paulo'$/,
      );
    },
  );
});
