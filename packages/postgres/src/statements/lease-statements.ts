import { type Statement, statement } from '../driver/run-statement.js';
import type { SessionsMirrorSql } from '../rows/mirror-sql-types.js';
import { heldBySql, hostExpressions } from '../rows/session-row.js';
import { waitingSql } from './inbox-statements.js';
import { claimableSql, hostJoinSql } from './read-statements.js';
import { LOCK_LIMIT } from './write-statements.js';

/** Statements on the heartbeat rows. */
export interface LeaseStatements {
  readonly join: Statement;
  readonly beat: Statement;
  readonly fence: Statement;
  readonly isFenced: Statement;
  readonly leave: Statement;
}

/** Makes the statements of a schema. */
export function leaseStatements(schema: string, mirror: SessionsMirrorSql | null): LeaseStatements {
  const replica = `${schema}.replica`;
  const { stopped } = hostExpressions(mirror);
  // `[alive, store time, others, claimable, outgoing, inbox]`, one answer for a join and a beat.
  const answer = `SELECT json_build_array(
      EXISTS (SELECT FROM renewed),
      clock_timestamp(),
      coalesce((SELECT json_agg(json_build_array(
        r.incarnation, r.replica_id, r.beats, r.beat_at, r.ttl_ms, r.fenced_at IS NOT NULL, r.mass_outage))
        FROM ${replica} r WHERE r.incarnation <> $2::text), '[]'),
      EXISTS (SELECT FROM ${schema}.session s ${stopped === 'false' ? '' : hostJoinSql(mirror, 's')}
        WHERE ${claimableSql('s', stopped)}),
      EXISTS (SELECT FROM ${schema}.conversation c JOIN ${schema}.session s ON s.id = c.session_id
        WHERE c.delivery = 'pending' AND ${heldBySql('s', '$2::text')}),
      EXISTS (SELECT ${waitingSql(schema, '$2::text')})
    )::text AS answer`;
  return {
    join: statement(`
      WITH ${LOCK_LIMIT}, renewed AS (
        INSERT INTO ${replica} AS r (incarnation, replica_id, ttl_ms) SELECT $2::text, $3::text, $4::int FROM lock_limit
        ON CONFLICT (incarnation) DO UPDATE SET beats = r.beats + 1, beat_at = clock_timestamp()
          WHERE r.fenced_at IS NULL
        RETURNING 1
      )
      ${answer}`),
    beat: statement(`
      WITH ${LOCK_LIMIT}, renewed AS (
        UPDATE ${replica} r SET beats = r.beats + 1, beat_at = clock_timestamp(), mass_outage = $3::boolean
        FROM lock_limit WHERE r.incarnation = $2::text AND r.fenced_at IS NULL RETURNING 1
      )
      ${answer}`),
    fence: statement(`
      WITH ${LOCK_LIMIT}, fenced AS (
        UPDATE ${replica} r SET fenced_at = clock_timestamp()
        FROM lock_limit WHERE r.incarnation = $2::text AND r.beats = $3::bigint AND r.fenced_at IS NULL RETURNING 1
      )
      SELECT json_build_array(EXISTS (SELECT FROM fenced))::text AS answer`),
    isFenced: statement(`
      SELECT json_build_array(EXISTS (
        SELECT FROM ${replica} r WHERE r.incarnation = $1::text AND r.fenced_at IS NOT NULL))::text AS answer`),
    leave: statement(`
      WITH ${LOCK_LIMIT}, gone AS (DELETE FROM ${replica} r USING lock_limit WHERE r.incarnation = $2::text)
      SELECT '[]'::text AS answer`),
  };
}
