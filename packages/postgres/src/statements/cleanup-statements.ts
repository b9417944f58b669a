import type { CleanupStage } from '@wa-sync/core';
import { type Statement, statement } from '../driver/run-statement.js';
import { quoteLiteral } from '../driver/sql-text.js';
import { answerChangedSql } from '../host-table/mirror-sql.js';
import type { SessionsMirrorSql } from '../rows/mirror-sql-types.js';
import { END_ROW, LOCK_LIMIT, reasonAtEnd } from './write-statements.js';

/** Statements of the cleanup. */
export interface CleanupStatements {
  readonly census: Statement;
  readonly candidates: Readonly<Record<'deactivate' | 'purge', Statement>>;
  readonly deactivate: Statement;
  readonly markForPurge: Statement;
  readonly marked: Statement;
  readonly purge: Statement;
}

/** Statuses in which an owner has nothing to repair. */
const AT_REST = ['QR_CODE', 'LOGGED_OUT', 'ERROR', 'DISCONNECTED'].map(quoteLiteral).join(', ');

const ALIVE_AT = 'coalesce(s.last_seen_at, s.created_at)';

/**
 * The rule, as a condition of the very row `s` that is changed: a statement that had to wait for the row judges it
 * again as it is then. `suspects` lists the owners that suspect their own network.
 */
function ruleSql(rule: { stage: CleanupStage; inactiveForMs: string; restedForMs: string }, suspects: string): string {
  const { stage, inactiveForMs, restedForMs } = rule;
  const unused = `s.status <> 'CONNECTED' AND clock_timestamp() - ${ALIVE_AT} > ${inactiveForMs} * interval '1 millisecond'`;
  const rested = `clock_timestamp() - s.settled_at >= ${restedForMs} * interval '1 millisecond'`;
  if (stage === 'purge') return `${unused} AND NOT s.active AND s.owner IS NULL AND ${rested}`;
  return `${unused} AND s.active AND (s.owner IS NULL OR (s.status IN (${AT_REST}) AND s.owner NOT IN (${suspects}) AND ${rested}))`;
}

const CANDIDATE = `json_build_array(s.id, s.status, ${ALIVE_AT},
  extract(epoch FROM clock_timestamp() - ${ALIVE_AT}) * 1000)`;

/** Makes the statements of a schema. */
export function cleanupStatements(schema: string, mirror: SessionsMirrorSql | null): CleanupStatements {
  const session = `${schema}.session`;
  const suspects = `SELECT r.incarnation FROM ${schema}.replica r WHERE r.mass_outage OR r.stuck`;
  const candidates = (rule: Parameters<typeof ruleSql>[0]) =>
    statement(`
      SELECT coalesce(json_agg(${CANDIDATE} ORDER BY s.id), '[]')::text AS answer FROM (
        SELECT * FROM ${session} s
        WHERE s.id > $1::text AND s.purge_marked_at IS NULL AND ${ruleSql(rule, suspects)}
        ORDER BY s.id LIMIT $3::int
      ) s`);
  return {
    census: statement(
      `SELECT json_build_array(count(*), count(*) FILTER (WHERE s.active))::text AS answer FROM ${session} s`,
    ),
    candidates: {
      deactivate: candidates({ stage: 'deactivate', inactiveForMs: '$2::float8', restedForMs: '$4::float8' }),
      purge: candidates({ stage: 'purge', inactiveForMs: '$2::float8', restedForMs: '$4::float8' }),
    },
    // A beat that reports an outage and a deactivation wait for each other, where a session of the batch is that
    // replica's. One that comes to another replica meanwhile is left alone: nobody has asked that one.
    deactivate: statement(`
      WITH ${LOCK_LIMIT},
      owners AS MATERIALIZED (
        SELECT DISTINCT s.owner FROM lock_limit, ${session} s WHERE s.id = ANY ($2::text[]) AND s.owner IS NOT NULL
      ),
      replicas AS MATERIALIZED (
        SELECT r.incarnation, r.mass_outage OR r.stuck AS suspects FROM ${schema}.replica r
        WHERE r.incarnation IN (SELECT o.owner FROM owners o) FOR SHARE OF r
      ),
      changed AS (
        UPDATE ${session} s SET ${END_ROW}, ${reasonAtEnd(`'inactive'`, 'NULL')}, evidence = 'unobserved', active = false
        FROM lock_limit
        WHERE s.id = ANY ($2::text[])
          AND ${ruleSql({ stage: 'deactivate', inactiveForMs: '$3::float8', restedForMs: '$4::float8' }, 'SELECT r.incarnation FROM replicas r WHERE r.suspects')}
          AND (s.owner IS NULL OR s.owner IN (SELECT o.owner FROM owners o))
        RETURNING s.*
      ) ${answerChangedSql(schema, mirror, 'skip', { active: false })}`),
    markForPurge: statement(`
      WITH ${LOCK_LIMIT},
      marked AS (
        UPDATE ${session} s SET purge_marked_at = clock_timestamp() FROM lock_limit
        WHERE s.id = ANY ($2::text[]) AND ${ruleSql({ stage: 'purge', inactiveForMs: '$3::float8', restedForMs: '$4::float8' }, suspects)}
        RETURNING s.id
      )
      SELECT coalesce(json_agg(id ORDER BY id), '[]')::text AS answer FROM marked`),
    marked: statement(`
      SELECT coalesce(json_agg(${CANDIDATE} ORDER BY s.id), '[]')::text AS answer FROM (
        SELECT * FROM ${session} s WHERE s.id > $1::text AND s.purge_marked_at IS NOT NULL ORDER BY s.id LIMIT $2::int
      ) s`),
    purge: statement(`
      WITH ${LOCK_LIMIT}, gone AS (
        DELETE FROM ${session} s USING lock_limit
        WHERE s.id = ANY ($2::text[]) AND s.purge_marked_at IS NOT NULL AND NOT s.active AND s.owner IS NULL
        RETURNING s.id
      )
      SELECT coalesce(json_agg(id ORDER BY id), '[]')::text AS answer FROM gone`),
  };
}
