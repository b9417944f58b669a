import { createHash } from 'node:crypto';
import { type Statement, statement } from '../driver/run-statement.js';
import { quoteLiteral } from '../driver/sql-text.js';
import { heldBySql, leaseOverSql, opaqueSql } from '../rows/session-row.js';
import { LOCK_LIMIT } from './write-statements.js';

/** Statements on requests between replicas. */
export interface InboxStatements {
  readonly ask: Statement;
  /**
   * Of these ids the ones that are there: put by an earlier try, or by one at the same time, which only a new
   * statement sees.
   */
  readonly known: Statement;
  readonly take: Statement;
  readonly answer: Statement;
  readonly collect: Statement;
  readonly prune: Statement;
}

/**
 * A request `q` that waits for `owner`, who still holds its session `s`; whether the lease stands is the caller's to
 * say.
 */
export function waitingSql(schema: string, owner: string): string {
  return `FROM ${schema}.request q JOIN ${schema}.session s ON s.no = q.session_no AND ${heldBySql('s', 'q.owner')}
    WHERE q.owner = ${owner} AND q.taken_at IS NULL AND q.expires_at >= statement_timestamp()`;
}

/** The channel of a schema, short enough for one; its notifications carry the incarnation that they are for. */
export function channelOf(schemaName: string): string {
  return `wa_sync_${createHash('sha256').update(schemaName).digest('hex').slice(0, 16)}`;
}

/**
 * Makes the statements of a schema. A transaction pooler carries NOTIFY like any statement; whoever can listen behind
 * it hears it.
 */
export function inboxStatements(schema: string, channel: string | null): InboxStatements {
  const request = `${schema}.request`;
  const notify = (rows: string, column: string) =>
    channel === null
      ? '0'
      : `(SELECT count(pg_notify(${quoteLiteral(channel)}, n.incarnation)) FROM (SELECT DISTINCT ${column} AS incarnation FROM ${rows}) n)`;
  const standing = `standing AS MATERIALIZED (
      SELECT r.incarnation FROM lock_limit, ${schema}.replica r
      WHERE r.incarnation = $2::text AND r.fenced_at IS NULL
        AND clock_timestamp() <= r.beat_at + r.ttl_ms * interval '1 millisecond'
    )`;
  return {
    ask: statement(`
      WITH ${LOCK_LIMIT},
      input AS MATERIALIZED (SELECT i.* FROM unnest($4::text[], $5::text[], $6::text[]) i(id, session_id, kind)),
      put AS (
        INSERT INTO ${request} (id, session_no, kind, asker, owner, expires_at)
        SELECT i.id, s.no, i.kind, $2::text, s.owner, clock_timestamp() + $3::float8 * interval '1 millisecond'
        FROM lock_limit, input i JOIN ${schema}.session s ON s.id = i.session_id
        JOIN ${schema}.replica r ON ${heldBySql('s', 'r.incarnation')}
        WHERE NOT ${leaseOverSql('s', 'r')}
        ON CONFLICT (id) DO NOTHING RETURNING id, owner
      )
      SELECT json_build_array(
        coalesce((SELECT json_agg(id) FROM put), '[]'),
        ${notify('put', 'owner')}
      )::text AS answer`),
    known: statement(`
      SELECT coalesce(json_agg(q.id), '[]')::text AS answer FROM ${request} q WHERE q.id = ANY ($1::text[])`),
    take: statement(`
      WITH ${LOCK_LIMIT}, ${standing},
      picked AS MATERIALIZED (
        SELECT q.id, q.no, s.id AS session_id
        ${waitingSql(schema, '(SELECT incarnation FROM standing)')}
        ORDER BY q.no LIMIT $3::int FOR UPDATE OF q SKIP LOCKED
      ),
      taken AS (
        UPDATE ${request} q SET taken_at = clock_timestamp() FROM picked p WHERE q.id = p.id
        RETURNING q.no, q.id, p.session_id, q.kind
      )
      SELECT coalesce(json_agg(json_build_array(id, session_id, kind) ORDER BY no), '[]')::text AS answer FROM taken`),
    answer: statement(`
      WITH ${LOCK_LIMIT}, ${standing},
      answered AS (
        UPDATE ${request} q SET body = i.body, answered_at = clock_timestamp()
        FROM standing, unnest($3::text[], $4::text[]) i(id, body)
        WHERE q.id = i.id AND ${opaqueSql(`q.owner = standing.incarnation AND q.taken_at IS NOT NULL AND q.answered_at IS NULL
          AND q.expires_at >= statement_timestamp()`)}
        RETURNING q.asker
      )
      SELECT json_build_array(${notify('answered', 'asker')})::text AS answer`),
    collect: statement(`
      WITH ${LOCK_LIMIT}, gone AS (
        DELETE FROM ${request} q USING lock_limit WHERE q.id = ANY ($2::text[]) AND q.answered_at IS NOT NULL
        RETURNING q.id, q.body
      )
      SELECT coalesce(json_agg(json_build_array(id, body)), '[]')::text AS answer FROM gone`),
    prune: statement(`
      WITH ${LOCK_LIMIT},
      old AS MATERIALIZED (
        SELECT q.id FROM lock_limit, ${request} q
        WHERE CASE WHEN q.answered_at IS NULL THEN q.expires_at < statement_timestamp()
          ELSE q.answered_at < statement_timestamp() - $2::float8 * interval '1 millisecond' END
        LIMIT $3::int FOR UPDATE OF q SKIP LOCKED
      ),
      gone AS (DELETE FROM ${request} q USING old o WHERE q.id = o.id RETURNING 1)
      SELECT json_build_array(count(*))::text AS answer FROM gone`),
  };
}
