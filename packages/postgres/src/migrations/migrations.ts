import { SESSION_STATUSES } from '@wa-sync/core';
import { checkSchemaName } from '../driver/config.js';
import { quoteIdentifier, quoteLiteral } from '../driver/sql-text.js';
import { SCHEMA_NEWER_STATE } from '../driver/translate-error.js';
import { HISTORY } from './history-schema.js';
import { INBOX } from './inbox-schema.js';
import { AUTH_ORDER, WISH_ORDER } from './order-schema.js';

/** One numbered step of the schema; it never changes once it was released. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  /** Statements, with `@schema` where the quoted name of the schema belongs. */
  readonly sql: string;
}

const statuses = SESSION_STATUSES.map(quoteLiteral).join(', ');

/**
 * `fillfactor` leaves room on the page so that a status update stays on it, and no index has a column that changes with the
 * status: updates are then heap-only. `owner`, `desired` and `active` change rarely.
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
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 80);
CREATE INDEX session_owner ON @schema.session (owner) WHERE owner IS NOT NULL;
CREATE INDEX session_claimable ON @schema.session (id) WHERE owner IS NULL AND desired = 'running' AND active;

CREATE TABLE @schema.replica (
  incarnation text COLLATE "C" PRIMARY KEY,
  replica_id text NOT NULL,
  beats bigint NOT NULL DEFAULT 0,
  beat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ttl_ms integer NOT NULL,
  fenced_at timestamptz,
  mass_outage boolean NOT NULL DEFAULT false,
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
  OR clock_timestamp() > r.beat_at + r.ttl_ms * interval '1 millisecond') AS over) lease;
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

/** `job.revision` lets one of many that read the same state win. A mark is taken back by whoever wants the session again. */
const JOBS = `
ALTER TABLE @schema.session ADD COLUMN purge_marked_at timestamptz;
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
 * `settled_at` moves with every change of status, health or owner: the gate of conversations counts from it. Of the conversation's columns only
 * `heard_at` changes often and has an index, a partial one: it is what finds the quiet ones among a million. `delivery` null: nothing is to be sent, or it
 * was withdrawn. `warning_id`, `farewell_id`: the last ones, to know their echoes.
 */
const CONVERSATIONS = `
ALTER TABLE @schema.session ADD COLUMN settled_at timestamptz NOT NULL DEFAULT clock_timestamp();
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

/** Neither status nor evidence may be in its predicate: their updates would no longer be heap-only. */
const ADOPTION = `
CREATE INDEX session_unowned ON @schema.session (created_at) WHERE owner IS NULL;
`;

/** When a whole fleet changes at once, every row of a page needs its second place there: at 80 half of those updates were not heap-only, at 40 some in a thousand. */
const STORM_ROOM = `
ALTER TABLE @schema.session SET (fillfactor = 40);
`;

/** No date of JavaScript stands for `infinity`: a person who writes one into a row is refused, for the row could not be read any more. */
const FINITE_INSTANTS = `
ALTER TABLE @schema.session ADD CONSTRAINT session_instants_finite
  CHECK (isfinite(status_changed_at) AND isfinite(settled_at) AND isfinite(created_at) AND isfinite(last_seen_at)) NOT VALID;
`;

/**
 * What counts is the room that rows need later: one is made with half of the bytes that it has once somebody holds it, and a third of those with a reason, and the
 * `fillfactor` is looked at only where a row comes to a page. At 40 the pages of a fleet that had just been made overflowed in its first storm; at 20 none does.
 */
const GROWTH_ROOM = `
ALTER TABLE @schema.session SET (fillfactor = 20);
`;

/** Every step, in order. */
export const MIGRATIONS: readonly Migration[] = [
  { version: 1, name: 'sessions and heartbeats', sql: SESSIONS },
  { version: 2, name: 'credentials', sql: AUTH },
  { version: 3, name: 'jobs and cleanup', sql: JOBS },
  { version: 4, name: 'conversations', sql: CONVERSATIONS },
  { version: 5, name: 'adoption of sessions', sql: ADOPTION },
  { version: 6, name: 'history of sessions', sql: HISTORY },
  { version: 7, name: 'requests between replicas', sql: INBOX },
  { version: 8, name: 'order of credential writes', sql: AUTH_ORDER },
  { version: 9, name: 'room for storms', sql: STORM_ROOM },
  { version: 10, name: 'finite instants of sessions', sql: FINITE_INSTANTS },
  { version: 11, name: 'room for sessions that grow', sql: GROWTH_ROOM },
  { version: 12, name: 'order of wishes', sql: WISH_ORDER },
];

/** The version that this package works with. */
export const LATEST_VERSION = MIGRATIONS.length;

/** A number that stands for the schema in advisory locks. */
function advisoryLockSql(schema: string): string {
  return `pg_advisory_xact_lock(hashtextextended(${quoteLiteral(`wa_sync migrations of ${schema}`)}, 0))`;
}

/** A dollar-quoted body, whatever it contains. */
function dollar(tag: string, body: string): string {
  return `$${tag}$${body}$${tag}$`;
}

/**
 * All migrations as one statement, for people who apply them with their own tool (Prisma, Drizzle, Knex, psql). It does what
 * is missing and nothing else, so it can be run again. `store.init()` runs the same text.
 *
 * One `DO` block is one statement and so one transaction: it needs no connection of its own, not even behind a transaction
 * pooler, and of ten processes that run it at once one migrates while the others wait and then find nothing to do.
 *
 * @param options.schema - @defaultValue `'wa_sync'`
 * @throws WaSyncError `config_invalid`
 * @example
 * writeFileSync('prisma/migrations/20250101000000_wa_sync/migration.sql', migrationSql());
 */
export function migrationSql(options: { schema?: string | undefined } = {}): string {
  const name = checkSchemaName(options.schema ?? 'wa_sync');
  const schema = quoteIdentifier(name);
  const steps = MIGRATIONS.map(
    ({ version, name: step, sql }) => `
  IF current_version < ${version} THEN
    EXECUTE ${dollar(
      'wa_step',
      sql.replaceAll('@schema', () => schema),
    )};
    INSERT INTO ${schema}.migration (version, name) VALUES (${version}, ${quoteLiteral(step)});
  END IF;`,
  );
  const body = `
DECLARE
  current_version integer;
BEGIN
  PERFORM ${advisoryLockSql(name)};
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = ${quoteLiteral(name)}) THEN
    CREATE SCHEMA ${schema};
  END IF;
  IF to_regclass(${quoteLiteral(`${schema}.migration`)}) IS NULL THEN
    CREATE TABLE ${schema}.migration (
      version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
  END IF;
  SELECT coalesce(max(version), 0) INTO current_version FROM ${schema}.migration;
  IF current_version > ${LATEST_VERSION} THEN
    RAISE EXCEPTION 'Schema % is at version %, this package knows up to ${LATEST_VERSION}: update @wa-sync/postgres',
      ${quoteLiteral(name)}, current_version USING ERRCODE = '${SCHEMA_NEWER_STATE}';
  END IF;${steps.join('')}
END
`;
  return `DO ${dollar('wa_sync', body)};\n`;
}
