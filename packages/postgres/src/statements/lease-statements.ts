import { type Statement, statement } from '../driver/run-statement.js';
import { heldBySql } from '../rows/session-row.js';
import { waitingSql } from './inbox-statements.js';
import { LOCK_LIMIT } from './write-statements.js';

/** Statements on the heartbeat rows. */
export interface LeaseStatements {
  readonly join: Statement;
  readonly beat: Statement;
  readonly fence: Statement;
  readonly isFenced: Statement;
  readonly addUnknown: Statement;
  readonly leave: Statement;
}

/** Columns of a heartbeat as it is answered. */
export type HeartbeatTuple = [
  incarnation: string,
  replicaId: string,
  number: number,
  joined: number,
  beatAt: string,
  ttlMs: number,
  fenced: boolean,
  massOutage: boolean,
  stuck: boolean,
];

/** `null` where the lease is over. */
export type BeatTuple = [
  own: [number: number, joined: number, lastKnown: boolean] | null,
  storeNow: string,
  others: HeartbeatTuple[],
  fencedLeft: boolean,
  outgoing: boolean,
  inbox: boolean,
];

/**
 * What ends a lease takes this lock, and waits with it for claims in flight, which hold the heartbeat FOR KEY SHARE. A
 * beat changes no key, so it waits for no claim.
 */
const LOCK_TO_FENCE = 'FOR UPDATE OF r';

/** Makes the statements of a schema. */
export function leaseStatements(schema: string): LeaseStatements {
  const replica = `${schema}.replica`;
  const renew = `number = DEFAULT, joined = coalesce(r.joined, r.number), beat_at = clock_timestamp()`;
  const own = 'r.number, coalesce(r.joined, r.number) AS joined';
  const owns = (incarnation: string) => `EXISTS (SELECT FROM ${schema}.session s WHERE s.owner = ${incarnation})`;
  // A BeatTuple. Of the living only those of our own name are listed, and whether sessions stand ready to be claimed is
  // asked beside the beats, so that the answer and its cost are the same at any number of replicas and rows.
  const answer = (listed: string, lastKnown: string) => `SELECT json_build_array(
      (SELECT json_build_array(o.number, o.joined, ${lastKnown}) FROM own o),
      clock_timestamp(),
      coalesce((SELECT json_agg(json_build_array(r.incarnation, r.replica_id, r.number, coalesce(r.joined, r.number), r.beat_at, r.ttl_ms,
        r.fenced_at IS NOT NULL, r.mass_outage, r.stuck))
        FROM ${replica} r WHERE r.incarnation <> $2::text AND ${listed}), '[]'),
      EXISTS (SELECT FROM ${replica} r WHERE r.fenced_at IS NOT NULL),
      EXISTS (SELECT FROM ${schema}.conversation c JOIN ${schema}.session s ON s.id = c.session_id
        WHERE c.delivery = 'pending' AND ${heldBySql('s', '$2::text')}),
      EXISTS (SELECT ${waitingSql(schema, '$2::text')})
    )::text AS answer`;
  return {
    join: statement(`
      WITH ${LOCK_LIMIT}, own AS (
        INSERT INTO ${replica} AS r (incarnation, replica_id, ttl_ms) SELECT $2::text, $3::text, $4::int FROM lock_limit
        ON CONFLICT (incarnation) DO UPDATE SET ${renew} WHERE r.fenced_at IS NULL
        RETURNING ${own}
      )
      ${answer('r.replica_id = $3::text', 'true')}`),
    beat: statement(`
      WITH ${LOCK_LIMIT}, renewed AS (
        UPDATE ${replica} r SET replica_id = $3::text, ttl_ms = $4::int, mass_outage = $6::boolean, stuck = $7::boolean,
          ${renew}
        FROM lock_limit WHERE r.incarnation = $2::text AND r.fenced_at IS NULL RETURNING ${own}
      ),
      added AS (
        INSERT INTO ${replica} AS r (incarnation, replica_id, ttl_ms, mass_outage, stuck)
        SELECT $2::text, $3::text, $4::int, $6::boolean, $7::boolean FROM lock_limit
        WHERE NOT EXISTS (SELECT FROM renewed) AND NOT EXISTS (SELECT FROM ${replica} r WHERE r.incarnation = $2::text)
          AND ${owns('$2::text')}
        ON CONFLICT (incarnation) DO NOTHING RETURNING ${own}
      ),
      own AS (SELECT * FROM renewed UNION ALL SELECT * FROM added)
      ${answer(
        '(r.replica_id = $3::text OR r.number < $5::bigint)',
        // The row as it was before: a statement sees nothing of its own changes.
        `$8::bigint IS NULL OR EXISTS (SELECT FROM ${replica} r WHERE r.incarnation = $2::text AND r.number >= $8::bigint)`,
      )}`),
    fence: statement(`
      WITH ${LOCK_LIMIT},
      standing AS MATERIALIZED (
        SELECT r.incarnation FROM lock_limit, ${replica} r
        WHERE r.incarnation = $2::text AND r.number = $3::bigint AND r.fenced_at IS NULL ${LOCK_TO_FENCE}
      ),
      fenced AS (
        UPDATE ${replica} r SET fenced_at = clock_timestamp() FROM standing s WHERE r.incarnation = s.incarnation RETURNING 1
      )
      SELECT json_build_array(EXISTS (SELECT FROM fenced))::text AS answer`),
    isFenced: statement(`
      SELECT json_build_array(EXISTS (
        SELECT FROM ${replica} r WHERE r.incarnation = $1::text AND r.fenced_at IS NOT NULL))::text AS answer`),
    addUnknown: statement(addUnknownSql(schema)),
    leave: statement(`
      WITH ${LOCK_LIMIT},
      left_over AS MATERIALIZED (SELECT ${owns('$2::text')} AS some FROM lock_limit),
      standing AS MATERIALIZED (
        SELECT r.incarnation FROM left_over l, ${replica} r WHERE r.incarnation = $2::text AND l.some ${LOCK_TO_FENCE}
      ),
      ended AS (
        UPDATE ${replica} r SET fenced_at = coalesce(r.fenced_at, clock_timestamp())
        FROM standing s WHERE r.incarnation = s.incarnation
      ),
      gone AS (DELETE FROM ${replica} r USING left_over l WHERE r.incarnation = $2::text AND NOT l.some)
      SELECT '[]'::text AS answer`),
  };
}

/**
 * Owners come from the index by jumping from one to the next, so that the cost is the number of replicas and not of
 * sessions.
 */
function addUnknownSql(schema: string): string {
  return `
    WITH RECURSIVE ${LOCK_LIMIT},
    owners AS (
      (SELECT min(s.owner) AS owner FROM ${schema}.session s WHERE s.owner IS NOT NULL)
      UNION ALL
      SELECT (SELECT min(s.owner) FROM ${schema}.session s WHERE s.owner IS NOT NULL AND s.owner > o.owner)
      FROM owners o WHERE o.owner IS NOT NULL
    ),
    added AS (
      INSERT INTO ${schema}.replica AS r (incarnation, replica_id, ttl_ms, stuck)
      SELECT o.owner, 'unknown', $2::int, true FROM owners o, lock_limit
      WHERE o.owner IS NOT NULL AND NOT EXISTS (SELECT FROM ${schema}.replica r WHERE r.incarnation = o.owner)
      ON CONFLICT (incarnation) DO NOTHING RETURNING 1
    )
    SELECT json_build_array(count(*))::text AS answer FROM added`;
}
