import type pg from 'pg';

/** The host's own table. */
export interface HostSessions {
  /** Adds the rows that are missing. */
  ensure(ids: readonly string[]): Promise<void>;
  /** What the app shows its users: its own rows, read as it always did. */
  list(): Promise<readonly HostSession[]>;
}

/** One row of the host. */
interface HostSession {
  readonly id: string;
  readonly sessionName: string;
  readonly status: string;
  readonly error: string | null;
  readonly updatedAt: string;
}

const ENSURE = `
  INSERT INTO "WhatsAppSession" ("id", "companyId", "sessionName", "updatedAt")
  SELECT id, 'example', id, clock_timestamp() AT TIME ZONE 'UTC' FROM unnest($1::text[]) AS id
  ON CONFLICT ("id") DO NOTHING`;

const LIST = `
  SELECT "id", "sessionName", "status"::text, "error", to_char("updatedAt", 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "updatedAt"
  FROM "WhatsAppSession" ORDER BY "id" LIMIT 100`;

/** The part of the app that knows nothing of wa-sync. */
export function createHostSessions(pool: pg.Pool): HostSessions {
  return {
    async ensure(ids) {
      await pool.query(ENSURE, [ids]);
    },
    async list() {
      return (await pool.query<HostSession>(LIST)).rows;
    },
  };
}
