import { type Statement, statement } from '../driver/run-statement.js';
import { conversationSql, gateSql, hostConversationSql, NOW_MS, sinceMsSql } from '../rows/conversation-row.js';
import type { ConversationsMirrorSql } from '../rows/mirror-sql-types.js';
import { heldBySql, opaqueSql } from '../rows/session-row.js';
import { failUnwritten, type MoveStatements, moveStatements } from './move-statement.js';
import { recordStatement } from './record-statement.js';
import { LOCK_LIMIT } from './write-statements.js';

/** Statements on conversations. */
export interface ConversationStatements extends MoveStatements {
  readonly record: Statement;
  readonly countOpen: Statement;
  readonly inactive: Statement;
  readonly outgoing: Statement;
  readonly get: Statement;
  readonly beginSend: Statement;
  /** Ends one send, the host's row with it. */
  readonly endSend: Statement;
  /** The same, where the host's row was refused: the conversation stays `CLOSING`, until it can be closed in both. */
  readonly endSendOursOnly: Statement;
  /** Ends sends whose sender is gone. */
  readonly endLost: Statement;
  readonly endLostOursOnly: Statement;
  readonly lostIds: Statement;
  /** Only with a table of the host. */
  readonly host: HostStatements | null;
}

/** Statements that follow the host's table. */
export interface HostStatements {
  readonly adopt: Statement;
  /** Closes here what the host has closed or deleted itself. */
  readonly follow: Statement;
  /** Ids that wait to be closed in both tables. */
  readonly owedIds: Statement;
  readonly closeOwed: Statement;
}

/** Condition of a heartbeat `r`, joined to its owner: the lease is over. */
const LEASE_OVER = `(r.incarnation IS NULL OR r.fenced_at IS NOT NULL
  OR clock_timestamp() > r.beat_at + r.ttl_ms * interval '1 millisecond')`;

/** Makes the statements of a schema. */
export function conversationStatements(schema: string, mirror: ConversationsMirrorSql | null): ConversationStatements {
  const [conversation, session, replica] = ['conversation', 'session', 'replica'].map((name) => `${schema}.${name}`);
  const host = hostConversationSql(mirror, 'c');
  const tuple = conversationSql('c', host.word);
  const lost = `SELECT c.id FROM lock_limit, ${conversation} c LEFT JOIN ${replica} r ON r.incarnation = c.sender
    WHERE c.delivery = 'sending' AND ${LEASE_OVER}`;
  const end = (picked: string, delivery: string, withHost: boolean) =>
    statement(endSql({ conversation: conversation!, picked, delivery, withHost, mirror }));
  const one = `SELECT c.id FROM lock_limit, ${conversation} c
    WHERE c.id = $2::text AND c.outgoing_id = $3::text AND c.delivery = 'sending' FOR NO KEY UPDATE OF c`;
  const someLost = `${lost} AND ($3::text IS NULL OR c.id = $3::text)
    ORDER BY c.id LIMIT $2::int FOR NO KEY UPDATE OF c SKIP LOCKED`;
  return {
    ...moveStatements(schema, mirror),
    record: recordStatement(schema),
    // The condition of the index `conversation_quiet`, so that closed conversations cost nothing.
    countOpen: statement(`
      SELECT json_build_array(count(*))::text AS answer FROM ${conversation} c WHERE c.state IN ('OPEN', 'WARNED')`),
    // `statement_timestamp()` is store time and fit for an index; a statement of ours is its own transaction.
    inactive: statement(`
      SELECT coalesce(json_agg(json_build_array(${conversationSql('c', 'c.host_word')},
        ${sinceMsSql('c.heard_at')}, ${sinceMsSql('c.warned_at')}, c.gate_open)
        ORDER BY c.heard_at, c.id), '[]')::text AS answer
      FROM (
        SELECT c.*, ${host.word} AS host_word, coalesce(${gateSql('$2::float8')}, false) AS gate_open
        FROM ${conversation} c JOIN ${session} s ON s.id = c.session_id LEFT JOIN ${replica} r ON r.incarnation = s.owner
        ${host.join}
        WHERE c.state IN ('OPEN', 'WARNED')
          AND c.heard_at < statement_timestamp() - $1::float8 * interval '1 millisecond'
          AND (c.heard_at, c.id) > ($3::timestamptz, $4::text)
          AND ${host.open} AND (${host.word} = ANY ($6::text[])) IS NOT TRUE
        ORDER BY c.heard_at, c.id LIMIT $5::int
      ) c`),
    outgoing: statement(`
      SELECT coalesce(json_agg(${tuple} ORDER BY c.id), '[]')::text AS answer FROM (
        SELECT c.* FROM ${conversation} c JOIN ${session} s ON s.id = c.session_id
        WHERE c.delivery = 'pending' AND ${heldBySql('s', '$1::text')} AND NOT c.session_id = ANY ($2::text[])
        ORDER BY c.id LIMIT $3::int
      ) c ${host.join}`),
    get: statement(`
      SELECT coalesce(json_agg(${tuple}), '[]')::text AS answer
      FROM ${conversation} c ${host.join} WHERE c.id = ANY ($1::text[])`),
    // What the host has taken back meanwhile is withdrawn, so that it does not wait for ever.
    beginSend: statement(`
      WITH ${LOCK_LIMIT},
      gate AS MATERIALIZED (
        SELECT s.id FROM lock_limit, ${conversation} c JOIN ${session} s ON s.id = c.session_id
        JOIN ${replica} r ON r.incarnation = s.owner
        WHERE c.id = $2::text AND s.owner = $5::text AND ${gateSql('$6::float8')} FOR SHARE OF s, r
      ),
      host AS MATERIALIZED (SELECT ${host.open} AS is_open FROM (SELECT $2::text AS id) c ${host.join}),
      begun AS (
        UPDATE ${conversation} c SET
          delivery = CASE WHEN h.is_open THEN 'sending' END,
          sender = CASE WHEN h.is_open THEN $5::text END,
          state = CASE WHEN h.is_open THEN c.state ELSE 'OPEN' END
        FROM gate g, host h
        WHERE c.id = $2::text AND c.session_id = g.id AND c.sequence = $3::bigint AND c.outgoing_id = $4::text
          AND c.delivery = 'pending'
        RETURNING c.delivery
      )
      SELECT json_build_array(EXISTS (SELECT FROM begun WHERE delivery = 'sending'))::text AS answer`),
    endSend: end(one, '$4::text', true),
    endSendOursOnly: end(one, '$4::text', false),
    endLost: end(someLost, `'unknown'`, true),
    endLostOursOnly: end(someLost, `'unknown'`, false),
    lostIds: statement(`
      WITH lock_limit AS (SELECT 1), lost AS (${lost} ORDER BY c.id LIMIT $1::int)
      SELECT coalesce(json_agg(id), '[]')::text AS answer FROM lost`),
    host: mirror === null ? null : hostStatements(conversation!, mirror),
  };
}

/** Ends the sends of some rows, and closes the host's rows of those that are closed by it. */
function endSql(params: {
  conversation: string;
  picked: string;
  delivery: string;
  withHost: boolean;
  mirror: ConversationsMirrorSql | null;
}): string {
  const { conversation, picked, delivery, withHost, mirror } = params;
  const closed = mirror === null || withHost ? 'CLOSED' : 'CLOSING';
  const writes = mirror !== null && withHost ? hostSql(mirror) : { host: '', word: 'NULL', check: 'NULL' };
  const read = hostConversationSql(mirror, 'c');
  return `
    WITH ${LOCK_LIMIT}, picked AS MATERIALIZED (${picked}),
    changed AS (
      UPDATE ${conversation} c SET delivery = ${delivery}, sender = NULL,
        state = CASE WHEN c.state = 'CLOSING' AND c.outgoing_kind = 'farewell' THEN '${closed}' ELSE c.state END,
        warned_at = CASE WHEN c.state = 'WARNED' AND c.outgoing_kind = 'warning' THEN ${NOW_MS} ELSE c.warned_at END
      FROM picked WHERE c.id = picked.id RETURNING c.*
    ) ${writes.host}
    SELECT json_build_array(
      coalesce((SELECT json_agg(${conversationSql('c', `coalesce(${writes.word}, ${read.word})`)})
        FROM changed c ${read.join}), '[]'), ${writes.check})::text AS answer`;
}

function hostSql({ table, match, isOpen, isClosed, closing, word }: ConversationsMirrorSql) {
  const unwritten = `SELECT FROM changed c JOIN ${table} m ON ${match('c.id')}
    WHERE c.state = 'CLOSED' AND ${isOpen} AND c.id NOT IN (SELECT id FROM host WHERE closed)`;
  return {
    host: `, host AS (
      UPDATE ${table} m SET ${closing} FROM changed c WHERE c.state = 'CLOSED' AND ${match('c.id')} AND ${isOpen}
      RETURNING c.id, ${isClosed} AS closed, ${word} AS word
    )`,
    word: '(SELECT h.word FROM host h WHERE h.id = c.id)',
    check: failUnwritten(unwritten),
  };
}

/**
 * What is there and what is known are laid over each other as a whole, by FULL JOIN, which is never run as a nested
 * loop: under a LIMIT the planner would look up one row after the other, and all of them once nothing is new any more.
 * Ids are judged by two cheap tests: one pattern with a count in it took 30 microseconds a row.
 */
function hostStatements(conversation: string, mirror: ConversationsMirrorSql): HostStatements {
  const { table, match, id, isOpen, isOurs, isClosed, sessionId } = mirror;
  const owed = `c.state = 'CLOSING' AND c.delivery IN ('sent', 'unknown', 'failed')`;
  const { host, check } = hostSql(mirror);
  const open = `open AS MATERIALIZED (
        SELECT ${id} AS id, ${sessionId} AS session_id FROM lock_limit, ${table} m
        WHERE ${isOpen} AND ${isOurs} AND length(${id}) BETWEEN 1 AND 255 AND ${id} !~ '[[:cntrl:]]'
      )`;
  const inactive = `c.state IN ('OPEN', 'WARNED') AND c.delivery IS DISTINCT FROM 'sending'
          AND c.heard_at < statement_timestamp() - interval '1 hour'`;
  return {
    // One that is closed here and open there was opened by the host itself, without a message.
    adopt: statement(`
      WITH ${LOCK_LIMIT}, moment AS MATERIALIZED (SELECT ${NOW_MS} AS now FROM lock_limit),
      ${open},
      known AS MATERIALIZED (
        SELECT c.id FROM ${conversation} c WHERE c.state IN ('OPEN', 'WARNED')
        UNION ALL SELECT c.id FROM ${conversation} c WHERE c.state = 'CLOSING'
      ),
      unknown AS MATERIALIZED (
        SELECT o.id, o.session_id FROM open o FULL JOIN known k ON k.id = o.id WHERE k.id IS NULL LIMIT $2::int
      ),
      adopted AS (
        INSERT INTO ${conversation} AS c (id, session_id, last_message_at, heard_at, adopted)
        SELECT u.id, u.session_id, moment.now, moment.now, true FROM moment, unknown u
        ON CONFLICT (id) DO UPDATE SET state = 'OPEN', adopted = true, heard_at = excluded.heard_at, warned_at = NULL,
          sequence = c.sequence + 1
          WHERE c.state = 'CLOSED'
        RETURNING 1
      )
      SELECT json_build_array(count(*))::text AS answer FROM adopted`),
    // An hour, because a host may be slow to open its row after a message.
    follow: statement(`
      WITH ${LOCK_LIMIT}, ${open},
      inactive AS MATERIALIZED (SELECT c.id FROM ${conversation} c WHERE ${inactive}),
      other AS MATERIALIZED (SELECT q.id FROM inactive q FULL JOIN open o ON o.id = q.id WHERE o.id IS NULL),
      ended AS MATERIALIZED (
        SELECT c.id FROM other JOIN ${conversation} c ON c.id = other.id LEFT JOIN ${table} m ON ${match('c.id')}
        WHERE ${opaqueSql(inactive)} AND coalesce(${isClosed}, true)
        LIMIT $2::int FOR NO KEY UPDATE OF c SKIP LOCKED
      ),
      changed AS (
        UPDATE ${conversation} c SET state = 'CLOSED', delivery = CASE WHEN c.delivery = 'pending' THEN NULL ELSE c.delivery END
        FROM ended WHERE c.id = ended.id
      )
      SELECT '[]'::text AS answer`),
    owedIds: statement(`
      SELECT coalesce(json_agg(id ORDER BY id), '[]')::text AS answer
      FROM (SELECT c.id FROM ${conversation} c WHERE ${owed} ORDER BY c.id LIMIT $1::int) c`),
    closeOwed: statement(`
      WITH ${LOCK_LIMIT}, changed AS (
        UPDATE ${conversation} c SET state = 'CLOSED' FROM lock_limit WHERE c.id = $2::text AND ${owed} RETURNING c.*
      ) ${host}
      SELECT json_build_array(${check})::text AS answer`),
  };
}
