import { randomBytes } from 'node:crypto';
import { holdSessions, joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore } from '../src/index.js';
import { countStatements } from './count-statements.js';
import { useDatabase } from './use-database.js';

const at = useDatabase({
  prepare: (pool) => createPostgresStore({ pool }).init(),
});
let pool: pg.Pool;
let store: PostgresStore;
let texts: string[];

beforeEach(async () => {
  pool = at.database.pool;
  const counted = countStatements(pool);
  texts = counted.texts;
  store = createPostgresStore({ pool: counted.pool });
  await store.init();
});

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const text = (value: Uint8Array | undefined) => (value === undefined ? undefined : Buffer.from(value).toString());

async function create(...ids: string[]): Promise<void> {
  await store.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
}
async function readOne(sessionId: string, type: string, id: string, from = store): Promise<string | undefined> {
  return text((await from.auth.read({ sessionId, type, ids: [id] })).get(id));
}

describe('credentials', () => {
  it('of a first login, 812 keys, are one statement', async () => {
    await create('a');
    const keys = Array.from({ length: 812 }, (_, index) => ({
      type: 'pre-key',
      id: String(index),
      value: randomBytes(170),
    }));
    texts.length = 0;
    await store.auth.write({ sessionId: 'a', tenure: null, entries: keys });
    expect(texts).toHaveLength(1);
    const found = await store.auth.read({ sessionId: 'a', type: 'pre-key', ids: keys.map(({ id }) => id) });
    expect(found.size).toBe(812);
    expect(keys.every(({ id, value }) => value.equals(found.get(id) ?? new Uint8Array()))).toBe(true);
  });

  it('of many sessions at once share statements, and each session keeps the order of its writes', async () => {
    const ids = Array.from({ length: 100 }, (_, index) => `s${index}`);
    await create(...ids);
    texts.length = 0;
    await Promise.all(
      Array.from({ length: 20 }, () => ids).flatMap((all, round) =>
        all.map((sessionId) =>
          store.auth.write({
            sessionId,
            tenure: null,
            entries: [
              { type: 'creds', id: 'creds', value: bytes(`round ${round}`) },
              { type: 'session', id: String(round), value: bytes('x') },
            ],
          }),
        ),
      ),
    );
    expect(texts.length).toBeLessThanOrEqual(3);
    for (const sessionId of ids) expect(await readOne(sessionId, 'creds', 'creds')).toBe('round 19');
  });

  it('refused for one session leave the others of the same statement alone', async () => {
    const owner = await joinReplica(store);
    await holdSessions(store, owner, ['a', 'b']);
    const write = (sessionId: string, tenure: string | null) =>
      store.auth.write({ sessionId, tenure, entries: [{ type: 'creds', id: 'creds', value: bytes(sessionId) }] });
    const results = await Promise.allSettled([write('a', 'of another'), write('b', null), write('nobody', null)]);
    expect(results.map((result) => (result.status === 'rejected' ? result.reason.code : 'written'))).toEqual([
      'tenure_lost',
      'written',
      'session_not_found',
    ]);
    expect(await readOne('a', 'creds', 'creds')).toBeUndefined();
    expect(await readOne('b', 'creds', 'creds')).toBe('b');
  });

  it('that Postgres refuses fail alone', async () => {
    await create('a', 'b');
    const write = (sessionId: string, id: string) =>
      store.auth.write({ sessionId, tenure: null, entries: [{ type: 'session', id, value: bytes('x') }] });
    const results = await Promise.allSettled([write('a', 'with a \0 in it'), write('b', 'fine')]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(await readOne('b', 'session', 'fine')).toBe('x');
  });

  it('of one session do not wait for another whose row is locked', async () => {
    await create('a', 'b');
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query(`SELECT 1 FROM wa_sync.session WHERE id = 'a' FOR UPDATE`);
    const write = (sessionId: string) =>
      store.auth.write({ sessionId, tenure: null, entries: [{ type: 'creds', id: 'creds', value: bytes('x') }] });
    const locked = write('a').then(
      () => 'written',
      (error: { code: string }) => error.code,
    );
    await write('b');
    await client.query('ROLLBACK');
    client.release();
    expect(['written', 'store_timeout']).toContain(await locked);
  });

  it('quarantined can be restored by a person', async () => {
    await create('a');
    const write = (value: string) =>
      store.auth.write({
        sessionId: 'a',
        tenure: null,
        entries: [{ type: 'creds', id: 'creds', value: bytes(value) }],
      });
    await write('first');
    await store.auth.quarantine({ sessionId: 'a', reason: 'logged out' });
    await write('second');
    await store.auth.quarantine({ sessionId: 'a', reason: 'logged out again' });
    const { rows } = await pool.query(
      `SELECT quarantine_no, quarantine_reason, value FROM wa_sync.auth_record ORDER BY quarantine_no`,
    );
    expect(
      rows.map(({ quarantine_no, quarantine_reason, value }) => [quarantine_no, quarantine_reason, text(value)]),
    ).toEqual([
      [1, 'logged out', 'first'],
      [2, 'logged out again', 'second'],
    ]);
    await pool.query(`UPDATE wa_sync.auth_record SET quarantine_no = 0, quarantined_at = NULL WHERE quarantine_no = 1`);
    expect(await readOne('a', 'creds', 'creds')).toBe('first');
    expect(await store.auth.purge({ sessionId: 'a' })).toBe(2);
  });
});

describe('encryption at rest', () => {
  const [one, two] = [randomBytes(32), randomBytes(32)];
  const entry = { type: 'creds', id: 'creds', value: bytes('noise key of the session') };

  it('leaves no plain text behind, and a rotated ring reads old and writes new', async () => {
    await create('a');
    const first = createPostgresStore({ pool, auth: { keyRing: { current: '2024', keys: { 2024: one } } } });
    await first.auth.write({ sessionId: 'a', tenure: null, entries: [entry] });
    const stored = async () => (await pool.query('SELECT key_id, value FROM wa_sync.auth_record')).rows[0];
    expect((await stored()).key_id).toBe('2024');
    expect((await stored()).value.includes(Buffer.from('noise'))).toBe(false);
    const rotated = createPostgresStore({
      pool,
      auth: { keyRing: { current: '2025', keys: { 2024: one, 2025: two } } },
    });
    expect(await readOne('a', 'creds', 'creds', rotated)).toBe('noise key of the session');
    await rotated.auth.write({ sessionId: 'a', tenure: null, entries: [entry] });
    expect((await stored()).key_id).toBe('2025');
    await expect(readOne('a', 'creds', 'creds', first)).rejects.toMatchObject({
      code: 'auth_key_missing',
      message: expect.stringContaining('"2025"'),
    });
    await expect(readOne('a', 'creds', 'creds')).rejects.toMatchObject({ code: 'auth_key_missing' });
  });

  it('reads what was written plain before', async () => {
    await create('a');
    await store.auth.write({ sessionId: 'a', tenure: null, entries: [entry] });
    const sealed = createPostgresStore({ pool, auth: { keyRing: { current: 'k', keys: { k: one } } } });
    expect(await readOne('a', 'creds', 'creds', sealed)).toBe('noise key of the session');
  });

  it('does not open a record that was changed, cut or moved to another session', async () => {
    await create('a', 'b');
    const sealed = createPostgresStore({ pool, auth: { keyRing: { current: 'k', keys: { k: one } } } });
    const write = (sessionId: string) => sealed.auth.write({ sessionId, tenure: null, entries: [entry] });
    const spoilt = async (sql: string) => {
      await write('a');
      await write('b');
      await pool.query(sql);
      await expect(readOne('a', 'creds', 'creds', sealed)).rejects.toMatchObject({ code: 'auth_corrupt' });
      expect(await readOne('b', 'creds', 'creds', sealed)).toBe('noise key of the session');
    };
    const a = `(SELECT no FROM wa_sync.session WHERE id = 'a')`;
    await spoilt(
      `UPDATE wa_sync.auth_record SET value = set_byte(value, 30, get_byte(value, 30) # 1) WHERE session_no = ${a}`,
    );
    await spoilt(`UPDATE wa_sync.auth_record SET value = substring(value FROM 1 FOR 20) WHERE session_no = ${a}`);
    await spoilt(`UPDATE wa_sync.auth_record SET value = other.value FROM wa_sync.auth_record other
      WHERE auth_record.session_no = ${a} AND other.session_no <> ${a}`);
  });

  it('that is missing is logged once', async () => {
    await create('a');
    const lines: string[] = [];
    const log = (_: unknown, line: string) => lines.push(line);
    const plain = createPostgresStore({ pool });
    plain.useLogger({ logger: { debug: log, info: log, warn: log, error: log } });
    await plain.auth.read({ sessionId: 'a', type: 'creds', ids: ['creds'] });
    expect(lines).toEqual([]);
    await plain.auth.write({ sessionId: 'a', tenure: null, entries: [entry] });
    await plain.auth.write({ sessionId: 'a', tenure: null, entries: [entry] });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('unencrypted');
  });
});
