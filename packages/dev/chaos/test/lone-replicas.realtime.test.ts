import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createPostgresStore } from '@wa-sync/postgres';
import { createSeededRandom } from '@wa-sync/testing';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleProgram } from '../../fixtures/bundle-program.js';
import { type LocalPostgres, startPostgres } from '../../servers/start-postgres.js';
import { type LocalRedis, startRedis } from '../../servers/start-redis.js';
import { SEED } from '../../tests/seed.js';
import { LONE_REPLICA, type LoneMessage, type LoneSettings } from '../lone-settings.js';

/** `PROCESSES=100 PAIRS=100` is the whole proof. */
const PROCESSES = Number(process.env.PROCESSES ?? 6);
const AT_ONCE = 10;
/** Above the 1.2 s of a stop, on a machine that does other things too. */
const ENDS_WITHIN_MS = 15_000;
const PAIRS = Number(process.env.PAIRS ?? 2);
const LEASE = { ttlMs: 3_000, tickMs: 500 };

let program: string;
let postgres: LocalPostgres;
let redis: LocalRedis;
let pool: pg.Pool;

beforeAll(async () => {
  const entry = fileURLToPath(new URL('../lone-replica.ts', import.meta.url));
  const folder = fileURLToPath(new URL('../../.wa-sync', import.meta.url));
  [program, postgres, redis] = await Promise.all([
    bundleProgram({ entry, folder }),
    startPostgres(['-c', 'fsync=off']),
    startRedis(),
  ]);
  pool = new pg.Pool({ connectionString: postgres.url() });
  pool.on('error', () => {});
  const store = createPostgresStore({ pool });
  await store.init();
  const sessions = Array.from({ length: 50 }, (_, index) => ({ id: `s-${index}`, desired: 'running' as const }));
  await store.sessions.create({ sessions });
  await store.close();
}, 60_000);
afterAll(async () => {
  await pool.end();
  await Promise.all([postgres.stop(), redis.stop()]);
});

function start(settings: LoneSettings) {
  const child = fork(program, [], {
    execArgv: [],
    env: { ...process.env, [LONE_REPLICA]: JSON.stringify(settings) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const said: LoneMessage[] = [];
  let spoke = () => {};
  const settled = new Promise<void>((resolve) => {
    spoke = resolve;
  });
  child.on('message', (message: LoneMessage) => {
    said.push(message);
    spoke();
  });
  const exited = once(child, 'exit') as Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  return {
    said,
    /** It was accepted, or refused, or is gone. */
    settled: Promise.race([settled, exited.then(() => {})]),
    /** SIGTERM; returns how it ended, `hanging` where it did not. */
    async stop(): Promise<number | string> {
      child.kill('SIGTERM');
      const hangs = pause(ENDS_WITHIN_MS, 'hanging' as const, { ref: false });
      const ended = await Promise.race([exited, hangs]);
      if (ended !== 'hanging') return ended[0] ?? String(ended[1]);
      child.kill('SIGKILL');
      await exited;
      return 'hanging';
    },
  };
}

async function count(sql: string): Promise<number> {
  const { rows } = await pool.query<{ count: string }>(`SELECT count(*) FROM ${sql}`);
  return Number(rows[0]?.count);
}

it(`${PROCESSES} processes that get SIGTERM at any moment end, and leave no heartbeat, owner or rejection (seed ${SEED})`, {
  timeout: 30_000 + PROCESSES * 3_000,
}, async () => {
  const random = createSeededRandom(SEED);
  const ends: (number | string)[] = [];
  const rejections: LoneMessage[] = [];
  const accepted: LoneMessage[] = [];
  let begun = 0;
  async function one(): Promise<void> {
    while (begun < PROCESSES) {
      begun += 1;
      const replica = start({ url: postgres.url(), replicaId: undefined, lease: LEASE });
      // Half of them once they run: a busy machine may need longer for a start than any fixed time.
      if (begun % 2 === 0) await replica.settled;
      await pause(random.next() * 2_000);
      ends.push(await replica.stop());
      rejections.push(...replica.said.filter(({ kind }) => kind === 'rejection'));
      accepted.push(...replica.said.filter(({ kind }) => kind === 'accepted'));
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  expect(ends).toHaveLength(PROCESSES);
  // One that had not begun to listen yet dies of the signal, before it has anything.
  expect(ends.filter((end) => end !== 0 && end !== 'SIGTERM')).toEqual([]);
  expect(rejections).toEqual([]);
  expect(accepted.length).toBeGreaterThanOrEqual(Math.floor(PROCESSES / 2));
  expect(await count('wa_sync.replica')).toBe(0);
  expect(await count('wa_sync.session WHERE owner IS NOT NULL')).toBe(0);
});

describe.each(['Postgres', 'Redis'] as const)('two processes of one replicaId, on %s', (kind) => {
  it(`that start together ${PAIRS} times are never both accepted (seed ${SEED})`, {
    timeout: 30_000 + PAIRS * 20_000,
  }, async () => {
    const random = createSeededRandom(SEED);
    for (let pair = 0; pair < PAIRS; pair += 1) {
      const url = kind === 'Postgres' ? postgres.url() : redis.url;
      const settings = { url, replicaId: `twin-${pair}`, lease: LEASE };
      const first = start(settings);
      await pause(random.next() * 600 * (pair % 3));
      const second = start(settings);
      await Promise.all([first.settled, second.settled]);
      const words = [...first.said, ...second.said].map((one) => (one.kind === 'refused' ? one.code : one.kind));
      expect(words.sort(), `pair ${pair}`).toEqual(['accepted', 'replica_id_in_use']);
      expect(await Promise.all([first.stop(), second.stop()])).toEqual([0, 0]);
    }
  });
});
