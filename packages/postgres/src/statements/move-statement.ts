import { type Statement, statement } from '../driver/run-statement.js';
import { gateSql, NOW_MS } from '../rows/conversation-row.js';
import type { ConversationsMirrorSql } from '../rows/mirror-sql-types.js';
import { LOCK_LIMIT } from './write-statements.js';

/** Ids that moved, and ids whose host row somebody has locked. */
export type MoveAnswer = [moved: string[], hostLocked: string[]];

/** The moves of the closing machine. */
export interface MoveStatements {
  readonly move: Statement;
  /** Passes over rows of ours that somebody has locked. */
  readonly moveSkipOurs: Statement;
  /** Waits for the host's row: for one conversation at a time. */
  readonly moveWaitHost: Statement;
}

/** Makes the statements of a schema. */
export function moveStatements(schema: string, mirror: ConversationsMirrorSql | null): MoveStatements {
  return {
    move: statement(moveSql(schema, mirror, { ours: '', host: 'SKIP LOCKED' })),
    moveSkipOurs: statement(moveSql(schema, mirror, { ours: 'SKIP LOCKED', host: 'SKIP LOCKED' })),
    moveWaitHost: statement(moveSql(schema, mirror, { ours: '', host: '' })),
  };
}

/**
 * Session and heartbeat are held FOR SHARE, so that a status or a suspicion that is being written and a move wait for
 * each other, and each sees what the other did: nothing moves through a gate that has closed. Then the conversation,
 * then the host's row, of which a statement over many takes only free ones: it never waits for the host while it holds
 * a row of the host.
 *
 * What the gate lets through is looked up in one value and not joined: the planner takes it for one row, and a join is
 * a nested loop of a million comparisons.
 *
 * The host's row is closed with ours or neither is: a write that the host's table swallows fails the statement.
 */
function moveSql(
  schema: string,
  mirror: ConversationsMirrorSql | null,
  locks: { ours: '' | 'SKIP LOCKED'; host: '' | 'SKIP LOCKED' },
): string {
  return `
    WITH ${LOCK_LIMIT},
    input AS MATERIALIZED (
      SELECT i.* FROM lock_limit, unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])
        i(id, sequence, target, outgoing_id, outgoing_kind, outgoing_text)
    ),
    gate AS MATERIALIZED (
      SELECT s.id FROM ${schema}.session s JOIN ${schema}.replica r ON r.incarnation = s.owner
      WHERE s.id IN (SELECT c.session_id FROM input i JOIN ${schema}.conversation c ON c.id = i.id)
        AND ${gateSql('$8::float8')}
      ORDER BY s.id FOR SHARE OF s, r ${locks.ours}
    ),
    opened AS MATERIALIZED (SELECT coalesce(jsonb_object_agg(id, true), '{}') AS sessions FROM gate),
    movable AS MATERIALIZED (
      SELECT i.* FROM input i JOIN ${schema}.conversation c ON c.id = i.id
      WHERE (SELECT sessions FROM opened) -> c.session_id IS NOT NULL AND c.sequence = i.sequence AND c.delivery IS DISTINCT FROM 'sending'
        AND (c.state = 'OPEN' OR (c.state = 'WARNED' AND i.target <> 'WARNED'))
      ORDER BY c.id FOR NO KEY UPDATE OF c ${locks.ours}
    ),
    ${mirror === null ? 'free AS (SELECT * FROM movable)' : freeSql(mirror, locks.host)},
    moved AS (
      UPDATE ${schema}.conversation c SET
        state = f.target,
        warned_at = CASE WHEN f.target = 'WARNED' THEN ${NOW_MS} ELSE c.warned_at END,
        closing_number = c.closing_number + CASE WHEN f.target = 'WARNED' THEN 0 ELSE 1 END,
        outgoing_id = coalesce(f.outgoing_id, c.outgoing_id),
        outgoing_kind = coalesce(f.outgoing_kind, c.outgoing_kind),
        outgoing_text = CASE WHEN f.outgoing_id IS NULL THEN c.outgoing_text ELSE f.outgoing_text END,
        delivery = CASE WHEN f.outgoing_id IS NOT NULL THEN 'pending' WHEN c.delivery = 'pending' THEN NULL ELSE c.delivery END,
        warning_id = CASE WHEN f.outgoing_kind = 'warning' THEN f.outgoing_id ELSE c.warning_id END,
        farewell_id = CASE WHEN f.outgoing_kind = 'farewell' THEN f.outgoing_id ELSE c.farewell_id END
      FROM free f WHERE c.id = f.id
      RETURNING c.id, c.state
    )
    ${mirror === null ? answerOurs : answerBoth(mirror)}`;
}

const answerOurs = `
  SELECT json_build_array(coalesce((SELECT json_agg(id) FROM moved), '[]'), json_build_array())::text AS answer`;

function freeSql({ table, match, isOpen }: ConversationsMirrorSql, locks: string): string {
  return `free AS MATERIALIZED (
    SELECT v.* FROM movable v JOIN ${table} m ON ${match('v.id')} WHERE ${isOpen} FOR NO KEY UPDATE OF m ${locks}
  )`;
}

function answerBoth({ table, match, isOpen, isClosed, closing }: ConversationsMirrorSql): string {
  return `,
    host AS (
      UPDATE ${table} m SET ${closing} FROM moved c WHERE c.state = 'CLOSED' AND ${match('c.id')}
      RETURNING c.id, ${isClosed} AS closed
    )
    SELECT json_build_array(
      coalesce((SELECT json_agg(id) FROM moved), '[]'),
      coalesce((SELECT json_agg(v.id) FROM movable v JOIN ${table} m ON ${match('v.id')}
        WHERE ${isOpen} AND v.id NOT IN (SELECT id FROM free)), '[]'),
      ${failUnwritten(`SELECT FROM moved WHERE state = 'CLOSED' AND id NOT IN (SELECT id FROM host WHERE closed)`)}
    )::text AS answer`;
}

/**
 * An expression that fails the statement, and so takes back all it did, where rows are found. The words depend on a
 * value that the planner cannot know: a constant, or a parameter, would fail the plan.
 */
export function failUnwritten(rows: string): string {
  return `CASE WHEN EXISTS (${rows})
    THEN (SELECT 'a trigger or a row policy stands before the write' || left(ms, 0) FROM lock_limit)::integer END`;
}
