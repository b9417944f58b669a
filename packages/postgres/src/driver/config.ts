import { SESSION_STATUSES, type SessionStatus, WaSyncError } from '@wa-sync/core';
import { type AuthKeyRing, authKeyRingSchema, parseOptions } from '@wa-sync/core/adapter';
import * as z from 'zod/mini';
import { judgePool } from './judge-pool.js';
import type { PgPoolLike } from './pg-pool.js';
import { type RowsWhere, rowsWhere } from './rows-where.js';
import { isIdentifier, isTimeZone, splitTableName } from './sql-text.js';
import { wordsUnder } from './status-words.js';

/** How a host's own table of sessions is written. Nothing but `UPDATE` ever runs on it. */
export interface SessionsMirror {
  /** `'name'` or `'schema.name'`, written as the database has it (`'WhatsAppSession'`). */
  table: string;
  /** The host's names of the columns that are mapped. */
  columns: {
    /** Holds the session id; needs a unique index of its own. Text, uuid and whole numbers fit. */
    id: string;
    /** Takes the word: an enum or a text. */
    status: string;
    /** Last proof of life. */
    lastSeenAt?: string | undefined;
    /** Takes `code: detail`, and null while there is nothing to say. */
    reason?: string | undefined;
    phone?: string | undefined;
    /** Takes the pairing code while the status is `QR_CODE`, else null. */
    qr?: string | undefined;
    /**
     * Where the host says `false`, the session counts as wanted `stopped`. Written by the cleanup (`false`), and when
     * the session is started again (`true`).
     */
    active?: string | undefined;
    /** Set with every write. */
    updatedAt?: string | undefined;
    /**
     * IANA name of the time zone in which `timestamp` columns (without a zone) are read by your code.
     * @defaultValue `'UTC'`, as Prisma does
     */
    timeZone?: string | undefined;
  };
  /**
   * Which rows are ours, where the table has others too, such as `{ channel: 'whatsapp' }`; a list is any of its
   * values. A row that does not fit is as if it were not there. @defaultValue all rows
   */
  where?: RowsWhere | undefined;
  /** The host's word for a status, where it is not the default one. */
  status?: Partial<Record<SessionStatus, string>> | undefined;
  /**
   * Words that only the host writes while a login is under way, such as `passkey_required`. As long as one stands there
   * and our status is `CONNECTING`, `QR_CODE` or `RECONNECTING`, status, qr and reason of the row are left as they are,
   * which counts as in sync. @defaultValue none
   */
  leaveAlone?: readonly string[] | undefined;
  /**
   * What becomes of a running session whose row is gone: it is reported (`host_row_missing`), or stopped too. For that
   * the row must be missing at two reads at least 10 s apart, and not more than half of a replica's sessions with it.
   * @defaultValue `'report'`
   */
  whenHostRowIsGone?: 'report' | 'stop' | undefined;
}

/**
 * How a host's own table of conversations is written. Nothing but `UPDATE` ever runs on it, and only to close a row.
 */
export interface ConversationsMirror {
  /** `'name'` or `'schema.name'`, written as the database has it (`'Conversation'`). */
  table: string;
  /** The host's names of the columns that are mapped. */
  columns: {
    /** Holds the conversation id; needs a unique index of its own. Text, uuid and whole numbers fit. */
    id: string;
    /** Takes the word: an enum or a text. */
    status: string;
    /** Set when a row is closed. */
    closedAt?: string | undefined;
    /** Set when a row is closed. */
    updatedAt?: string | undefined;
    /** Holds the session id; read only. */
    sessionId?: string | undefined;
    /**
     * IANA name of the time zone in which `timestamp` columns (without a zone) are read by your code.
     * @defaultValue `'UTC'`, as Prisma does
     */
    timeZone?: string | undefined;
  };
  /**
   * Which rows are ours, where the table has others too, such as `{ isGroup: false }`; a list is any of its
   * values. A row that does not fit is as if it were not there. @defaultValue all rows
   */
  where?: RowsWhere | undefined;
  /**
   * Words of rows that may be closed. A row with any other word is left alone: it is read live, when a row is closed
   * too.
   */
  open: readonly string[];
  /** Word of a closed row. */
  closed: string;
  /**
   * Session of rows that are found open and whose session no column says, for hosts with one number. Without it such a
   * row waits until a message shows its session.
   */
  session?: string | undefined;
}

/** What `createPostgresStore` takes; an unknown key is an error that names it. */
export interface PostgresStoreOptions {
  /** A `pg.Pool`, or a `PGlite` instance; it stays the caller's and is never closed. */
  pool: PgPoolLike;
  /** Schema of the library's own tables. @defaultValue `'wa_sync'` */
  schema?: string | undefined;
  /** Tables of the host to keep equal. */
  mirror?: { sessions?: SessionsMirror | undefined; conversations?: ConversationsMirror | undefined } | undefined;
  /** How credentials are kept. */
  auth?: { keyRing?: AuthKeyRing | undefined } | undefined;
  /** How long statements may take; both are cut below a third of the lease when a replica joins. */
  timeouts?:
    | {
        /** One statement, waiting for a connection included. @defaultValue 8,000 */
        statementMs?: number | undefined;
        /** Waiting for a row that somebody else has locked. @defaultValue 1,000 */
        lockMs?: number | undefined;
      }
    | undefined;
  /**
   * Connection string that leads past a pooler to Postgres itself, for the few connections that wa-sync has beside the
   * pool (renewals, rows, LISTEN): behind a pooler in transaction mode they would wait for a server connection as all
   * others do. Without it they are made as the pool's own.
   */
  directUrl?: string | undefined;
  /**
   * Uses named prepared statements. It is turned off by itself on a pooler that loses them.
   * @defaultValue `true`
   */
  prepare?: boolean | undefined;
  /**
   * Notifies replicas with NOTIFY when another asks them something, over one connection that listens.
   * Without it, behind a pooler, and with a pool of fewer than 3 connections they find out at their next tick.
   * @defaultValue `true`
   */
  notify?: boolean | undefined;
}

const identifier = (what: string) =>
  z.string(what).check(z.refine(isIdentifier, `${what}: 1 to 63 bytes without quotes or control characters`));

const SCHEMA_TAKES =
  'takes the name of a schema of its own: 1 to 63 bytes without quotes or control characters, not information_schema and nothing that begins with pg_';
/** Names that Postgres keeps for itself. */
const isSchemaName = (name: string) => isIdentifier(name) && !/^(pg_|information_schema$)/.test(name);

const column = identifier('takes the name of a column');

const TIME_ZONE = "takes the IANA name of a time zone, such as 'America/Sao_Paulo'";
const timeZone = z.string(TIME_ZONE).check(z.refine(isTimeZone, TIME_ZONE));

const wholeMs = (lowest: number, highest: number) => {
  const takes = `takes milliseconds, a whole number from ${lowest} to ${highest}`;
  return z.int(takes).check(z.gte(lowest, takes), z.lte(highest, takes));
};

const word = z
  .string('takes a word')
  .check(z.minLength(1, 'takes a word'), z.maxLength(255, 'takes a word of at most 255 characters'));

const TABLE = "takes 'table' or 'schema.table'";
const table = z.string(TABLE).check(z.refine((name) => splitTableName(name) !== null, TABLE));

const sessionsMirror = z
  .strictObject({
    table,
    columns: z.strictObject({
      id: column,
      status: column,
      lastSeenAt: z.optional(column),
      reason: z.optional(column),
      phone: z.optional(column),
      qr: z.optional(column),
      active: z.optional(column),
      updatedAt: z.optional(column),
      timeZone: z.optional(timeZone),
    }),
    where: z.optional(rowsWhere),
    status: z.prefault(
      z.strictObject(Object.fromEntries(SESSION_STATUSES.map((status) => [status, z.optional(word)]))),
      {},
    ),
    leaveAlone: z.optional(z.array(word, 'takes words')),
    whenHostRowIsGone: z._default(z.enum(['report', 'stop'], "takes 'report' or 'stop'"), 'report'),
  })
  .check(
    z.refine(
      ({ status, leaveAlone = [] }) => !leaveAlone.some((one) => Object.values(wordsUnder(status)).includes(one)),
      {
        error: 'takes words that are no word of a status',
        path: ['leaveAlone'],
      },
    ),
  );

const SESSION = 'takes a session id';

const conversationsMirror = z
  .strictObject({
    table,
    columns: z.strictObject({
      id: column,
      status: column,
      closedAt: z.optional(column),
      updatedAt: z.optional(column),
      sessionId: z.optional(column),
      timeZone: z.optional(timeZone),
    }),
    where: z.optional(rowsWhere),
    open: z.array(word, 'takes at least one word').check(z.minLength(1, 'takes at least one word')),
    closed: word,
    session: z.optional(z.string(SESSION).check(z.minLength(1, SESSION), z.maxLength(255, SESSION))),
  })
  .check(
    z.refine(({ open, closed }) => !open.includes(closed), {
      error: 'takes a word that is not one of open',
      path: ['closed'],
    }),
  );

// Published types of core do not say that it is one of zod's.
const keyRing = authKeyRingSchema as z.core.$ZodType<AuthKeyRing, AuthKeyRing>;

const DIRECT_URL = "takes a connection string, such as 'postgres://user:password@host:5432/database'";
const directUrl = z.string(DIRECT_URL).check(z.refine((url) => /^postgres(ql)?:\/\/./.test(url), DIRECT_URL));

const schema = z.strictObject({
  pool: z.custom<PgPoolLike>((pool) => judgePool(pool) === null, { error: ({ input }) => judgePool(input) ?? '' }),
  schema: z._default(z.string(SCHEMA_TAKES).check(z.refine(isSchemaName, SCHEMA_TAKES)), 'wa_sync'),
  mirror: z.prefault(
    z.strictObject({ sessions: z.optional(sessionsMirror), conversations: z.optional(conversationsMirror) }),
    {},
  ),
  auth: z.prefault(z.strictObject({ keyRing: z.optional(keyRing) }), {}),
  timeouts: z.prefault(
    z.strictObject({
      statementMs: z._default(wholeMs(50, 120_000), 8_000),
      lockMs: z._default(wholeMs(10, 60_000), 1_000),
    }),
    {},
  ),
  directUrl: z.optional(directUrl),
  prepare: z._default(z.boolean('takes true or false'), true),
  notify: z._default(z.boolean('takes true or false'), true),
} satisfies { [Key in keyof PostgresStoreOptions]-?: z.core.$ZodType<unknown, PostgresStoreOptions[Key]> });

/** The options with every default in place. */
export type PostgresConfig = z.infer<typeof schema>;

/** One row mapping with its words complete. */
export type SessionsMirrorConfig = NonNullable<PostgresConfig['mirror']['sessions']>;

/** The mapping of a table of conversations. */
export type ConversationsMirrorConfig = NonNullable<PostgresConfig['mirror']['conversations']>;

/**
 * Checks the options once.
 *
 * @throws WaSyncError `config_invalid` that names each wrong key and what it takes
 */
export function parseConfig(options: PostgresStoreOptions): PostgresConfig {
  return parseOptions('createPostgresStore', schema, options);
}

/**
 * Checks the name of a schema.
 *
 * @throws WaSyncError `config_invalid`
 */
export function checkSchemaName(name: string): string {
  if (typeof name === 'string' && isSchemaName(name)) return name;
  throw new WaSyncError('config_invalid', `Option schema ${SCHEMA_TAKES}`);
}
