import type pg from 'pg';

/** Until so many statements of this database wait for a lock. The server reports it to nobody, so it is asked. */
export async function untilWaiting(pool: pg.Pool, count = 1): Promise<void> {
  for (const endsAt = performance.now() + 5_000; performance.now() < endsAt; ) {
    const { rows } = await pool.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (rows[0]!.n >= count) return;
  }
  throw new Error(`fewer than ${count} wait`);
}
