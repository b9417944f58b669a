import { SESSION_STATUSES } from '@wa-sync/core';
import { quoteLiteral } from '../driver/sql-text.js';
import { HISTORY } from './history-schema.js';

const statuses = SESSION_STATUSES.map(quoteLiteral).join(', ');

/**
 * `fillfactor` leaves space on the page so that a status update stays on it, and no index has a column that changes
 * with the status, not even in its predicate: updates are then heap-only. `owner` and `claimable` change rarely: the
 * status is in what `claimable` is made of, and only a logout of a session that nobody holds changes it.
 *
 * What counts is the space that rows need later: one is made with half of the bytes that it has once somebody holds
 * it, and a third of those with a reason, and `fillfactor` counts only where a row comes to a page. At 80 half of the
 * updates of a fleet that changes at once were not heap-only, at 40 the pages of one that had just been made
 * overflowed in its first storm; at 20 none does.
 *
 * `settled_at` moves with every change of status, health or owner: the gate of conversations counts from it. A mark of
 * the purge is taken back by whoever wants the session again. No date of JavaScript stands for `infinity`: a person
 * who writes one into a row is refused, for the row could not be read any more.
 *
 * `replica.number` is drawn anew with every renewal, by `SET number = DEFAULT`: a sequence of its own would need a right
 * of its own. `joined` is the first number, once there is a second.
 */
const SESSIONS = `
CREATE TABLE @schema.session (
  id text COLLATE "C" PRIMARY KEY,
  no bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  id_hash bigint NOT NULL,
  status text NOT NULL DEFAULT 'DISCONNECTED' CHECK (status IN (${statuses})),
  evidence text NOT NULL DEFAULT 'unobserved' CHECK (evidence IN ('observed', 'expired', 'unobserved')),
  health text NOT NULL DEFAULT 'healthy' CHECK (health IN ('healthy', 'degraded')),
  desired text NOT NULL DEFAULT 'running' CHECK (desired IN ('running', 'stopped')),
  active boolean NOT NULL DEFAULT true,
  reason_code text,
  reason_detail text,
  reconnect_attempt integer NOT NULL DEFAULT 0,
  phone text,
  qr text,
  owner text COLLATE "C",
  tenure text COLLATE "C",
  version bigint NOT NULL DEFAULT 1,
  write_id text COLLATE "C",
  status_changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_seen_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  purge_marked_at timestamptz,
  settled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  claimable boolean NOT NULL GENERATED ALWAYS AS
    (owner IS NULL AND desired = 'running' AND active AND status <> 'LOGGED_OUT') STORED,
  CONSTRAINT session_instants_finite
    CHECK (isfinite(status_changed_at) AND isfinite(settled_at) AND isfinite(created_at) AND isfinite(last_seen_at))
) WITH (fillfactor = 20);
CREATE INDEX session_owner ON @schema.session (owner) WHERE owner IS NOT NULL;
CREATE INDEX session_claimable ON @schema.session (id) WHERE claimable;
CREATE INDEX session_unowned ON @schema.session (created_at) WHERE owner IS NULL;

CREATE TABLE @schema.replica (
  incarnation text COLLATE "C" PRIMARY KEY,
  replica_id text NOT NULL,
  number bigint GENERATED ALWAYS AS IDENTITY,
  joined bigint,
  beat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ttl_ms integer NOT NULL,
  fenced_at timestamptz,
  mass_outage boolean NOT NULL DEFAULT false,
  stuck boolean NOT NULL DEFAULT false,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

CREATE VIEW @schema.session_status AS
SELECT s.id,
  CASE WHEN lease.over AND s.status <> 'LOGGED_OUT' THEN 'DISCONNECTED' ELSE s.status END AS status,
  CASE WHEN lease.over THEN 'expired' ELSE s.evidence END AS evidence,
  s.status AS stored_status, s.evidence AS stored_evidence, s.health, s.desired, s.active,
  s.reason_code, s.reason_detail, s.reconnect_attempt, s.phone, s.status_changed_at,
  CASE WHEN lease.over AND s.status = 'CONNECTED' THEN coalesce(r.beat_at, s.last_seen_at) ELSE s.last_seen_at END
    AS last_seen_at,
  s.created_at, s.owner, s.version
FROM @schema.session s
LEFT JOIN @schema.replica r ON r.incarnation = s.owner
CROSS JOIN LATERAL (SELECT s.owner IS NOT NULL AND (r.incarnation IS NULL OR r.fenced_at IS NOT NULL
  OR r.stuck OR clock_timestamp() > r.beat_at + r.ttl_ms * interval '1 millisecond') AS over) lease;
`;

/** Quarantined records keep their place beside the ones of a later pairing: `quarantine_no` 0 is the living set. */
const AUTH = `
CREATE TABLE @schema.auth_record (
  session_no bigint NOT NULL REFERENCES @schema.session (no) ON DELETE CASCADE,
  type text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  quarantine_no integer NOT NULL DEFAULT 0,
  key_id text,
  value bytea NOT NULL,
  quarantined_at timestamptz,
  quarantine_reason text,
  PRIMARY KEY (session_no, quarantine_no, type, id)
) WITH (fillfactor = 80);
`;

/** `job.revision` lets one of many that read the same state win. */
const JOBS = `
CREATE TABLE @schema.job (
  job text PRIMARY KEY,
  last_slot timestamptz,
  revision bigint NOT NULL DEFAULT 0
);
CREATE TABLE @schema.job_run (
  no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text COLLATE "C" NOT NULL UNIQUE,
  job text NOT NULL,
  slot timestamptz,
  owner text COLLATE "C" NOT NULL,
  outcome text NOT NULL DEFAULT 'running' CHECK (outcome IN ('running', 'finished', 'failed', 'abandoned')),
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  counts jsonb NOT NULL DEFAULT '{}',
  error text
);
CREATE INDEX job_run_by_job ON @schema.job_run (job, no);
`;

/**
 * Of the columns only `heard_at` changes often and has an index, a partial one: it is what finds the inactive ones
 * among a million. `delivery` null: nothing is to be sent, or it was withdrawn. `warning_id`, `farewell_id`: the last
 * ones, to know their echoes.
 */
const CONVERSATIONS = `
CREATE TABLE @schema.conversation (
  id text COLLATE "C" PRIMARY KEY,
  session_id text COLLATE "C" NOT NULL,
  chat text,
  state text NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'WARNED', 'CLOSING', 'CLOSED')),
  sequence bigint NOT NULL DEFAULT 0,
  last_message_at timestamptz NOT NULL,
  heard_at timestamptz NOT NULL,
  last_from text CHECK (last_from IN ('contact', 'agent', 'bot')),
  warned_at timestamptz,
  closing_number integer NOT NULL DEFAULT 0,
  outgoing_id text,
  outgoing_kind text CHECK (outgoing_kind IN ('warning', 'farewell')),
  outgoing_text text,
  delivery text CHECK (delivery IN ('pending', 'sending', 'sent', 'unknown', 'failed')),
  sender text COLLATE "C",
  warning_id text,
  farewell_id text,
  adopted boolean NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX conversation_quiet ON @schema.conversation (heard_at, id) WHERE state IN ('OPEN', 'WARNED');
CREATE INDEX conversation_pending ON @schema.conversation (id) WHERE delivery = 'pending';
CREATE INDEX conversation_sending ON @schema.conversation (id) WHERE delivery = 'sending';
CREATE INDEX conversation_closing ON @schema.conversation (id) WHERE state = 'CLOSING';
`;

/**
 * Requests between replicas. `expires_at` ends a request that is not answered; only a waiting person depends on it. A
 * row is written two or three times and then deleted, so the one index that finds what waits may hold a column that
 * changes.
 */
const INBOX = `
CREATE TABLE @schema.request (
  no bigint GENERATED ALWAYS AS IDENTITY,
  id text COLLATE "C" PRIMARY KEY,
  session_no bigint NOT NULL REFERENCES @schema.session (no) ON DELETE CASCADE,
  kind text NOT NULL,
  asker text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  expires_at timestamptz NOT NULL,
  taken_at timestamptz,
  answered_at timestamptz,
  body text
) WITH (fillfactor = 70);
CREATE INDEX request_waiting ON @schema.request (owner, no) WHERE taken_at IS NULL;
CREATE INDEX request_session ON @schema.request (session_no);
`;

/**
 * How far the writes of a process to a session's credentials have come. A statement that was given up may arrive late,
 * after newer ones of the same process: a fence by tenure does not distinguish them.
 */
const AUTH_ORDER = `
CREATE TABLE @schema.auth_order (
  session_no bigint PRIMARY KEY REFERENCES @schema.session (no) ON DELETE CASCADE,
  writer text COLLATE "C" NOT NULL,
  write_no bigint NOT NULL
) WITH (fillfactor = 50);
`;

/**
 * The same for what the host wants of a session: a desired state that was given up and arrives late must not undo a
 * newer one.
 */
const WISH_ORDER = `
CREATE TABLE @schema.wish_order (
  session_no bigint PRIMARY KEY REFERENCES @schema.session (no) ON DELETE CASCADE,
  writer text COLLATE "C" NOT NULL,
  write_no bigint NOT NULL
) WITH (fillfactor = 50);
`;

/** The whole schema, with `@schema` where its quoted name belongs. */
export const SCHEMA = [SESSIONS, AUTH, JOBS, CONVERSATIONS, HISTORY, INBOX, AUTH_ORDER, WISH_ORDER].join('');
