import { type Statement, statement } from '../driver/run-statement.js';
import { LOCK_LIMIT } from './write-statements.js';

/** Statements on the history of session rows. */
export interface HistoryStatements {
  readonly ofSession: Statement;
  /** `[next, missed, transitions]`. */
  readonly since: Statement;
  /** `[next]`: the cursor of now. */
  readonly now: Statement;
  readonly prune: Statement;
}

const TUPLE = `json_build_array(t.stamp || '.' || t.no, s.id, t.at, t.from_status, t.to_status, t.evidence, t.health,
  t.reason_code, t.reason_detail, t.owner)`;

/** The oldest transaction that may still write: entries stamped below it are all there. */
const FINAL = `pg_snapshot_xmin(pg_current_snapshot())::text::bigint`;

/** Makes the statements of a schema. */
export function historyStatements(schema: string): HistoryStatements {
  const transition = `${schema}.transition`;
  const session = `${schema}.session`;
  return {
    ofSession: statement(`
      SELECT coalesce(json_agg(${TUPLE} ORDER BY t.no DESC), '[]')::text AS answer
      FROM ${session} s CROSS JOIN LATERAL (
        SELECT * FROM ${transition} t WHERE t.session_no = s.no AND t.no < $2::bigint ORDER BY t.no DESC LIMIT $3::int
      ) t WHERE s.id = $1::text`),
    // One snapshot says what is final and shows the entries.
    since: statement(`
      WITH page AS MATERIALIZED (
        SELECT * FROM ${transition} t
        WHERE (t.stamp, t.no) > ($1::bigint, $2::bigint) AND t.stamp < (SELECT ${FINAL})
        ORDER BY t.stamp, t.no LIMIT $3::int
      )
      SELECT json_build_array(
        CASE
          WHEN given.out_never THEN ${FINAL} || '.0'
          WHEN (SELECT count(*) FROM page) = $3::int THEN (SELECT p.stamp || '.' || p.no FROM page p ORDER BY p.stamp DESC, p.no DESC LIMIT 1)
          WHEN $1::bigint >= ${FINAL} THEN $1::bigint || '.' || $2::bigint
          ELSE ${FINAL} || '.0'
        END,
        given.out_never OR ($1::bigint, $2::bigint) < (h.forgotten_stamp, h.forgotten_no),
        (SELECT coalesce(json_agg(${TUPLE} ORDER BY t.stamp, t.no), '[]') FROM page t JOIN ${session} s ON s.no = t.session_no)
      )::text AS answer
      FROM ${schema}.history h
      CROSS JOIN (SELECT $1::bigint > pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS out_never) given`),
    now: statement(`SELECT json_build_array(${FINAL} || '.0')::text AS answer`),
    prune: statement(`
      WITH ${LOCK_LIMIT},
      old AS MATERIALIZED (
        SELECT t.stamp, t.no FROM lock_limit, ${transition} t
        WHERE t.at < statement_timestamp() - $2::float8 * interval '1 millisecond'
        ORDER BY t.at LIMIT $3::int FOR UPDATE OF t SKIP LOCKED
      ),
      gone AS (
        DELETE FROM ${transition} t USING old o WHERE t.stamp = o.stamp AND t.no = o.no RETURNING t.stamp, t.no
      ),
      newest AS (SELECT stamp, no FROM gone ORDER BY stamp DESC, no DESC LIMIT 1),
      noted AS (
        UPDATE ${schema}.history h SET forgotten_stamp = n.stamp, forgotten_no = n.no FROM newest n
        WHERE (n.stamp, n.no) > (h.forgotten_stamp, h.forgotten_no)
      )
      SELECT json_build_array(count(*))::text AS answer FROM gone`),
  };
}
