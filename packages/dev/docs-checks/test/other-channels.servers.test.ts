import { systemClock, type WaSync } from '@wa-sync/core';
import { createScriptedConnection } from '@wa-sync/testing';
import type pg from 'pg';
import { expect, it } from 'vitest';
import { useDatabase } from '../../../postgres/test/use-database.js';
import { blockWith, loadCode } from './load-block.js';

const TABLE = `
  CREATE TABLE "channels" ("id" integer PRIMARY KEY, "channel" text NOT NULL, "state" text NOT NULL, "phone" text);
  INSERT INTO "channels" VALUES
    (1, 'telegram', 'online', NULL), (2, 'whatsapp', 'online', '5511911110002'),
    (3, 'whatsapp', 'offline', NULL), (20, 'sms', 'offline', '5511911110020')`;

const postgres = useDatabase();

it('the import of POSTGRES takes the rows of one channel, and no row of another is ever written', async () => {
  const { pool } = postgres.database;
  await pool.query(TABLE);
  const read = async () => (await pool.query('SELECT id, state, xmin::text FROM "channels" ORDER BY id')).rows;
  const before = await read();
  const code = blockWith('docs/POSTGRES.md', 'startNumbers');
  const { startNumbers } = (await loadCode(code)) as { startNumbers(pool: pg.Pool): Promise<WaSync> };
  const wa = await startNumbers(pool);
  try {
    const { sessions } = await wa.sessions.list();
    expect(sessions.map(({ id, status, phone }) => ({ id, status, phone }))).toEqual([
      { id: '2', status: 'CONNECTED', phone: '5511911110002' },
      { id: '3', status: 'DISCONNECTED', phone: null },
    ]);

    for (const [sessionId, status] of [
      ['2', 'QR_CODE'],
      ['3', 'CONNECTED'],
    ] as const) {
      await wa.attach(createScriptedConnection({ sessionId, status, clock: systemClock })).ready;
    }
    // An id of a row that is another channel's.
    await wa.attach(createScriptedConnection({ sessionId: '20', status: 'CONNECTED', clock: systemClock })).ready;
    await wa.syncNow();
    await wa.cleanupSessions();
    await expect
      .poll(async () => (await read()).map(({ state }) => state))
      .toEqual(['online', 'scan', 'online', 'offline']);
  } finally {
    await wa.stop();
  }
  const after = await read();
  expect([after[0], after[3]]).toEqual([before[0], before[3]]);
});
