import type pg from 'pg';

/** A row of `wa_sync.session` as the database had it, in its own column names. */
export interface RawRow {
  readonly id: string;
  readonly status: string;
  readonly evidence: string;
  readonly health: string;
  readonly desired: string;
  readonly active: boolean;
  readonly reason_code: string | null;
  readonly reason_detail: string | null;
  readonly reconnect_attempt: number;
  readonly phone: string | null;
  readonly qr: string | null;
  readonly owner: string | null;
  readonly tenure: string | null;
  readonly version: number;
  readonly write_id: string | null;
  readonly status_changed_at: string;
  readonly last_seen_at: string | null;
  readonly created_at: string;
}

/** One committed change of a row, and who made it. */
export interface RawChange {
  readonly no: number;
  readonly at: Date;
  /** `application_name` of the connection. */
  readonly actor: string;
  readonly of: 'session' | 'replica';
  readonly before: RawRow | RawReplica | null;
  readonly after: RawRow | RawReplica | null;
}

/** A row of `wa_sync.replica`. */
export interface RawReplica {
  readonly incarnation: string;
  readonly replica_id: string;
  readonly fenced_at: string | null;
  readonly mass_outage: boolean;
}

/**
 * Triggers that write down every change of a session's row, and each join, end or suspicion of a replica. They are in
 * the writer's own transaction, so nothing that was committed is missing and nothing is reported that was not.
 */
const AUDIT = `
CREATE SCHEMA chaos;
CREATE TABLE chaos.change (
  no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor text NOT NULL DEFAULT current_setting('application_name'),
  "of" text NOT NULL,
  before jsonb,
  after jsonb
);
CREATE FUNCTION chaos.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO chaos.change ("of", before, after) VALUES (TG_TABLE_NAME,
    CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_note AFTER INSERT OR UPDATE OR DELETE ON wa_sync.session FOR EACH ROW EXECUTE FUNCTION chaos.note();
CREATE TRIGGER chaos_note_ends AFTER INSERT OR DELETE ON wa_sync.replica FOR EACH ROW EXECUTE FUNCTION chaos.note();
CREATE TRIGGER chaos_note_change AFTER UPDATE ON wa_sync.replica FOR EACH ROW
  WHEN (OLD.fenced_at IS DISTINCT FROM NEW.fenced_at OR OLD.mass_outage <> NEW.mass_outage) EXECUTE FUNCTION chaos.note();
`;

/** Lays the triggers on the tables that the store has made. */
export async function installAudit(pool: pg.Pool): Promise<void> {
  await pool.query(AUDIT);
}

/** What was committed after the change with this number, in order. */
export async function readChanges(pool: pg.Pool, after: number): Promise<RawChange[]> {
  const { rows } = await pool.query<RawChange & { no: string }>(
    'SELECT * FROM chaos.change WHERE no > $1 ORDER BY no',
    [after],
  );
  return rows.map((row) => ({ ...row, no: Number(row.no) }));
}
