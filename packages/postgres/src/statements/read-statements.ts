import { type Statement, statement } from '../driver/run-statement.js';
import type { SessionsMirrorSql } from '../rows/mirror-sql-types.js';
import { desiredSql, heldBySql, hostExpressions, tupleSql, unvouchedSql } from '../rows/session-row.js';

/** Statements that only read. */
export interface ReadStatements {
  readonly get: Statement;
  readonly list: Statement;
  readonly listOfOwner: Statement;
  readonly sweep: Statement;
  readonly claimable: Statement;
  /**
   * What became of writes that changed nothing: the rows that carry a write id of ours (the answer of a commit got
   * lost), and the ids of those whose guard still stands (somebody had them locked).
   */
  readonly missed: Statement;
  /** Ids of an owner. */
  readonly idsOfOwner: Statement;
}

/** `LEFT JOIN` of the host's row as `m`, or nothing. */
export function hostJoinSql(mirror: SessionsMirrorSql | null, row: string): string {
  return mirror === null ? '' : `LEFT JOIN ${mirror.table} m ON ${mirror.match(`${row}.id`)}`;
}

/** Makes the reading statements of a schema, with the host's table where one is mirrored. */
export function readStatements(schema: string, mirror: SessionsMirrorSql | null): ReadStatements {
  const host = hostExpressions(mirror);
  const joins = `LEFT JOIN ${schema}.replica r ON r.incarnation = s.owner ${hostJoinSql(mirror, 's')}`;
  const tuple = tupleSql('s', unvouchedSql('s', 'r'), host);
  const page = (condition: string, limit: string) => `
    SELECT coalesce(json_agg(${tuple} ORDER BY s.id), '[]')::text AS answer
    FROM (SELECT * FROM ${schema}.session s WHERE ${condition} ORDER BY s.id LIMIT ${limit}) s ${joins}`;
  return {
    get: statement(`
      SELECT coalesce(json_agg(${tuple} ORDER BY s.id), '[]')::text AS answer
      FROM ${schema}.session s ${joins} WHERE s.id = ANY($1::text[])`),
    list: statement(page('s.id > $1::text', '$2::int')),
    listOfOwner: statement(page('s.id > $1::text AND s.owner = $3::text', '$2::int')),
    sweep: statement(sweepSql(schema, mirror)),
    // A page is bounded by what it walks over: the host's word may keep most of them at rest.
    claimable: statement(`
      WITH page AS MATERIALIZED (
        SELECT s.id FROM ${schema}.session s WHERE s.claimable AND s.id > $2::text ORDER BY s.id LIMIT $1::int
      ),
      ready AS MATERIALIZED (${
        host.stopped === 'false'
          ? 'SELECT id FROM page'
          : `SELECT s.id FROM page s ${hostJoinSql(mirror, 's')} WHERE NOT coalesce(${host.stopped}, false)`
      })
      SELECT json_build_array(
        coalesce((SELECT json_agg(id ORDER BY id) FROM ready), '[]'),
        (SELECT max(id) FROM page HAVING count(*) = $1::int),
        coalesce((SELECT json_agg(r.incarnation) FROM ${schema}.replica r WHERE EXISTS (SELECT FROM ready)
          AND r.fenced_at IS NULL AND clock_timestamp() <= r.beat_at + r.ttl_ms * interval '1 millisecond'), '[]')
      )::text AS answer`),
    missed: statement(`
      SELECT coalesce(json_agg(CASE WHEN s.write_id = i.write_id THEN ${tuple} ELSE to_json(s.id) END), '[]')::text AS answer
      FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) i(id, tenure, write_id, version)
      JOIN ${schema}.session s ON s.id = i.id AND ${heldBySql('s', '$1::text')} AND s.tenure = i.tenure
        AND (s.write_id = i.write_id OR s.version = i.version)
      ${joins}`),
    idsOfOwner: statement(`
      SELECT coalesce(json_agg(s.id ORDER BY s.id), '[]')::text AS answer
      FROM ${schema}.session s WHERE s.owner = $1::text`),
  };
}

/**
 * One scan of an owner's rows. Only exceptions leave the server; the count and the sum of hashes show rows that
 * vanished or changed owner. The owner's lease is read once: all rows have the same.
 */
function sweepSql(schema: string, mirror: SessionsMirrorSql | null): string {
  const host = hostExpressions(mirror);
  const differs = [
    `s.status <> $2::text`,
    `s.health <> $3::text`,
    `s.reason_code IS DISTINCT FROM $4::text`,
    `s.evidence <> 'observed'`,
    `${desiredSql('s', host)} <> 'running'`,
    // The word that belongs to the row's own status: where that differs from what is expected the row is one already.
    ...(mirror === null ? [] : [`(${host.word} IS DISTINCT FROM $6::text AND NOT ${mirror.staysBeside('s')})`]),
    `s.id IN (SELECT unnest($5::text[]))`,
  ];
  return `
    WITH lease AS MATERIALIZED (
      SELECT coalesce((SELECT ${unvouchedSql('o', 'r')} FROM (SELECT $1::text AS owner) o
        LEFT JOIN ${schema}.replica r ON r.incarnation = o.owner), true) AS over
    )
    SELECT json_build_array(count(*), coalesce(sum(s.id_hash), 0), coalesce(json_agg(
      ${tupleSql('s', '(SELECT over FROM lease)', host)}
    ) FILTER (WHERE ${differs.join(' OR ')}), '[]'))::text AS answer
    FROM ${schema}.session s ${hostJoinSql(mirror, 's')} WHERE s.owner = $1::text`;
}
