import type pg from 'pg';
import { expect } from 'vitest';

/** One row of the host's own table, read by plain SQL. */
export interface HostRow {
  readonly status: string;
  readonly qrCode: string | null;
  readonly error: string | null;
}

export async function readHostRow(pool: pg.Pool, id: string): Promise<HostRow | undefined> {
  const { rows } = await pool.query<HostRow>(
    'SELECT status::text, "qrCode", error FROM "WhatsAppSession" WHERE id = $1',
    [id],
  );
  return rows[0];
}

/** Reads the host's row until it is as it has to be. A database gives no signal, so it is asked again and again. */
export async function waitForHostRow(
  pool: pg.Pool,
  id: string,
  fits: (row: HostRow) => boolean,
  withinMs = 15_000,
): Promise<HostRow> {
  return expect
    .poll(
      async () => {
        const row = await readHostRow(pool, id).catch(() => undefined);
        return row && fits(row) ? row : null;
      },
      { timeout: withinMs, interval: 50 },
    )
    .not.toBeNull()
    .then(async () => (await readHostRow(pool, id))!);
}
