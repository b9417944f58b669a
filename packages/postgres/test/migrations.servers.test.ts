import { describe, expect, it } from 'vitest';
import { createPostgresStore, migrationSql, planMigrations } from '../src/index.js';
import { MIGRATIONS, sqlOfSteps } from '../src/migrations/migrations.js';
import { planSteps } from '../src/migrations/run-migrations.js';
import { useDatabase } from './use-database.js';

const at = useDatabase();

const all = MIGRATIONS.map(({ version }) => version);

async function applied(schema = 'wa_sync'): Promise<number[]> {
  const { rows } = await at.database.pool.query(`SELECT version FROM "${schema}".migration ORDER BY version`);
  return rows.map(({ version }) => version);
}

describe('migrations', () => {
  it('are planned, applied by init, and then nothing is left to do', async () => {
    const { pool } = at.database;
    expect(await planMigrations({ pool })).toEqual({
      current: 0,
      latest: MIGRATIONS.length,
      pending: MIGRATIONS.map(({ version, name }) => ({ version, name })),
    });
    const store = createPostgresStore({ pool });
    await store.init();
    await store.init();
    expect(await applied()).toEqual(all);
    expect((await planMigrations({ pool })).pending).toEqual([]);
  });

  it('run once where ten clients start at once', async () => {
    const stores = Array.from({ length: 10 }, () => createPostgresStore({ pool: at.database.connect({ max: 2 }) }));
    await Promise.all(stores.map((store) => store.init()));
    expect(await applied()).toEqual(all);
    await Promise.all(stores.map((store) => store.sessions.list({ limit: 1 })));
  });

  it('run by the first call, where nobody called init', async () => {
    const store = createPostgresStore({ pool: at.database.pool });
    expect(await store.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] })).toEqual(['a']);
  });

  it('applied by hand leave nothing to init, which then needs no right to create', async () => {
    const { pool } = at.database;
    await pool.query(migrationSql());
    await pool.query(migrationSql());
    expect(await applied()).toEqual(all);
    const role = `app_${at.database.name}`;
    await pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'; REVOKE CREATE ON DATABASE ${at.database.name} FROM PUBLIC;
      GRANT USAGE ON SCHEMA wa_sync TO ${role};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA wa_sync TO ${role}`);
    const store = createPostgresStore({ pool: at.database.connect({ user: role, password: 'x' }) });
    await store.init();
    await store.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
    expect(await store.sessions.get({ ids: ['a'] })).toHaveLength(1);
  });

  it('take the next step where rows are, and leave them', async () => {
    const { pool } = at.database;
    const store = createPostgresStore({ pool });
    await store.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
    const next = {
      version: 2,
      name: 'a column more',
      sql: `ALTER TABLE @schema.session ADD COLUMN more int DEFAULT 7;`,
    };
    const steps = [...MIGRATIONS, next];
    const { version, name } = next;
    expect(await planSteps({ pool }, steps)).toEqual({ current: 1, latest: 2, pending: [{ version, name }] });
    await pool.query(sqlOfSteps('wa_sync', steps));
    await pool.query(sqlOfSteps('wa_sync', steps));
    expect(await applied()).toEqual([1, 2]);
    expect(await planSteps({ pool }, steps)).toEqual({ current: 2, latest: 2, pending: [] });
    expect((await pool.query('SELECT id, more FROM wa_sync.session')).rows).toEqual([{ id: 'a', more: 7 }]);
    // A process of the release before, which starts meanwhile.
    await expect(createPostgresStore({ pool }).init()).rejects.toMatchObject({ code: 'schema_newer' });
    expect(await store.sessions.get({ ids: ['a'] })).toHaveLength(1);
  });

  it('refuse a schema that is newer than the package', async () => {
    const { pool } = at.database;
    await createPostgresStore({ pool }).init();
    await pool.query(`INSERT INTO wa_sync.migration (version, name) VALUES (9999, 'of the future')`);
    await expect(createPostgresStore({ pool }).init()).rejects.toMatchObject({
      code: 'schema_newer',
      message: expect.stringContaining('9999'),
    });
    await expect(planMigrations({ pool })).rejects.toMatchObject({ code: 'schema_newer' });
    await expect(pool.query(migrationSql())).rejects.toMatchObject({ code: 'WA001' });
  });

  it('go into a schema of any name, beside others', async () => {
    const { pool } = at.database;
    const schema = 'Sessões do WhatsApp';
    await createPostgresStore({ pool, schema }).init();
    const store = createPostgresStore({ pool, schema: 'order' });
    await store.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
    expect(await createPostgresStore({ pool, schema }).sessions.get({ ids: ['a'] })).toEqual([]);
    expect(await applied(schema)).toEqual(all);
    expect(await applied('order')).toEqual(all);
  });
});

describe('the view of effective status', () => {
  it('shows an owner whose lease is over as DISCONNECTED by expiry, and a login that ended as that', async () => {
    const { pool } = at.database;
    const store = createPostgresStore({ pool });
    await store.sessions.create({ sessions: ['a', 'b', 'c'].map((id) => ({ id, desired: 'running' as const })) });
    await store.leases.join({ incarnation: 'one', replicaId: 'one', ttlMs: 30_000 });
    const claims = ['a', 'b'].map((id) => ({ id, tenure: id, mode: 'free' as const }));
    await store.sessions.claim({ owner: 'one', claims });
    await pool.query(`UPDATE wa_sync.session SET evidence = 'observed', status = CASE id WHEN 'a' THEN 'CONNECTED' ELSE 'LOGGED_OUT' END
      WHERE id <> 'c'`);
    const read = async () =>
      (await pool.query('SELECT id, status, evidence, stored_status FROM wa_sync.session_status ORDER BY id')).rows;
    const free = { id: 'c', status: 'DISCONNECTED', evidence: 'unobserved', stored_status: 'DISCONNECTED' };
    expect(await read()).toEqual([
      { id: 'a', status: 'CONNECTED', evidence: 'observed', stored_status: 'CONNECTED' },
      { id: 'b', status: 'LOGGED_OUT', evidence: 'observed', stored_status: 'LOGGED_OUT' },
      free,
    ]);
    await pool.query(`UPDATE wa_sync.replica SET beat_at = beat_at - interval '30.001 seconds'`);
    expect(await read()).toEqual([
      { id: 'a', status: 'DISCONNECTED', evidence: 'expired', stored_status: 'CONNECTED' },
      { id: 'b', status: 'LOGGED_OUT', evidence: 'expired', stored_status: 'LOGGED_OUT' },
      free,
    ]);
  });
});
