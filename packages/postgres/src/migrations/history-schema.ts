/**
 * History of the session rows: one trigger sees every statement that changes them, a person's included, so no
 * statement has to think of it. It runs once a statement and its function is planned once a connection, maybe for one
 * row; a nested loop that was good for one would be a million comparisons for a thousand. It has no foreign key:
 * checking one would lock every session row anew. A row's lock is held while its entry is written, so the trigger on
 * DELETE, whose query sees what committed while the deletion waited for that lock, leaves none behind.
 *
 * `stamp` orders the feed: no less than the writer's transaction id, so that everything below the oldest running
 * transaction is final and nothing can appear there any more; and no less than the newest transaction that had ended
 * when the entry was written, so that of two changes of one row the second never sorts before the first, though its
 * transaction may have begun earlier. `history.forgotten_*`: how far entries were pruned.
 */
export const HISTORY = `
CREATE TABLE @schema.transition (
  stamp bigint NOT NULL,
  no bigint GENERATED ALWAYS AS IDENTITY,
  session_no bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  from_status text NOT NULL,
  to_status text NOT NULL,
  evidence text NOT NULL,
  health text NOT NULL,
  reason_code text,
  reason_detail text,
  owner text COLLATE "C",
  PRIMARY KEY (stamp, no)
);
CREATE INDEX transition_of_session ON @schema.transition (session_no, no);
CREATE INDEX transition_at ON @schema.transition (at);
CREATE TABLE @schema.history (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  forgotten_stamp bigint NOT NULL DEFAULT 0,
  forgotten_no bigint NOT NULL DEFAULT 0
);
INSERT INTO @schema.history DEFAULT VALUES;

CREATE FUNCTION @schema.record_transitions() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $body$
BEGIN
  INSERT INTO @schema.transition (stamp, session_no, from_status, to_status, evidence, health, reason_code, reason_detail, owner)
  SELECT greatest(pg_current_xact_id()::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1),
    a.no, b.status, a.status, a.evidence, a.health, a.reason_code, a.reason_detail,
    CASE WHEN a.evidence = 'observed' THEN coalesce(a.owner, b.owner) END
  FROM after_rows a JOIN before_rows b ON b.no = a.no
  WHERE a.status <> b.status OR a.health <> b.health OR a.evidence <> b.evidence
    OR a.reason_code IS DISTINCT FROM b.reason_code;
  RETURN NULL;
END $body$;
CREATE TRIGGER record_transitions AFTER UPDATE ON @schema.session
  REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows
  FOR EACH STATEMENT EXECUTE FUNCTION @schema.record_transitions();

CREATE FUNCTION @schema.forget_transitions() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  DELETE FROM @schema.transition t WHERE t.session_no = ANY (ARRAY(SELECT no FROM gone_rows));
  RETURN NULL;
END $body$;
CREATE TRIGGER forget_transitions AFTER DELETE ON @schema.session
  REFERENCING OLD TABLE AS gone_rows
  FOR EACH STATEMENT EXECUTE FUNCTION @schema.forget_transitions();
`;
