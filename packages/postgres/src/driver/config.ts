import { SESSION_STATUSES, type SessionStatus, WaSyncError } from '@wa-sync/core';
import { type AuthKeyRing, authKeyRingSchema, parseOptions } from '@wa-sync/core/adapter';
import * as z from 'zod';
import { judgePool } from './judge-pool.js';
import type { PgPoolLike } from './pg-pool.js';
import { isIdentifier, isTimeZone, splitTableName } from './sql-text.js';

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
     * Where the host says `false`, the session counts as wanted `stopped`. Written by the cleanup (`false`), and when the
     * session is started again (`true`).
     */
    active?: string | undefined;
    /** Set with every write. */
    updatedAt?: string | undefined;
    /** IANA name of the time zone in which `timestamp` columns (without a zone) are read by your code. @defaultValue `'UTC'`, as Prisma does */
    timeZone?: string | undefined;
  };
  /** The host's word for a status, where it is not the default one. */
  status?: Partial<Record<SessionStatus, string>> | undefined;
}

/** How a host's own table of conversations is written. Nothing but `UPDATE` ever runs on it, and only to close a row. */
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
    /** IANA name of the time zone in which `timestamp` columns (without a zone) are read by your code. @defaultValue `'UTC'`, as Prisma does */
    timeZone?: string | undefined;
  };
  /** Words of rows that may be closed. A row with any other word is left alone: it is read live, when a row is closed too. */
  open: readonly string[];
  /** Word of a closed row. */
  closed: string;
  /**
   * Session of rows that are found open and whose session no column says, for hosts with one number. Without it such a row waits until a message tells
   * its session.
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
   * Uses named prepared statements. It is turned off by itself on a pooler that loses them.
   * @defaultValue `true`
   */
  prepare?: boolean | undefined;
  /**
   * Wakes replicas with NOTIFY when another asks them something, over one connection of the pool that listens. Without it, behind a pooler, and with a pool
   * of fewer than 3 connections they find out at their next tick.
   * @defaultValue `true`
   */
  notify?: boolean | undefined;
}

const identifier = (what: string) =>
  z.string(what).refine(isIdentifier, `${what}: 1 to 63 bytes without quotes or control characters`);

const SCHEMA_TAKES =
  'takes the name of a schema of its own: 1 to 63 bytes without quotes or control characters, not information_schema and nothing that begins with pg_';
/** Names that Postgres keeps for itself. */
const isSchemaName = (name: string) => isIdentifier(name) && !/^(pg_|information_schema$)/.test(name);

const column = identifier('takes the name of a column');

const timeZone = z
  .string("takes the IANA name of a time zone, such as 'America/Sao_Paulo'")
  .refine(isTimeZone, "takes the IANA name of a time zone, such as 'America/Sao_Paulo'");

const wholeMs = (lowest: number, highest: number) => {
  const message = `takes whole milliseconds from ${lowest} to ${highest}`;
  return z.number(message).int(message).min(lowest, message).max(highest, message);
};

const word = z.string('takes a word').min(1, 'takes a word').max(255, 'takes a word of at most 255 characters');

const sessionsMirror = z.strictObject({
  table: z
    .string("takes 'table' or 'schema.table'")
    .refine((table) => splitTableName(table) !== null, "takes 'table' or 'schema.table'"),
  columns: z.strictObject({
    id: column,
    status: column,
    lastSeenAt: column.optional(),
    reason: column.optional(),
    phone: column.optional(),
    qr: column.optional(),
    active: column.optional(),
    updatedAt: column.optional(),
    timeZone: timeZone.optional(),
  }),
  status: z.strictObject(Object.fromEntries(SESSION_STATUSES.map((status) => [status, word.optional()]))).prefault({}),
});

const conversationsMirror = z
  .strictObject({
    table: z
      .string("takes 'table' or 'schema.table'")
      .refine((table) => splitTableName(table) !== null, "takes 'table' or 'schema.table'"),
    columns: z.strictObject({
      id: column,
      status: column,
      closedAt: column.optional(),
      updatedAt: column.optional(),
      sessionId: column.optional(),
      timeZone: timeZone.optional(),
    }),
    open: z.array(word, 'takes at least one word').min(1, 'takes at least one word'),
    closed: word,
    session: z.string('takes a session id').min(1, 'takes a session id').max(255, 'takes a session id').optional(),
  })
  .refine(({ open, closed }) => !open.includes(closed), {
    message: 'takes a word that is not one of open',
    path: ['closed'],
  });

// Published types of core do not say that it is one of zod's.
const keyRing = authKeyRingSchema as z.core.$ZodType<AuthKeyRing, AuthKeyRing>;

const schema = z.strictObject({
  pool: z.custom<PgPoolLike>((pool) => judgePool(pool) === null, { error: ({ input }) => judgePool(input) ?? '' }),
  schema: z.string(SCHEMA_TAKES).refine(isSchemaName, SCHEMA_TAKES).default('wa_sync'),
  mirror: z
    .strictObject({ sessions: sessionsMirror.optional(), conversations: conversationsMirror.optional() })
    .prefault({}),
  auth: z.strictObject({ keyRing: z.optional(keyRing) }).prefault({}),
  timeouts: z
    .strictObject({ statementMs: wholeMs(50, 120_000).default(8_000), lockMs: wholeMs(10, 60_000).default(1_000) })
    .prefault({}),
  prepare: z.boolean('takes true or false').default(true),
  notify: z.boolean('takes true or false').default(true),
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
