import { randomUUID } from 'node:crypto';
import { startPostgres } from '@wa-sync/dev/servers/postgres';
import { createPostgresStore, type PostgresStore } from '@wa-sync/postgres';
import pg from 'pg';
import { change, writeOf } from '../../fixtures/hold-sessions.js';

/** A server of its own with its defaults, fsync too, and sessions that one replica holds. */
export interface World {
  readonly pool: pg.Pool;
  readonly store: PostgresStore;
  readonly owner: string;
  readonly ids: readonly string[];
  stop(): Promise<void>;
}

/** Starts it, with everything `CONNECTED`, vacuumed and checkpointed. */
export async function startWorld({ sessions }: { sessions: number }): Promise<World> {
  const server = await startPostgres();
  const pool = new pg.Pool({ connectionString: server.url(), max: 10 });
  // An unused connection may notice the server's end before the pool has closed it.
  pool.on('error', () => {});
  // Not `pool` itself, of which the store would make connections of its own: the counters of a backend are up to date
  // only where it is told to report them, and `event-case` can tell the clients of this pool.
  const shared = { query: pool.query.bind(pool), connect: pool.connect.bind(pool), options: pool.options };
  const store = createPostgresStore({ pool: shared });
  await store.init();
  await pool.query('ALTER SYSTEM SET autovacuum = off');
  await pool.query('SELECT pg_reload_conf()');
  const owner = randomUUID();
  await store.leases.join({ incarnation: owner, replicaId: owner, ttlMs: 3_600_000 });
  const ids = Array.from({ length: sessions }, (_, index) => `session-${index}`);
  for (let from = 0; from < ids.length; from += 1_000) {
    const some = ids.slice(from, from + 1_000);
    await store.sessions.create({ sessions: some.map((id) => ({ id, desired: 'running' as const })) });
    const claims = some.map((id) => ({ id, tenure: randomUUID(), mode: 'free' as const }));
    const claimed = await store.sessions.claim({ owner, claims });
    const writes = claimed.flatMap((outcome) => (outcome.claimed ? [writeOf(outcome.session, change())] : []));
    await store.sessions.write({ owner, writes });
  }
  await settle(pool);
  return {
    pool,
    store,
    owner,
    ids,
    async stop() {
      await store.close();
      await pool.end();
      await server.stop();
    },
  };
}

/** Hint bits and full-page images are not what is measured. */
export async function settle(pool: pg.Pool): Promise<void> {
  await pool.query('VACUUM ANALYZE');
  await pool.query('CHECKPOINT');
}

/** Bytes of WAL that everything together wrote meanwhile. */
export async function walBytes(pool: pg.Pool, run: () => Promise<unknown>): Promise<number> {
  const position = async () => {
    const { rows } = await pool.query<{ at: string }>(`SELECT pg_current_wal_insert_lsn() - '0/0' AS at`);
    return Number(rows[0]!.at);
  };
  const before = await position();
  await run();
  return (await position()) - before;
}

/** Milliseconds of a call. */
async function timeMs(run: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await run();
  return performance.now() - from;
}

/** Times two ways of doing a thing in turns, and which comes first in turns as well. */
export async function inTurns(
  rounds: number,
  first: (round: number) => Promise<unknown>,
  second: (round: number) => Promise<unknown>,
): Promise<[first: number[], second: number[]]> {
  const [firsts, seconds]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    const one = async () => firsts.push(await timeMs(() => first(round)));
    const two = async () => seconds.push(await timeMs(() => second(round)));
    await (round % 2 === 0 ? one() : two());
    await (round % 2 === 0 ? two() : one());
  }
  return [firsts, seconds];
}
