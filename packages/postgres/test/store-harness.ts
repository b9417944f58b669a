import type { WaSyncStore } from '@wa-sync/core';
import type { PgPoolLike } from '../src/index.js';

/** What the conformance suites take; written out so that the harness says what it gives. */
export interface PostgresHarness {
  readonly store: WaSyncStore;
  advance(ms: number): Promise<void>;
  deleteHeartbeat(incarnation: string): Promise<void>;
  another(): Promise<WaSyncStore>;
  close(): Promise<void>;
}

/** Takes the row of a heartbeat away, as a person does. */
export async function deleteHeartbeat(pool: PgPoolLike, incarnation: string): Promise<void> {
  await pool.query('DELETE FROM wa_sync.replica WHERE incarnation = $1', [incarnation]);
}

/** Takes everything out of the store's tables, as if it had just been migrated. */
export async function emptyStore(pool: PgPoolLike): Promise<void> {
  // Not TRUNCATE: new files for a dozen tables cost more than the whole of most tests.
  for (const table of ['transition', 'conversation', 'job_run', 'job', 'session', 'replica'])
    await pool.query(`DELETE FROM wa_sync.${table}`);
  await pool.query('UPDATE wa_sync.history SET forgotten_stamp = 0, forgotten_no = 0');
}

/** Store time moves by `ms` for everything that is kept: all instants go back by as much. */
export async function shiftStoreTime(pool: PgPoolLike, ms: number): Promise<void> {
  await pool.query(
    `UPDATE wa_sync.replica SET beat_at = beat_at - $1::float8 * interval '1 ms',
     started_at = started_at - $1::float8 * interval '1 ms'`,
    [ms],
  );
  await pool.query(
    `UPDATE wa_sync.conversation SET last_message_at = last_message_at - $1::float8 * interval '1 ms',
     heard_at = heard_at - $1::float8 * interval '1 ms', warned_at = warned_at - $1::float8 * interval '1 ms'`,
    [ms],
  );
  await shiftInbox(pool, ms);
  await pool.query(`UPDATE wa_sync.transition SET at = at - $1::float8 * interval '1 ms'`, [ms]);
  await pool.query(
    `UPDATE wa_sync.session SET settled_at = settled_at - $1::float8 * interval '1 ms', status_changed_at = status_changed_at - $1::float8 * interval '1 ms',
     last_seen_at = last_seen_at - $1::float8 * interval '1 ms', created_at = created_at - $1::float8 * interval '1 ms'`,
    [ms],
  );
}

async function shiftInbox(pool: PgPoolLike, ms: number): Promise<void> {
  await pool.query(
    `UPDATE wa_sync.request SET expires_at = expires_at - $1::float8 * interval '1 ms',
     taken_at = taken_at - $1::float8 * interval '1 ms', answered_at = answered_at - $1::float8 * interval '1 ms'`,
    [ms],
  );
}

/** The same, but a second or less is really waited for: what is written after it is then later by as much. */
export async function passStoreTime(pool: PgPoolLike, ms: number): Promise<void> {
  if (ms > 1_000) await shiftStoreTime(pool, ms);
  else await pool.query('SELECT pg_sleep($1::float8 / 1000)', [ms]);
}

/**
 * The same for rows that an import made: what an earlier system said of its last sign of life is a date of its own.
 */
export async function shiftButLastSeen(pool: PgPoolLike, ms: number): Promise<void> {
  await shiftStoreTime(pool, ms);
  await pool.query(`UPDATE wa_sync.session SET last_seen_at = last_seen_at + $1::float8 * interval '1 ms'`, [ms]);
}
