import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPostgresStore } from '@wa-sync/postgres';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { useDatabase } from '../../postgres/test/use-database.js';
import { runCli } from './run-cli.js';
import { hasScript, runOnTerminal } from './run-on-terminal.js';

// Each test starts processes, which takes seconds where others work too.
vi.setConfig({ testTimeout: 60_000 });

const at = useDatabase({
  prepare: async (pool) => {
    const store = createPostgresStore({ pool });
    await store.init();
    await store.close();
    await pool.query(`CREATE TABLE channels (id int PRIMARY KEY, state text, phone text);
      INSERT INTO channels VALUES (1, 'online', '5511999990000'), (2, 'offline', NULL), (10, 'online', NULL)`);
  },
});

const run = (...args: string[]) => runCli(['import', ...args], { WA_SYNC_DATABASE_URL: at.database.url });
const sessions = async () =>
  (await at.database.pool.query('SELECT id, status FROM wa_sync.session ORDER BY id COLLATE "C"')).rows;

/** A mapping as a JSON file. */
async function mapping(fields: object = {}): Promise<string> {
  const file = join(tmpdir(), `wa-sync-import-${process.pid}.json`);
  const status = { CONNECTED: 'online', DISCONNECTED: 'offline', ERROR: 'broken' };
  const columns = { id: 'id', status: 'state', phone: 'phone' };
  await writeFile(file, JSON.stringify({ table: 'channels', columns, status, ...fields }));
  onTestFinished(() => rm(file, { force: true }));
  return file;
}

describe('import', () => {
  it('says what it would do, does it, and nothing the second time', async () => {
    const file = await mapping();
    const planned = await run('--mirror', file, '--dry-run');
    expect([planned.code, planned.out]).toEqual([
      2,
      'Would import 3 of 3 rows: 0 are sessions already, 0 are left out\n',
    ]);
    expect(await sessions()).toEqual([]);
    const done = await run('--mirror', file);
    expect([done.code, done.out]).toEqual([0, 'Imported 3 of 3 rows: 0 are sessions already, 0 are left out\n']);
    expect(await sessions()).toEqual([
      { id: '1', status: 'CONNECTED' },
      { id: '10', status: 'CONNECTED' },
      { id: '2', status: 'DISCONNECTED' },
    ]);
    const again = await run('--mirror', file, '--dry-run', '--json');
    expect([again.code, JSON.parse(again.out)]).toMatchObject([0, { dryRun: true, read: 3, created: 0, existing: 3 }]);
    // It has taken no lease.
    expect((await at.database.pool.query('SELECT FROM wa_sync.replica')).rows).toEqual([]);
  });

  it('shows what was left out and which words nobody mapped, ends with 2, and steers no terminal', async () => {
    await at.database.pool.query(`ALTER TABLE channels ALTER id TYPE text;
      INSERT INTO channels VALUES ('', 'online', NULL), (E'a\\u001b[31m', 'online', NULL), ('3', E'be\\u001b[2Jta', NULL)`);
    const { code, out, error } = await run('--mirror', await mapping());
    expect([code, error]).toEqual([2, '']);
    expect(out).toMatch(/^Imported 4 of 6 rows: 0 are sessions already, 2 are left out$/m);
    expect(out).toMatch(/^1 of them were imported as DISCONNECTED: no status has their word$/m);
    expect(out).toMatch(/^be\\u001b\[2Jta +1$/m);
    expect(out).toMatch(/^\(empty\) +empty$/m);
    expect(out).toMatch(/^a\\u001b\[31m +control_characters$/m);
    expect(out).not.toContain('\u001b');
  });

  it('needs to know the table and the database, and migrates nothing', async () => {
    const none = await run();
    expect([none.code, none.error]).toEqual([1, expect.stringMatching(/nothing says which.*\nGive --mirror/)]);
    const service = await runCli(['import'], { WA_SYNC_URL: 'http://127.0.0.1:1' });
    expect([service.code, service.error]).toEqual([1, expect.stringContaining('Give --database-url')]);
    const fits = await run('--mirror', await mapping({ table: 'Channels' }), '--json');
    expect([fits.code, JSON.parse(fits.error)]).toMatchObject([1, { error: { code: 'mirror_invalid' } }]);
    await at.database.pool.query('DROP SCHEMA wa_sync CASCADE');
    const early = await run('--mirror', await mapping());
    expect([early.code, early.error]).toEqual([
      1,
      expect.stringMatching(/schema_pending\)\nRun: wa-sync migrate plan/),
    ]);
    expect((await at.database.pool.query(`SELECT to_regnamespace('wa_sync') AS there`)).rows).toEqual([
      { there: null },
    ]);
  });

  it.skipIf(!hasScript)('shows on a terminal how far it has come', async () => {
    await at.database.pool.query(`INSERT INTO channels SELECT n, 'online' FROM generate_series(100, 130) n;
      CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05); RETURN new; END $$;
      CREATE TRIGGER dawdle BEFORE INSERT ON wa_sync.session FOR EACH ROW EXECUTE FUNCTION dawdle()`);
    const env = { WA_SYNC_DATABASE_URL: at.database.url };
    const terminal = await runOnTerminal(['import', '--mirror', await mapping()], env);
    await terminal.shows(/Importing … \d+ s, \d+ rows/);
    expect(await terminal.closed).toBe(0);
    expect(terminal.said()).toMatch(/Imported 34 of 34 rows: 0 are sessions already, 0 are left out\r\n$/);
  });
});
