import { type Statement, statement } from '../driver/run-statement.js';
import { leaseOverSql } from '../rows/session-row.js';
import { LOCK_LIMIT } from './write-statements.js';

/** Statements on job runs. */
export interface JobStatements {
  readonly lastSlot: Statement;
  /** Adds the row of a job that was never seen; it has begun no slot. */
  readonly ensure: Statement;
  /**
   * `[revision (null where the job was never seen),
   * slot is taken, run of this id, run under way with a living owner, newest run, owner stands]`
   */
  readonly state: Statement;
  /** `[run]` where the revision was still the one that was read and the owner's lease stands, else `[]`. */
  readonly begin: Statement;
  readonly end: Statement;
  readonly list: Statement;
  readonly get: Statement;
}

/** Runs that are remembered of each job. */
const KEPT = 1_000;

const RUN = `json_build_array(j.id, j.job, j.slot, j.owner, j.outcome, j.started_at, j.ended_at, j.counts, j.error)`;

/** Makes the statements of a schema. */
export function jobStatements(schema: string): JobStatements {
  const [job, run, replica] = [`${schema}.job`, `${schema}.job_run`, `${schema}.replica`];
  const living = `LEFT JOIN ${replica} r ON r.incarnation = j.owner WHERE j.outcome = 'running' AND NOT ${leaseOverSql('j', 'r')}`;
  return {
    lastSlot: statement(`
      WITH ${LOCK_LIMIT}, seen AS (SELECT last_slot FROM ${job} WHERE job = $2::text AND last_slot IS NOT NULL),
      added AS (
        INSERT INTO ${job} AS b (job, last_slot)
        SELECT $2::text, clock_timestamp() FROM lock_limit WHERE NOT EXISTS (SELECT FROM seen)
        ON CONFLICT (job) DO UPDATE SET last_slot = excluded.last_slot WHERE b.last_slot IS NULL RETURNING last_slot
      )
      SELECT json_build_array((SELECT last_slot FROM seen UNION ALL SELECT last_slot FROM added))::text AS answer`),
    ensure: statement(`
      WITH ${LOCK_LIMIT}, added AS (
        INSERT INTO ${job} (job) SELECT $2::text FROM lock_limit ON CONFLICT (job) DO NOTHING
      )
      SELECT '[]'::text AS answer`),
    state: statement(`
      SELECT json_build_array(
        b.revision,
        coalesce($2::timestamptz <= b.last_slot, false),
        (SELECT ${RUN} FROM ${run} j WHERE j.id = $3::text),
        (SELECT ${RUN} FROM ${run} j ${living} AND j.job = b.job ORDER BY j.no DESC LIMIT 1),
        (SELECT ${RUN} FROM ${run} j WHERE j.job = b.job ORDER BY j.no DESC LIMIT 1),
        EXISTS (SELECT FROM ${replica} r WHERE r.incarnation = $4::text AND r.fenced_at IS NULL)
      )::text AS answer FROM (VALUES (1)) one LEFT JOIN ${job} b ON b.job = $1::text`),
    begin: statement(`
      WITH ${LOCK_LIMIT},
      claimant AS MATERIALIZED (
        SELECT r.incarnation FROM lock_limit, ${replica} r
        WHERE r.incarnation = $5::text AND r.fenced_at IS NULL FOR SHARE OF r
      ),
      taken AS (
        UPDATE ${job} b SET revision = b.revision + 1, last_slot = coalesce($4::timestamptz, b.last_slot)
        FROM claimant WHERE b.job = $2::text AND b.revision = $6::bigint RETURNING b.job
      ),
      abandoned AS (
        UPDATE ${run} j SET outcome = 'abandoned', ended_at = clock_timestamp()
        FROM taken WHERE j.job = taken.job AND j.outcome = 'running'
      ),
      forgotten AS (
        DELETE FROM ${run} j USING taken WHERE j.job = taken.job AND j.no <= (
          SELECT old.no FROM ${run} old WHERE old.job = taken.job ORDER BY old.no DESC OFFSET ${KEPT - 1} LIMIT 1)
      ),
      added AS (
        INSERT INTO ${run} (id, job, slot, owner) SELECT $3::text, job, $4::timestamptz, $5::text FROM taken RETURNING *
      )
      SELECT coalesce(json_agg(${RUN}), '[]')::text AS answer FROM added j`),
    end: statement(`
      WITH ${LOCK_LIMIT}, ended AS (
        UPDATE ${run} j SET outcome = $4::text, counts = $5::jsonb, error = $6::text, ended_at = clock_timestamp()
        FROM lock_limit WHERE j.id = $2::text AND j.owner = $3::text AND j.outcome = 'running' RETURNING 1
      )
      SELECT json_build_array(EXISTS (SELECT FROM ended) OR EXISTS (
        SELECT FROM ${run} j WHERE j.id = $2::text AND j.owner = $3::text AND j.outcome = $4::text))::text AS answer`),
    list: statement(`
      SELECT coalesce(json_agg(${RUN} ORDER BY j.no DESC), '[]')::text AS answer FROM (
        SELECT * FROM ${run} j WHERE ($1::text IS NULL OR j.job = $1::text)
          AND ($2::text IS NULL OR j.no < (SELECT b.no FROM ${run} b WHERE b.id = $2::text))
        ORDER BY j.no DESC LIMIT $3::int
      ) j`),
    get: statement(`SELECT coalesce(json_agg(${RUN}), '[]')::text AS answer FROM ${run} j WHERE j.id = $1::text`),
  };
}
