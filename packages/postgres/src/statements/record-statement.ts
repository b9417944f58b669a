import { type Statement, statement } from '../driver/run-statement.js';
import { NOW_MS } from '../rows/conversation-row.js';
import { LOCK_LIMIT } from './write-statements.js';

/**
 * What the statement returns: for each message the sequence its conversation had (`null` for a new one) and how many
 * messages of it counted until there; then id and sequence of the conversations that were made.
 */
export type RecordAnswer = [
  messages: [before: number | null, counted: number][],
  made: [id: string, sequence: number][],
];

/**
 * Records messages, many of one conversation too, as if they came one by one.
 *
 * The known rows are locked first, in the order of their ids, and read as they are then, so that what counts is judged
 * on the very row that is changed. What nobody knew when the statement began is inserted; where another inserted it
 * meanwhile, that row takes the messages if nothing that was not read could make one of them an echo or history. Else
 * the caller comes again.
 *
 * FULL JOIN, where a LEFT one says the same, because it is never run as a nested loop: a million comparisons for a
 * thousand messages.
 */
export function recordStatement(schema: string): Statement {
  const conversation = `${schema}.conversation`;
  return statement(`
    WITH ${LOCK_LIMIT},
    moment AS MATERIALIZED (SELECT ${NOW_MS} AS now FROM lock_limit),
    message AS MATERIALIZED (
      SELECT i.no, i.id, i.session_id, i.speaker, i.chat, i.message_id, least(i.at, moment.now) AS at,
        i.at > moment.now - interval '1 day' AS live
      FROM moment, unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[])
        WITH ORDINALITY i(id, session_id, speaker, at, chat, message_id, no)
    ),
    known AS MATERIALIZED (
      SELECT c.id, c.sequence, c.state, c.last_message_at, c.warning_id, c.farewell_id
      FROM lock_limit, ${conversation} c WHERE c.id = ANY ($2::text[]) ORDER BY c.id FOR NO KEY UPDATE OF c
    ),
    judged AS MATERIALIZED (
      SELECT m.*, k.sequence AS before, k.state = 'CLOSED' AS closed, m.at > k.last_message_at AS newer,
        coalesce(m.message_id IN (k.warning_id, k.farewell_id), false) AS echo
      FROM message m FULL JOIN known k ON k.id = m.id
    ),
    counted AS MATERIALIZED (
      SELECT j.*, NOT j.echo AND (j.closed IS NOT TRUE
        OR bool_or(j.newer AND NOT j.echo) OVER (PARTITION BY j.id ORDER BY j.no)) AS counts
      FROM judged j
    ),
    numbered AS MATERIALIZED (
      SELECT n.*, count(*) FILTER (WHERE n.counts) OVER (PARTITION BY n.id ORDER BY n.no) AS nth FROM counted n
    ),
    folded AS MATERIALIZED (
      SELECT n.id, n.before IS NULL AS is_new, count(*) AS count, max(n.at) AS at, bool_or(n.live) AS live,
        (array_agg(n.session_id ORDER BY n.no DESC))[1] AS session_id,
        (array_agg(n.speaker ORDER BY n.at DESC, n.no DESC))[1] AS speaker,
        (array_agg(n.chat ORDER BY n.no DESC) FILTER (WHERE n.chat IS NOT NULL))[1] AS chat
      FROM numbered n WHERE n.counts GROUP BY n.id, n.before
    ),
    updated AS (
      UPDATE ${conversation} c SET ${takeMessages({ count: 'f.count', from: 'f', live: 'f.live', speaker: 'f.speaker', at: 'f.at' })},
        heard_at = moment.now
      FROM moment, folded f WHERE c.id = f.id AND NOT f.is_new
    ),
    made AS (
      INSERT INTO ${conversation} AS c (id, session_id, chat, sequence, last_message_at, last_from, heard_at, adopted)
      SELECT f.id, f.session_id, f.chat, f.count, f.at, f.speaker, moment.now, NOT f.live
      FROM moment, folded f WHERE f.is_new ORDER BY f.id COLLATE "C"
      ON CONFLICT (id) DO UPDATE SET ${takeMessages({
        count: 'excluded.sequence',
        from: 'excluded',
        live: 'NOT excluded.adopted',
        speaker: 'excluded.last_from',
        at: 'excluded.last_message_at',
      })},
        heard_at = excluded.heard_at
      WHERE c.state = 'OPEN' AND c.warning_id IS NULL AND c.farewell_id IS NULL
      RETURNING c.id, c.sequence
    )
    SELECT json_build_array(
      coalesce((SELECT json_agg(json_build_array(n.before, n.nth) ORDER BY n.no) FROM numbered n), '[]'),
      coalesce((SELECT json_agg(json_build_array(m.id, m.sequence)) FROM made m), '[]')
    )::text AS answer`);
}

function takeMessages(taken: { count: string; from: string; live: string; speaker: string; at: string }): string {
  return `session_id = ${taken.from}.session_id, chat = coalesce(${taken.from}.chat, c.chat), state = 'OPEN',
    sequence = c.sequence + ${taken.count}, last_message_at = greatest(c.last_message_at, ${taken.at}),
    last_from = CASE WHEN ${taken.at} >= c.last_message_at THEN ${taken.speaker} ELSE c.last_from END,
    warned_at = NULL, adopted = c.adopted AND NOT (${taken.live}),
    delivery = CASE WHEN c.delivery = 'pending' THEN NULL ELSE c.delivery END`;
}
