import { randomUUID } from 'node:crypto';
import { holdSessions, joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import pg from 'pg';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createPostgresStore, type PostgresStore } from '../src/index.js';
import { countStatements } from './count-statements.js';
import { pgbouncerIsThere, startPgbouncer } from './start-pgbouncer.js';
import { useDatabase } from './use-database.js';

const at = useDatabase({
  prepare: (pool) => createPostgresStore({ pool }).init(),
});
let pool: pg.Pool;
let store: PostgresStore;
let owner: string;
let asker: string;

beforeEach(async () => {
  pool = at.database.pool;
  store = createPostgresStore({ pool });
  owner = await joinReplica(store);
  asker = await joinReplica(store);
  await holdSessions(store, owner, ['a']);
});

const ask = (from: PostgresStore = store, id = randomUUID()) =>
  from.inbox.ask({ asker, requests: [{ id, sessionId: 'a', kind: 'sync' }], ttlMs: 60_000 });

const listeners = async () =>
  (
    await at.database.pool.query(
      `SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = current_database()`,
    )
  ).rows as { pid: number }[];

/** A function that counts its calls, and a promise of the next one. */
function ear() {
  let hear = () => {};
  const wake = vi.fn(() => hear());
  const next = () =>
    new Promise<void>((resolve) => {
      hear = resolve;
    });
  return { wake, next };
}

async function listen(from: PostgresStore, incarnation: string, wake: () => void): Promise<() => void> {
  const { listen } = from.inbox;
  if (listen === undefined) throw new Error('this store cannot listen');
  return listen({ incarnation, notify: wake });
}

describe('a request', () => {
  it('notifies its owner at once, the answer its asker, and nobody else', async () => {
    const [ofOwner, ofAsker, ofOther] = [ear(), ear(), ear()];
    const other = createPostgresStore({ pool: at.database.connect() });
    const stops = [
      await listen(store, owner, ofOwner.wake),
      await listen(other, asker, ofAsker.wake),
      await listen(other, 'somebody else', ofOther.wake),
    ];
    for (const { wake } of [ofOwner, ofAsker, ofOther]) wake.mockClear();
    const [asked, answered] = [ofOwner.next(), ofAsker.next()];
    const [id] = await ask(other);
    await asked;
    expect(await store.inbox.take({ owner, limit: 10 })).toEqual([{ id, sessionId: 'a', kind: 'sync' }]);
    await store.inbox.answer({ owner, answers: [{ id: id!, body: '{}' }] });
    await answered;
    expect(await other.inbox.collect({ ids: [id!] })).toEqual([{ id, body: '{}' }]);
    expect(ofOther.wake).not.toHaveBeenCalled();
    for (const stop of stops) stop();
    await vi.waitFor(async () => expect(await listeners()).toEqual([]));
  });

  it('is reported by the beat, which stays one statement', async () => {
    const counted = countStatements(pool);
    const counting = createPostgresStore({ pool: counted.pool });
    await counting.init();
    const beat = () => counting.leases.beat(beatOf(owner));
    expect(await beat()).toMatchObject({ inbox: false });
    await ask();
    counted.texts.length = 0;
    expect(await beat()).toMatchObject({ inbox: true });
    expect(counted.texts).toHaveLength(1);
    await store.inbox.take({ owner, limit: 10 });
    expect(await beat()).toMatchObject({ inbox: false });
  });

  it('is handed out once, whoever asks for it at the same time', async () => {
    const ids = Array.from({ length: 50 }, () => randomUUID());
    await store.inbox.ask({ asker, requests: ids.map((id) => ({ id, sessionId: 'a', kind: 'sync' })), ttlMs: 60_000 });
    const taken = await Promise.all(Array.from({ length: 8 }, () => store.inbox.take({ owner, limit: 50 })));
    expect(
      taken
        .flat()
        .map(({ id }) => id)
        .sort(),
    ).toEqual([...ids].sort());
  });
});

describe('the connection that listens', () => {
  it('comes back after a cut, and notifies of what may have come meanwhile', async () => {
    const { wake, next } = ear();
    const stop = await listen(store, owner, wake);
    const [before] = await listeners();
    const back = next();
    await pool.query('SELECT pg_terminate_backend($1)', [before!.pid]);
    await back;
    const [after] = await listeners();
    expect(after!.pid).not.toBe(before!.pid);
    const woken = next();
    await ask();
    await woken;
    stop();
  });

  it('is shared by all who listen, and is none of a pool that has no place, nor where it is turned off', async () => {
    const stops = [await listen(store, owner, () => {}), await listen(store, asker, () => {})];
    expect(await listeners()).toHaveLength(1);
    for (const stop of stops) stop();
    expect(createPostgresStore({ pool: at.database.connect({ max: 2 }) }).inbox.listen).toBeUndefined();
    const quiet = createPostgresStore({ pool: at.database.connect(), notify: false });
    expect(quiet.inbox.listen).toBeUndefined();
    expect(await ask(quiet)).toHaveLength(1);
  });

  it('does not hold up a pool that is ended while somebody listens', async () => {
    const own = at.database.connect();
    const other = createPostgresStore({ pool: own });
    await listen(other, owner, () => {});
    await own.end();
    expect(own.totalCount).toBe(0);
  });
});

describe.skipIf(!pgbouncerIsThere())('behind PgBouncer in transaction mode', () => {
  it('nobody listens, nothing is left on its connections, and requests arrive with the beat', async () => {
    const bouncer = await startPgbouncer({
      port: at.server.port,
      password: at.server.password,
      database: at.database.name,
    });
    const pooled = new pg.Pool({ host: '127.0.0.1', port: bouncer.port, database: 'test', user: 'x', max: 8 });
    pooled.on('error', () => {});
    const lines: unknown[] = [];
    const log = (fields: unknown) => void lines.push(fields);
    const logger = { debug: log, info: log, warn: log, error: log };
    const behind = createPostgresStore({ pool: pooled });
    behind.useLogger({ logger });
    const { wake } = ear();
    const stop = await listen(behind, owner, wake);
    expect(lines).toEqual([{ code: 'listen_impossible' }]);
    // Whoever can listen hears of a request that was asked through the pooler.
    const direct = ear();
    const stopDirect = await listen(store, owner, direct.wake);
    const heard = direct.next();
    const [id] = await ask(behind);
    await heard;
    expect(await behind.leases.beat(beatOf(owner))).toMatchObject({ inbox: true });
    expect(await behind.inbox.take({ owner, limit: 1 })).toEqual([{ id, sessionId: 'a', kind: 'sync' }]);
    await behind.inbox.answer({ owner, answers: [{ id: id!, body: '1' }] });
    expect(await behind.inbox.collect({ ids: [id!] })).toEqual([{ id, body: '1' }]);
    expect(wake).not.toHaveBeenCalled();
    stopDirect();
    stop();
    const channels = await Promise.all(Array.from({ length: 8 }, () => pooled.query('SELECT pg_listening_channels()')));
    expect(channels.every(({ rows }) => rows.length === 0)).toBe(true);
    await behind.close();
    await pooled.end();
    await bouncer.stop();
  });
});
