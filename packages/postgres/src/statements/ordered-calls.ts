import { type Statement, statement } from '../driver/run-statement.js';
import type { SessionsMirrorSql } from '../rows/mirror-sql-types.js';
import { hostExpressions, tupleSql, unvouchedSql } from '../rows/session-row.js';
import { hostJoinSql } from './read-statements.js';
import { LOCK_LIMIT } from './write-statements.js';

/**
 * What the host wants of a session. Parameters: lock limit, id, desired, process, its number of this call. Returns
 * `[[row, whether it counts]]`, nothing in it where there is no row. A call that comes after a newer one of the same
 * process changes nothing.
 */
export function desiredStatement(schema: string, mirror: SessionsMirrorSql | null): Statement {
  const session = `${schema}.session`;
  const from = 'target';
  return statement(`
    WITH ${LOCK_LIMIT},
    target AS MATERIALIZED (SELECT s.* FROM lock_limit, ${session} s WHERE s.id = $2::text FOR NO KEY UPDATE OF s),
    ${orderedSql({ table: `${schema}.wish_order`, from, writer: '$4', callNo: '$5' })},
    changed AS (
      UPDATE ${session} s SET desired = $3::text, version = s.version + 1,
        active = s.active OR $3::text = 'running',
        purge_marked_at = CASE WHEN $3::text = 'running' THEN NULL ELSE s.purge_marked_at END
      FROM ordered o WHERE s.no = o.no
      RETURNING s.*
    ),
    shown AS (
      SELECT c.*, true AS counts FROM changed c
      UNION ALL SELECT t.*, false FROM target t WHERE NOT EXISTS (SELECT FROM ordered)
    )
    SELECT coalesce(json_agg(json_build_array(${tupleSql('c', unvouchedSql('c', 'r'), hostExpressions(mirror))}, c.counts)), '[]')::text AS answer
    FROM shown c LEFT JOIN ${schema}.replica r ON r.incarnation = c.owner ${hostJoinSql(mirror, 'c')}`);
}

/**
 * A common table expression `ordered`: takes sessions on to a later call of a process, and returns the `no` of those
 * that it took. A call that was given up and comes late, or that another one of its process overtook, takes on none.
 */
export function orderedSql(params: { table: string; from: string; writer: string; callNo: string }): string {
  const { table, from, writer, callNo } = params;
  return `ordered AS (
      INSERT INTO ${table} AS o (session_no, writer, write_no)
      SELECT no, ${writer}::text, ${callNo}::bigint FROM ${from}
      ON CONFLICT (session_no) DO UPDATE SET writer = excluded.writer, write_no = excluded.write_no
        WHERE o.writer <> excluded.writer OR o.write_no < excluded.write_no
      RETURNING session_no AS no
    )`;
}
