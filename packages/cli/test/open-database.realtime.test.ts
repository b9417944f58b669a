import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startPostgres, type TestDatabase, type TestServer } from '../../postgres/test/start-postgres.js';
import { openDatabase } from '../src/target/open-database.js';

let server: TestServer;
let database: TestDatabase;

beforeAll(async () => {
  server = await startPostgres();
  database = await server.createDatabase();
});
afterAll(async () => {
  await database.drop();
  await server.stop();
});

it('ends no process where the server ends a connection while it is closed', async () => {
  const target = { kind: 'database', databaseUrl: database.url } as const;
  const opened = openDatabase({ ...target, schema: undefined, mirror: undefined, conversations: undefined });
  const uncaught: unknown[] = [];
  const note = (error: unknown) => void uncaught.push(error);
  process.prependListener('uncaughtException', note);
  try {
    await opened.plan();
    const { rows } = await database.pool.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'wa-sync'`,
    );
    expect(rows).toHaveLength(1);
    const { pid } = rows[0]!;
    // It stands still, so that its last word comes after ours.
    process.kill(pid, 'SIGSTOP');
    const closed = opened.close();
    await database.pool.query('SELECT pg_terminate_backend($1)', [pid]);
    process.kill(pid, 'SIGCONT');
    await closed;
    await pause(100);
    expect(uncaught).toEqual([]);
  } finally {
    process.off('uncaughtException', note);
  }
});
