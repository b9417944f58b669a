import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { startPostgres, type TestDatabase, type TestServer } from './start-postgres.js';

/**
 * Gives the tests of a file a server, and each test a database of its own: a copy of what `prepare` made once, or an
 * empty one. Call it before the file's own hooks: what they set up stands on the database, and is taken down before
 * it.
 */
export function useDatabase(
  options: {
    /** Of a server of its own. */
    flags?: readonly string[];
    /** Of the databases; else the server's. */
    timeZone?: string;
    prepare?(pool: pg.Pool): Promise<unknown>;
  } = {},
): {
  readonly server: TestServer;
  readonly database: TestDatabase;
} {
  const { flags, prepare, timeZone } = options;
  let server: TestServer;
  let template: string | undefined;
  let database: TestDatabase;

  beforeAll(async () => {
    server = await startPostgres(flags);
    if (prepare === undefined) return;
    const { name, pool } = await server.createDatabase({ timeZone });
    await prepare(pool);
    // A database that somebody is connected to cannot be copied.
    await pool.end();
    template = name;
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    database = await server.createDatabase({ template, timeZone });
  });
  afterEach(() => database?.drop());

  return {
    get server() {
      return server;
    },
    get database() {
      return database;
    },
  };
}
