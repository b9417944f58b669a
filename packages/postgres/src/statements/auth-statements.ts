import { type Statement, statement } from '../driver/run-statement.js';
import { orderedSql } from './ordered-calls.js';
import { LOCK_LIMIT } from './write-statements.js';

/** Statements on credentials. */
export interface AuthStatements {
  /** Rows of the living set: `[place among the ids, key id]` and the value. */
  readonly read: Statement;
  /** `[[ordinal, exists, fits]]` for every session of the batch. */
  readonly write: Statement;
  readonly quarantine: Statement;
  readonly purge: Statement;
}

/** Makes the statements of a schema. */
export function authStatements(schema: string): AuthStatements {
  const record = `${schema}.auth_record`;
  const session = `${schema}.session`;
  const ordered = (from: string, writer: string, callNo: string) =>
    orderedSql({ table: `${schema}.auth_order`, from, writer, callNo });
  return {
    read: statement(`
      SELECT json_build_array(i.ordinal, a.key_id)::text AS answer, encode(a.value, 'base64') AS value
      FROM unnest($3::text[]) WITH ORDINALITY i(id, ordinal)
      JOIN ${session} s ON s.id = $1::text AND s.purge_marked_at IS NULL
      JOIN ${record} a ON a.session_no = s.no AND a.quarantine_no = 0 AND a.type = $2::text AND a.id = i.id`),
    write: statement(writeSql(session, record, ordered('allowed', '$13', '$14'))),
    quarantine: statement(`
      WITH ${LOCK_LIMIT},
      target AS MATERIALIZED (SELECT s.no FROM lock_limit, ${session} s WHERE s.id = $2::text FOR NO KEY UPDATE OF s),
      ${ordered('target', '$4', '$5')},
      next AS MATERIALIZED (
        SELECT t.no, coalesce(max(a.quarantine_no), 0) + 1 AS quarantine_no
        FROM ordered t LEFT JOIN ${record} a ON a.session_no = t.no GROUP BY t.no
      ),
      moved AS (
        UPDATE ${record} a SET quarantine_no = n.quarantine_no, quarantined_at = clock_timestamp(), quarantine_reason = $3::text
        FROM next n WHERE a.session_no = n.no AND a.quarantine_no = 0 RETURNING 1
      )
      SELECT json_build_array(count(*))::text AS answer FROM moved`),
    purge: statement(`
      WITH ${LOCK_LIMIT},
      target AS MATERIALIZED (SELECT s.no FROM lock_limit, ${session} s WHERE s.id = $2::text FOR NO KEY UPDATE OF s),
      ${ordered('target', '$3', '$4')},
      gone AS (DELETE FROM ${record} a USING ordered o WHERE a.session_no = o.no RETURNING 1)
      SELECT json_build_array(count(*))::text AS answer FROM gone`),
  };
}

/**
 * The values travel as one bytea that is cut up here: binary on the wire, where an array of bytea would go as
 * hexadecimal text. The session row is locked, so that a claim in flight and a write under the old tenure wait for
 * each other (after the claim nothing of the old owner arrives), and so that two writers of one session never take its
 * records crosswise.
 *
 * Sessions are looked up in one value and not joined: the planner takes them for one, and compares every entry with
 * each of them.
 */
function writeSql(session: string, record: string, ordered: string): string {
  const numberOf = (row: string) => `((SELECT by_ordinal FROM numbers) ->> ${row}.ordinal::text)::bigint`;
  return `
    WITH ${LOCK_LIMIT},
    wanted AS MATERIALIZED (
      SELECT w.* FROM lock_limit, unnest($2::int[], $3::text[], $4::text[]) w(ordinal, id, tenure)
    ),
    allowed AS MATERIALIZED (
      SELECT w.ordinal, s.no FROM wanted w JOIN ${session} s ON s.id = w.id
      WHERE (w.tenure IS NULL OR s.tenure = w.tenure) AND s.purge_marked_at IS NULL ORDER BY s.id FOR NO KEY UPDATE OF s
    ),
    ${ordered},
    numbers AS MATERIALIZED (SELECT jsonb_object_agg(ordinal, no) AS by_ordinal FROM allowed),
    entry AS MATERIALIZED (
      SELECT ${numberOf('e')} AS session_no, e.type, e.id, e.key_id, e.deletes,
        substring($11::bytea FROM e.start_at FOR e.bytes) AS value
      FROM unnest($5::int[], $6::text[], $7::text[], $8::text[], $9::int[], $10::int[], $12::boolean[])
        e(ordinal, type, id, key_id, start_at, bytes, deletes)
      WHERE (${numberOf('e')} IN (SELECT no FROM ordered)) IS TRUE
    ),
    stored AS (
      INSERT INTO ${record} AS a (session_no, type, id, key_id, value)
      SELECT session_no, type, id, key_id, value FROM entry WHERE NOT deletes
      ON CONFLICT (session_no, quarantine_no, type, id) DO UPDATE SET value = excluded.value, key_id = excluded.key_id
    ),
    deleted AS (
      DELETE FROM ${record} a USING entry e
      WHERE e.deletes AND a.session_no = e.session_no AND a.quarantine_no = 0 AND a.type = e.type AND a.id = e.id
    )
    SELECT json_agg(json_build_array(w.ordinal, (s.purge_marked_at IS NULL AND s.id IS NOT NULL), ${numberOf('w')} IS NOT NULL))::text AS answer
    FROM wanted w LEFT JOIN ${session} s ON s.id = w.id`;
}
