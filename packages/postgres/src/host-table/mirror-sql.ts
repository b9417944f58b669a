import { quoteIdentifier, quoteLiteral } from '../driver/sql-text.js';
import type { StatusWords } from '../driver/status-words.js';
import type { ListingSql, SessionsMirrorSql } from '../rows/mirror-sql-types.js';
import { type HostExpressions, hostExpressions, tupleSql, unvouchedSql } from '../rows/session-row.js';
import { idAs } from './judge-columns.js';
import type { HostColumn } from './read-catalogue.js';

/** The host's word for the status in `status`, as an SQL expression. */
export function wordOfSql(words: StatusWords, status: string): string {
  const byWord = new Map<string, string[]>();
  for (const [name, word] of Object.entries(words)) byWord.set(word, [...(byWord.get(word) ?? []), name]);
  const branches = [...byWord].map(
    ([word, names]) => `WHEN ${status} IN (${names.map(quoteLiteral).join(', ')}) THEN ${quoteLiteral(word)}`,
  );
  return `CASE ${branches.join(' ')} END`;
}

/**
 * The end of a statement whose CTE `changed` returned session rows: writes the host's rows and returns
 * `[tuple, host state]` for each, and `extra` of its row where that is given.
 *
 * `skip` takes only host rows that nobody has locked: a statement of ours that waited for one host row while it held
 * another could end a transaction of the host in a deadlock. `wait` is for one row at a time.
 *
 * Rows are carried along from CTE to CTE and left out by NOT IN, which hashes: the planner takes `changed` for one
 * row, and a join of two such CTEs is a nested loop of a million comparisons for a thousand rows.
 */
export function answerChangedSql(
  schema: string,
  mirror: SessionsMirrorSql | null,
  locks: 'skip' | 'wait',
  { active, extra = '' }: { active?: false; extra?: string } = {},
): string {
  const lease = `LEFT JOIN ${schema}.replica r ON r.incarnation = c.owner`;
  const tuple = (host: HostExpressions) => tupleSql('c', unvouchedSql('c', 'r'), host);
  if (mirror === null) {
    return `SELECT coalesce(json_agg(json_build_array(${tuple(hostExpressions(null))}, 'none'${extra})), '[]')::text AS answer
      FROM changed c ${lease}`;
  }
  const { table, match } = mirror;
  const switches = active === undefined ? null : mirror.setActive(active);
  const lockable =
    locks === 'wait'
      ? ''
      : `lockable AS MATERIALIZED (
          SELECT c.* FROM changed c JOIN ${table} m ON ${match('c.id')} FOR NO KEY UPDATE OF m SKIP LOCKED
        ),`;
  const written = { present: 'true', word: 'c.host_word', stopped: 'c.host_stopped' };
  const untouched = { present: 'h.present IS NOT NULL', word: 'h.word', stopped: 'coalesce(h.stopped, false)' };
  const locked = locks === 'wait' ? '' : `WHEN c.id NOT IN (SELECT id FROM lockable) THEN 'locked'`;
  return `, ${lockable}
    host AS (
      UPDATE ${table} m SET ${[mirror.assignments('c'), ...(switches === null ? [] : [switches])].join(', ')} FROM ${locks === 'wait' ? 'changed' : 'lockable'} c WHERE ${match('c.id')}
      RETURNING c.*, ${mirror.word} AS host_word, ${mirror.stopped} AS host_stopped
    )
    SELECT coalesce(json_agg(changed_row), '[]')::text AS answer FROM (
      SELECT json_build_array(${tuple(written)}, 'written'${extra}) AS changed_row FROM host c ${lease}
      UNION ALL
      SELECT json_build_array(${tuple(untouched)}, CASE WHEN h.present IS NULL THEN 'missing' ${locked} ELSE 'ignored' END${extra})
      FROM changed c ${lease} LEFT JOIN LATERAL (
        SELECT true AS present, ${mirror.word} AS word, ${mirror.stopped} AS stopped FROM ${table} m WHERE ${match('c.id')}
      ) h ON true
      WHERE c.id NOT IN (SELECT id FROM host)
    ) changed_rows`;
}

/** What became of the host's row in a statement of ours. */
export type HostState = 'none' | 'written' | 'missing' | 'locked' | 'ignored';

/** No phone number is as long; what a column of the host holds may be of any length. */
const LONGEST_PHONE = 255;

/** How the rows of a mapped table are listed. */
export function listingSql(
  columns: { readonly id: HostColumn } & Readonly<Partial<Record<'phone' | 'lastSeenAt', HostColumn>>>,
  timeZone = 'UTC',
): ListingSql {
  const { id, phone, lastSeenAt } = columns;
  const named = (column: HostColumn) => `m.${quoteIdentifier(column.name)}`;
  const seenAt = lastSeenAt === undefined ? 'NULL' : named(lastSeenAt);
  return {
    id: `${named(id)}::text`,
    phone: phone === undefined ? 'NULL' : `left(${named(phone)}::text, ${LONGEST_PHONE})`,
    lastSeenAt: lastSeenAt?.base === 'timestamp' ? `${seenAt} AT TIME ZONE ${quoteLiteral(timeZone)}` : seenAt,
    order: named(id),
    // Order and comparison are those of the type, which is what the host's index has: found by name, the operator of
    // an extension such as citext may be another one, and pages would leave rows out.
    after: (ourId) => `${named(id)} OPERATOR(${id.baseSchema}.>) ${idAs(id, ourId)}`,
  };
}
