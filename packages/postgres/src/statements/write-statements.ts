import { type Statement, statement } from '../driver/run-statement.js';
import { quoteLiteral } from '../driver/sql-text.js';
import { answerChangedSql } from '../host-table/mirror-sql.js';
import type { SessionsMirrorSql } from '../rows/mirror-sql-types.js';
import { heldBySql, hostExpressions, tupleSql, unvouchedSql } from '../rows/session-row.js';
import { hostJoinSql } from './read-statements.js';

/**
 * Every statement that can wait for a lock starts with this: the limit holds from there to the end of the statement,
 * and nothing has to be set on a connection, which behind a transaction pooler serves another client a moment later.
 * (Measured: `lock_timeout` is read when a wait begins. `statement_timeout` is not, so the client keeps that limit.)
 */
export const LOCK_LIMIT = `lock_limit AS MATERIALIZED (SELECT set_config('lock_timeout', $1::text, true) AS ms)`;

/** Values of a guarded write, in the order of their parameters, which begin at the third. */
const WRITE_INPUT = [
  ['id', 'text'],
  ['tenure', 'text'],
  ['version', 'bigint'],
  ['write_id', 'text'],
  ['repair', 'boolean'],
  ['status', 'text'],
  ['health', 'text'],
  ['reason_code', 'text'],
  ['reason_detail', 'text'],
  ['reconnect_attempt', 'int'],
  ['phone', 'text'],
  ['qr', 'text'],
  ['seen_ago_ms', 'float8'],
] as const;

/** Statements that change session rows. The first parameter of each is the lock limit in milliseconds. */
export interface WriteStatements {
  readonly create: Statement;
  /** Guarded writes; they pass over session rows that somebody has locked. */
  readonly write: Statement;
  /**
   * One guarded write, with single values in place of the arrays: its generic plan costs what a custom one does, so a
   * prepared one is not planned again at each event, as the statement over arrays is.
   */
  readonly writeOne: Statement;
  readonly claim: Statement;
  readonly release: Statement;
  /** The same, passing over rows that somebody holds locked. */
  readonly releaseUnlocked: Statement;
  readonly freeFenced: Statement;
  /** Ends the adoption grace; returns the status that was with each row. */
  readonly closeUnheld: Statement;
  /** Writes one host row from ours, waiting for it. */
  readonly repairHost: Statement;
  /** Activates host rows again; `null` where the host's `active` is not mapped. */
  readonly activateHost: Statement | null;
  readonly remove: Statement;
}

/**
 * Assignments to a row that was ended: its owner released it or is gone. Why a login ended says more than who held it
 * last.
 */
export const END_ROW = `
  owner = NULL, tenure = NULL, version = s.version + 1,
  status = CASE WHEN s.status = 'LOGGED_OUT' THEN s.status ELSE 'DISCONNECTED' END,
  health = CASE WHEN s.status = 'LOGGED_OUT' THEN s.health ELSE 'healthy' END,
  reconnect_attempt = CASE WHEN s.status = 'LOGGED_OUT' THEN s.reconnect_attempt ELSE 0 END,
  qr = NULL, settled_at = clock_timestamp(),
  status_changed_at = CASE WHEN s.status IN ('LOGGED_OUT', 'DISCONNECTED') THEN s.status_changed_at ELSE clock_timestamp() END`;

export const reasonAtEnd = (code: string, detail: string) => `
  reason_code = CASE WHEN s.status = 'LOGGED_OUT' THEN s.reason_code ELSE ${code} END,
  reason_detail = CASE WHEN s.status = 'LOGGED_OUT' THEN s.reason_detail ELSE ${detail} END`;

/** What an import said of it is no proof of life. */
const SEEN = `s.status = 'CONNECTED' AND s.evidence = 'observed'`;

/** Makes the writing statements of a schema; `mirror: null` leaves the host's table alone. */
export function writeStatements(schema: string, mirror: SessionsMirrorSql | null): WriteStatements {
  const session = `${schema}.session`;
  const answer = answerChangedSql(schema, mirror, 'skip');
  const manyInput = `SELECT i.* FROM lock_limit, unnest(${WRITE_INPUT.map(([, type], index) => `$${index + 3}::${type}[]`)})
    AS i(${WRITE_INPUT.map(([name]) => name)})`;
  const oneInput = `SELECT ${WRITE_INPUT.map(([name, type], index) => `$${index + 3}::${type} AS ${name}`)} FROM lock_limit`;
  const write = (input: string) => `
    WITH ${LOCK_LIMIT},
    input AS MATERIALIZED (${input}),
    free AS MATERIALIZED (
      SELECT i.* FROM input i JOIN ${session} s ON s.id = i.id FOR NO KEY UPDATE OF s SKIP LOCKED
    ),
    changed AS (
      UPDATE ${session} s SET
        version = s.version + 1, write_id = i.write_id,
        status = CASE WHEN i.repair THEN s.status ELSE i.status END,
        evidence = CASE WHEN i.repair THEN s.evidence ELSE 'observed' END,
        health = CASE WHEN i.repair THEN s.health ELSE i.health END,
        reason_code = CASE WHEN i.repair THEN s.reason_code ELSE i.reason_code END,
        reason_detail = CASE WHEN i.repair THEN s.reason_detail ELSE i.reason_detail END,
        reconnect_attempt = CASE WHEN i.repair THEN s.reconnect_attempt ELSE i.reconnect_attempt END,
        phone = CASE WHEN i.repair THEN s.phone ELSE i.phone END,
        qr = CASE WHEN i.repair THEN s.qr WHEN i.status = 'QR_CODE' THEN i.qr END,
        status_changed_at = CASE WHEN i.repair OR i.status = s.status THEN s.status_changed_at ELSE clock_timestamp() END,
        settled_at = CASE WHEN i.repair OR (i.status = s.status AND i.health = s.health) THEN s.settled_at
          ELSE clock_timestamp() END,
        last_seen_at = CASE WHEN i.repair OR i.seen_ago_ms IS NULL THEN s.last_seen_at
          ELSE clock_timestamp() - i.seen_ago_ms * interval '1 millisecond' END
      FROM free i
      WHERE s.id = i.id AND ${heldBySql('s', '$2::text')} AND s.tenure = i.tenure AND s.version = i.version
      RETURNING s.*
    ) ${answer}`;
  const named = 'unnest($3::text[], $7::text[]) n(id, tenure)';
  const release = (locked: '' | 'SKIP LOCKED') => `
    WITH ${LOCK_LIMIT},
    taken AS MATERIALIZED (
      SELECT s.id FROM lock_limit, ${session} s WHERE s.owner = $2::text AND ($3::text[] IS NULL
        OR (s.id, s.tenure) IN (SELECT n.id, n.tenure FROM ${named} WHERE n.tenure IS NOT NULL)
        OR s.id IN (SELECT n.id FROM ${named} WHERE n.tenure IS NULL))
      FOR NO KEY UPDATE OF s ${locked}
    ),
    changed AS (
      UPDATE ${session} s SET ${END_ROW}, ${reasonAtEnd('$4::text', '$5::text')},
        evidence = CASE WHEN s.id IN (SELECT unnest($6::text[])) THEN 'unobserved' ELSE 'observed' END,
        last_seen_at = CASE WHEN ${SEEN} THEN clock_timestamp() ELSE s.last_seen_at END
      FROM taken t WHERE s.id = t.id AND ${heldBySql('s', '$2::text')}
      RETURNING s.*
    ) ${answer}`;
  return {
    create: statement(`
      WITH ${LOCK_LIMIT}, added AS (
        INSERT INTO ${session} (id, id_hash, desired, phone, status, last_seen_at)
        SELECT i.id, i.id_hash, i.desired, i.phone, i.status,
          CASE WHEN i.last_seen_at IS NOT NULL THEN least(i.last_seen_at, clock_timestamp()) END
        FROM lock_limit, unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
          i(id, id_hash, desired, phone, status, last_seen_at)
        ON CONFLICT (id) DO NOTHING RETURNING id
      )
      SELECT coalesce(json_agg(id), '[]')::text AS answer FROM added`),
    write: statement(write(manyInput)),
    writeOne: statement(write(oneInput)),
    claim: statement(claimSql(schema, mirror)),
    release: statement(release('')),
    releaseUnlocked: statement(release('SKIP LOCKED')),
    freeFenced: statement(freeFencedSql(schema, answer)),
    closeUnheld: statement(closeUnheldSql(schema, mirror)),
    repairHost: statement(`
      WITH ${LOCK_LIMIT}, changed AS (
        UPDATE ${session} s SET version = s.version + 1 FROM lock_limit WHERE s.id = $2::text AND s.version = $3::bigint
        RETURNING s.*
      ) ${answerChangedSql(schema, mirror, 'wait')}`),
    activateHost: activateHostStatement(mirror),
    remove: statement(`
      WITH ${LOCK_LIMIT}, gone AS (DELETE FROM ${session} s USING lock_limit WHERE s.id = $2::text RETURNING 1)
      SELECT json_build_array(count(*))::text AS answer FROM gone`),
  };
}

function activateHostStatement(mirror: SessionsMirrorSql | null): Statement | null {
  const switches = mirror?.setActive(true) ?? null;
  if (mirror === null || switches === null) return null;
  return statement(`
    WITH ${LOCK_LIMIT}, woken AS (
      UPDATE ${mirror.table} m SET ${switches} FROM lock_limit, unnest($2::text[]) i(id)
      WHERE ${mirror.match('i.id')} AND ${mirror.stopped}
    )
    SELECT '[]'::text AS answer`);
}

/**
 * The claimant's heartbeat row is read under a lock, so that a fence in flight and a claim wait for each other: a fenced
 * replica can win nothing after the fence, and whatever it won before is there when its sessions are freed. KEY SHARE
 * is enough, because a fence takes the row FOR UPDATE; beats go on meanwhile, however long a claim takes. Session rows
 * that somebody has locked are passed over, and named.
 */
function claimSql(schema: string, mirror: SessionsMirrorSql | null): string {
  const host = hostExpressions(mirror);
  const join = hostJoinSql(mirror, 'c');
  return `
    WITH ${LOCK_LIMIT},
    claimant AS MATERIALIZED (
      SELECT r.incarnation FROM lock_limit, ${schema}.replica r
      WHERE r.incarnation = $2::text AND r.fenced_at IS NULL FOR KEY SHARE OF r
    ),
    input AS MATERIALIZED (SELECT i.* FROM unnest($3::text[], $4::text[], $5::boolean[]) i(id, tenure, takeover)),
    free AS MATERIALIZED (
      SELECT i.*, s.active AS was_active FROM claimant, input i JOIN ${schema}.session s ON s.id = i.id
      FOR NO KEY UPDATE OF s SKIP LOCKED
    ),
    changed AS (
      UPDATE ${schema}.session s SET owner = $2::text, tenure = i.tenure, version = s.version + 1, active = true,
        purge_marked_at = NULL, settled_at = clock_timestamp()
      FROM free i
      WHERE s.id = i.id AND coalesce(clock_timestamp() < $6::timestamptz, true) AND (i.takeover OR (s.active AND (s.owner IS NULL OR s.owner = $2::text)))
        AND NOT (${heldBySql('s', '$2::text')} AND s.tenure IS NOT DISTINCT FROM i.tenure)
      RETURNING s.*, NOT i.was_active AS woken
    )
    SELECT json_build_array(
      EXISTS (SELECT FROM claimant),
      coalesce(clock_timestamp() >= $6::timestamptz, false),
      coalesce((SELECT json_agg(${tupleSql('c', unvouchedSql('c', 'r'), host)}) FROM changed c
        LEFT JOIN ${schema}.replica r ON r.incarnation = c.owner ${join}), '[]'),
      coalesce((SELECT json_agg(c.id) FROM changed c WHERE c.woken), '[]'),
      coalesce((SELECT json_agg(i.id) FROM input i WHERE i.id NOT IN (SELECT f.id FROM free f)), '[]')
    )::text AS answer`;
}

/**
 * The cost is the number of replicas and of rows to free. SKIP LOCKED lets challengers share the work. The fenced row
 * goes in a later call than its last session: only then does a statement's snapshot show that it owns nothing.
 */
function freeFencedSql(schema: string, answer: string): string {
  return `
    WITH ${LOCK_LIMIT},
    dead AS MATERIALIZED (SELECT r.incarnation AS owner, r.beat_at FROM ${schema}.replica r WHERE r.fenced_at IS NOT NULL),
    picked AS MATERIALIZED (
      SELECT s.id, s.owner FROM lock_limit, ${schema}.session s
      WHERE s.owner = ANY (ARRAY(SELECT owner FROM dead))
      ORDER BY s.id LIMIT $2::int OFFSET $3::int FOR NO KEY UPDATE OF s SKIP LOCKED
    ),
    changed AS (
      UPDATE ${schema}.session s SET ${END_ROW}, ${reasonAtEnd(`'owner_lost'`, 'NULL')}, evidence = 'expired',
        last_seen_at = CASE WHEN ${SEEN} THEN d.beat_at ELSE s.last_seen_at END
      FROM picked p JOIN dead d ON d.owner = p.owner
      WHERE s.id = p.id AND ${heldBySql('s', 'p.owner')}
      RETURNING s.*
    ),
    forgotten AS (
      DELETE FROM ${schema}.replica r WHERE r.fenced_at IS NOT NULL
        AND NOT EXISTS (SELECT FROM ${schema}.session s WHERE s.owner = r.incarnation)
    ) ${answer}`;
}

/**
 * What nobody holds is judged by its row and by the host's word; SKIP LOCKED leaves to a claim what it is taking, and
 * lets replicas share the work.
 */
function closeUnheldSql(schema: string, mirror: SessionsMirrorSql | null): string {
  const says = `s.status <> 'DISCONNECTED'`;
  const off = mirror && [mirror.words.DISCONNECTED, mirror.words.LOGGED_OUT].map(quoteLiteral).join(', ');
  return `
    WITH ${LOCK_LIMIT},
    picked AS MATERIALIZED (
      SELECT s.id, s.status AS before FROM lock_limit, ${schema}.session s ${hostJoinSql(mirror, 's')}
      WHERE s.owner IS NULL AND s.evidence = 'unobserved' AND s.status <> 'LOGGED_OUT'
        AND s.created_at < statement_timestamp() - $2::float8 * interval '1 millisecond'
        AND ${mirror === null ? says : `(${says} OR ${mirror.word} NOT IN (${off}))`}
      ORDER BY s.created_at, s.id LIMIT $3::int OFFSET $4::int FOR NO KEY UPDATE OF s SKIP LOCKED
    ),
    changed AS (
      UPDATE ${schema}.session s SET status = 'DISCONNECTED', health = 'healthy', reason_code = 'not_held', reason_detail = NULL,
        reconnect_attempt = 0, qr = NULL, version = s.version + 1,
        status_changed_at = clock_timestamp(), settled_at = clock_timestamp()
      FROM picked p WHERE s.id = p.id RETURNING s.*, p.before
    ) ${answerChangedSql(schema, mirror, 'skip', { extra: ', c.before' })}`;
}
