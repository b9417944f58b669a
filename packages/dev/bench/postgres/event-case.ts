import type pg from 'pg';
import { change, writeOf } from '../../fixtures/hold-sessions.js';
import { type BenchCase, type Figure, median } from '../bench-case.js';
import { inTurns, settle, startWorld, type World, walBytes } from './world.js';

const SESSIONS = 10_000;
const LONE = 400;
const STORMS = 7;

const BARE_ONE = `UPDATE wa_sync.session SET status = $2, version = version + 1, status_changed_at = clock_timestamp() WHERE id = $1`;
const BARE_MANY = `UPDATE wa_sync.session SET status = $1, version = version + 1, status_changed_at = clock_timestamp() WHERE owner = $2`;

export const EVENT_CASE: BenchCase = {
  name: 'pg-event',
  about: `a lone status event, and a storm of ${SESSIONS} at once, on Postgres beside bare UPDATEs`,
  async measure() {
    const world = await startWorld({ sessions: SESSIONS });
    try {
      const durable = await loneEvents(world, 'lone event, as it is');
      // Without the wait for the disk, which both have in common.
      await world.pool.query('ALTER SYSTEM SET synchronous_commit = off');
      await world.pool.query('SELECT pg_reload_conf()');
      const processor = await loneEvents(world, 'lone event, without the disk');
      const withHistory = await storms(world, 'storm, history written');
      await world.pool.query('ALTER TABLE wa_sync.session DISABLE TRIGGER USER');
      const processorOnly = await loneEvents(world, 'lone event, no disk, no history');
      const without = await storms(world, 'storm, history turned off');
      return [
        { ...durable, target: { atMost: 1.2 } },
        processor,
        processorOnly,
        withHistory.ratio,
        without.ratio,
        { ...withHistory.hot, target: { atLeast: 100 } },
        withHistory.wal,
        without.wal,
      ];
    } finally {
      await world.stop();
    }
  },
};

async function loneEvents({ pool, store, owner, ids }: World, name: string): Promise<Figure> {
  await settle(pool);
  const statusOf = (round: number) => (round % 2 === 0 ? ('RECONNECTING' as const) : ('CONNECTED' as const));
  const client = await pool.connect();
  // Sessions of the one and of the other are not the same, so that neither warms a page for the other's guard.
  let session = (await store.sessions.get({ ids: [ids[1]!] }))[0]!;
  const bare = (round: number) => client.query({ name: 'bare', text: BARE_ONE, values: [ids[0], statusOf(round)] });
  const ours = async (round: number) => {
    const [outcome] = await store.sessions.write({
      owner,
      writes: [writeOf(session, change({ status: statusOf(round) }))],
    });
    if (!outcome?.applied) throw new Error('the guard was expected to hold');
    session = outcome.session;
  };
  await inTurns(30, bare, ours);
  const [bares, mine] = await inTurns(LONE, bare, ours);
  client.release();
  const detail = `medians ${median(mine).toFixed(2)} and ${median(bares).toFixed(2)} ms of ${LONE} in turns`;
  return { name: `${name} / bare`, value: median(mine) / median(bares), target: null, detail };
}

async function hotShare(pool: pg.Pool): Promise<number> {
  for (const client of await Promise.all(Array.from({ length: 10 }, () => pool.connect()))) {
    await client.query('SELECT pg_stat_force_next_flush()');
    client.release();
  }
  const { rows } = await pool.query<{ share: number }>(
    `SELECT (100.0 * n_tup_hot_upd / greatest(n_tup_upd, 1))::float8 AS share FROM pg_stat_user_tables WHERE relid = 'wa_sync.session'::regclass`,
  );
  return rows[0]!.share;
}

/** All sessions change at once. Between two runs a vacuum, as both would get from autovacuum. */
async function storms({ pool, store, owner, ids }: World, name: string) {
  await settle(pool);
  const ratios: number[] = [];
  const mine: number[] = [];
  const bares: number[] = [];
  const wals: number[] = [];
  const bareWals: number[] = [];
  const hots: number[] = [];
  for (let round = 0; round < STORMS; round += 1) {
    const status = round % 2 === 0 ? ('RECONNECTING' as const) : ('CONNECTED' as const);
    const sessions = [];
    for (let from = 0; from < ids.length; from += 1_000)
      sessions.push(...(await store.sessions.get({ ids: ids.slice(from, from + 1_000) })));
    const writes = sessions.map((session) => writeOf(session, change({ status })));
    await pool.query('VACUUM wa_sync.session');
    await hotShare(pool);
    await pool.query(`SELECT pg_stat_reset_single_table_counters('wa_sync.session'::regclass)`);
    const oursAt = performance.now();
    wals.push(await walBytes(pool, () => store.sessions.write({ owner, writes })));
    const oursMs = performance.now() - oursAt;
    hots.push(await hotShare(pool));
    await pool.query('VACUUM wa_sync.session');
    const bareAt = performance.now();
    const client = await pool.connect();
    await client.query(`SET session_replication_role = 'replica'`);
    bareWals.push(await walBytes(pool, () => client.query(BARE_MANY, ['QR_CODE', owner])));
    const bareMs = performance.now() - bareAt;
    client.release(true);
    mine.push(oursMs);
    bares.push(bareMs);
    ratios.push(oursMs / bareMs);
  }
  const detail = `medians ${median(mine).toFixed(0)} and ${median(bares).toFixed(0)} ms of ${STORMS} rounds`;
  const walDetail = `one bare UPDATE: ${(median(bareWals) / ids.length).toFixed(0)}`;
  return {
    ratio: { name: `${name} / bare UPDATE`, value: median(ratios), target: null, detail } as Figure,
    wal: { name: `WAL a row, ${name}`, value: median(wals) / ids.length, target: null, detail: walDetail } as Figure,
    hot: {
      name: 'heap-only updates of a storm, %',
      value: Math.min(...hots),
      target: null,
      detail: 'the lowest round',
    } as Figure,
  };
}
