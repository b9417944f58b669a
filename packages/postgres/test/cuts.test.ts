import { randomUUID } from 'node:crypto';
import { isWaSyncError, SESSION_STATUSES } from '@wa-sync/core';
import { change, createSeededRandom, joinReplica, writeOf } from '@wa-sync/testing';
import { drawFaults, type FaultProxy, startFaultProxy } from '@wa-sync/testing/faults';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresStore, prismaWhatsAppSession } from '../src/index.js';
import { addHostRows, hostWords, PRISMA_TABLES } from './host-table.js';
import { startPostgres, type TestDatabase, type TestServer } from './start-postgres.js';

const CUTS = Number(process.env.CUTS ?? 150);
const SEED = Number(process.env.SEED ?? 20_250_101);

let server: TestServer;
let database: TestDatabase;
let proxy: FaultProxy;

beforeAll(async () => {
  server = await startPostgres();
  database = await server.createDatabase();
  await database.pool.query(PRISMA_TABLES);
  proxy = await startFaultProxy({ port: server.port });
});
afterAll(async () => {
  await proxy.close();
  await database.drop();
  await server.stop();
});

describe(`${CUTS} cut connections, seed ${SEED}`, () => {
  it('leave no write that was told wrong, no claim that was lost, and no mirror that differs', async () => {
    const random = createSeededRandom(SEED).next;
    const mirror = { sessions: prismaWhatsAppSession() };
    const pool = new pg.Pool({
      host: '127.0.0.1',
      port: proxy.port,
      user: 'postgres',
      password: server.password,
      database: database.name,
      max: 4,
    });
    const cut = createPostgresStore({ pool, mirror, timeouts: { statementMs: 3_000 } });
    const whole = createPostgresStore({ pool: database.connect(), mirror });
    const ids = Array.from({ length: 20 }, (_, index) => `s${index}`);
    await cut.init();
    await addHostRows(database.pool, ids);
    await whole.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
    const owner = await joinReplica(whole);
    let [told, lost, failed] = [0, 0, 0];
    proxy.plan(drawFaults({ seed: SEED }));

    /** What a caller does: the error of a cut says nothing of the commit, so it asks again with the same write id or tenure. */
    async function untilTold<T>(run: () => Promise<T>): Promise<T> {
      for (let tries = 0; tries < 500; tries += 1) {
        try {
          return await run();
        } catch (error) {
          if (!isWaSyncError(error)) throw error;
          expect(['store_unreachable', 'store_timeout']).toContain(error.code);
          failed += 1;
        }
      }
      throw new Error('not one of 500 tries went through');
    }

    for (const id of ids) {
      const claims = [{ id, tenure: randomUUID(), mode: 'free' as const }];
      const [outcome] = await untilTold(() => cut.sessions.claim({ owner, claims }));
      expect(outcome).toMatchObject({ claimed: true, session: { tenure: claims[0]?.tenure } });
    }

    while (proxy.counts.cut < CUTS) {
      const some = ids.filter(() => random() < 0.4);
      const sessions = await untilTold(() => cut.sessions.get({ ids: some }));
      const status = SESSION_STATUSES[Math.floor(random() * SESSION_STATUSES.length)]!;
      const writes = sessions.map((session) => writeOf(session, random() < 0.2 ? null : change({ status })));
      const failedBefore = failed;
      const outcomes = await untilTold(() => cut.sessions.write({ owner, writes }));
      if (failed > failedBefore) lost += 1;
      const rows = new Map((await whole.sessions.get({ ids: some })).map((session) => [session.id, session]));
      for (const [index, outcome] of outcomes.entries()) {
        told += 1;
        const write = writes[index]!;
        const row = rows.get(write.id);
        // Applied once, whatever was repeated: one version further, and the mark is ours.
        expect(outcome.applied).toBe(true);
        expect(row).toMatchObject({ version: write.version + 1, writeId: write.writeId });
        if (write.set !== null) expect(row).toMatchObject({ status });
        expect(row?.mirror.state).toBe('in_sync');
      }
      const entries = [{ type: 'creds', id: 'creds', value: new Uint8Array([told & 255, told >> 8]) }];
      await untilTold(() => cut.auth.write({ sessionId: 's0', tenure: null, entries }));
      const creds = await whole.auth.read({ sessionId: 's0', type: 'creds', ids: ['creds'] });
      expect(creds.get('creds')).toEqual(entries[0]?.value);
    }

    proxy.plan(null);
    expect({ told, lost: lost > 0, failed: failed > 0 }).toMatchObject({ lost: true, failed: true });
    expect(Object.keys(await hostWords(database.pool))).toHaveLength(ids.length);
    const { rows } = await database.pool.query(
      `SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' OR NOT granted`,
    );
    expect(rows).toEqual([{ n: 0 }]);
    await cut.close();
    await pool.end();
  }, 120_000);
});
