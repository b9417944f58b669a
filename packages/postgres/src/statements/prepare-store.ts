import { WaSyncError } from '@wa-sync/core';
import type { PostgresConfig } from '../driver/config.js';
import type { WhereColumns } from '../driver/rows-where.js';
import type { Statement, StatementRunner } from '../driver/run-statement.js';
import { quoteIdentifier } from '../driver/sql-text.js';
import { compileMirror } from '../host-table/compile-mirror.js';
import { compileConversationsMirror } from '../host-table/conversation-mirror-sql.js';
import { findRowSecurity, findUnknownZone, findZoneless } from '../host-table/find-host-traps.js';
import { type MirrorFinding, zonelessOf } from '../host-table/judge-columns.js';
import { explainMissing, type HostTable, readHostTable } from '../host-table/read-catalogue.js';
import type { ConversationsMirrorSql, SessionsMirrorSql } from '../rows/mirror-sql-types.js';
import { type AuthStatements, authStatements } from './auth-statements.js';
import { type CleanupStatements, cleanupStatements } from './cleanup-statements.js';
import { type ConversationStatements, conversationStatements } from './conversation-statements.js';
import { type HistoryStatements, historyStatements } from './history-statements.js';
import { type HostSessionStatements, hostSessionStatements } from './host-session-statements.js';
import { channelOf, type InboxStatements, inboxStatements } from './inbox-statements.js';
import { type JobStatements, jobStatements } from './job-statements.js';
import { type LeaseStatements, leaseStatements } from './lease-statements.js';
import { desiredStatement } from './ordered-calls.js';
import { type ReadStatements, readStatements } from './read-statements.js';
import { type WriteStatements, writeStatements } from './write-statements.js';

/** Everything that is known once the schema is up to date and the host's table was read. */
export interface PreparedStore {
  readonly mirror: SessionsMirrorSql | null;
  readonly reading: ReadStatements;
  readonly writing: WriteStatements;
  /** The same without the host's table. */
  readonly writingOursOnly: WriteStatements;
  /** Records what the host wants. */
  readonly setDesired: Statement;
  readonly leases: LeaseStatements;
  readonly auth: AuthStatements;
  readonly jobs: JobStatements;
  readonly cleaning: CleanupStatements;
  readonly cleaningOursOnly: CleanupStatements;
  readonly conversationsMirror: ConversationsMirrorSql | null;
  readonly conversing: ConversationStatements;
  readonly history: HistoryStatements;
  readonly inbox: InboxStatements;
  /** `null` without a mirror of sessions. */
  readonly hostSessions: HostSessionStatements | null;
}

/** The host's tables as SQL, `null` where none is mirrored. */
export interface MirrorsSql {
  readonly sessions: SessionsMirrorSql | null;
  readonly conversations: ConversationsMirrorSql | null;
}

/** Makes the statements. */
export function prepareStore(config: PostgresConfig, mirrors: MirrorsSql): PreparedStore {
  const schema = quoteIdentifier(config.schema);
  const { sessions: mirror, conversations } = mirrors;
  const writing = writeStatements(schema, mirror);
  return {
    mirror,
    conversationsMirror: conversations,
    reading: readStatements(schema, mirror),
    writing,
    writingOursOnly: mirror === null ? writing : writeStatements(schema, null),
    setDesired: desiredStatement(schema, mirror),
    leases: leaseStatements(schema),
    auth: authStatements(schema),
    jobs: jobStatements(schema),
    cleaning: cleanupStatements(schema, mirror),
    cleaningOursOnly: cleanupStatements(schema, null),
    conversing: conversationStatements(schema, conversations),
    history: historyStatements(schema),
    inbox: inboxStatements(schema, config.notify ? channelOf(config.schema) : null),
    hostSessions: mirror === null ? null : hostSessionStatements(mirror),
  };
}

/** Holds the mappings against the live catalogue. */
export async function inspectMirrors(
  runner: StatementRunner,
  { mirror: { sessions, conversations } }: PostgresConfig,
): Promise<{ findings: MirrorFinding[]; sql: MirrorsSql }> {
  const ofSessions = await inspect(runner, sessions, compileMirror, 'id');
  const ofConversations = await inspect(runner, conversations, compileConversationsMirror, 'id', 'sessionId');
  return {
    findings: [...ofSessions.findings, ...ofConversations.findings],
    sql: { sessions: ofSessions.sql, conversations: ofConversations.sql },
  };
}

interface Mapping {
  readonly table: string;
  readonly columns: Readonly<Record<string, string | undefined>>;
  readonly where?: WhereColumns | undefined;
}

async function inspect<Config extends Mapping, Sql>(
  runner: StatementRunner,
  config: Config | undefined,
  compile: (config: Config, table: HostTable) => { findings: MirrorFinding[]; sql: Sql | null },
  ...readOnly: readonly string[]
): Promise<{ findings: MirrorFinding[]; sql: Sql | null }> {
  if (config === undefined) return { findings: [], sql: null };
  const table = await readHostTable(runner, config.table);
  if (table !== null) {
    const { findings, sql } = compile(config, table);
    const { timeZone } = config.columns;
    const mapped = new Set(Object.values(config.columns));
    const compared = Object.fromEntries(
      (config.where ?? []).flatMap(([name]) => (mapped.has(name) ? [] : [[`where.${name}`, name]])),
    );
    const named = { ...config.columns, ...compared };
    const rights = judgeRights(table.quoted, named, table.columns, [...readOnly, ...Object.keys(compared)]);
    const ownZone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
    const all = [
      ...findings,
      ...findZoneless(zonelessOf(table, config.columns), ownZone, new Date()),
      ...(timeZone === undefined ? [] : await findUnknownZone(runner, 'columns.timeZone', timeZone)),
      ...rights,
      ...(sql === null || rights.length > 0 ? [] : await findRowSecurity(runner, table, config.columns.id ?? '')),
    ];
    // In the order of the mapping; what is about the table itself comes first.
    const places = Object.values(named).map((name) => `${table.quoted}.${quoteIdentifier(name ?? '')}`);
    return { findings: all.sort((a, b) => places.indexOf(a.about) - places.indexOf(b.about)), sql };
  }
  const missing = await explainMissing(runner, config.table);
  return { findings: [{ severity: 'error', about: `table ${config.table}`, ...missing }], sql: null };
}

function judgeRights(
  table: string,
  mapped: Readonly<Record<string, string | undefined>>,
  columns: readonly { name: string; readable: boolean; writable: boolean }[],
  readOnly: readonly string[],
): MirrorFinding[] {
  return Object.entries(mapped).flatMap(([role, name]): MirrorFinding[] => {
    const column = columns.find((candidate) => candidate.name === name);
    if (column === undefined) return [];
    const writes = !readOnly.includes(role);
    const lacking = [...(column.readable ? [] : ['SELECT']), ...(writes && !column.writable ? ['UPDATE'] : [])];
    if (lacking.length === 0) return [];
    const about = `${table}.${quoteIdentifier(column.name)}`;
    const fix = `GRANT ${lacking.map((right) => `${right} (${quoteIdentifier(column.name)})`).join(', ')} ON ${table} TO the role of the pool`;
    return [
      { severity: 'error', about, problem: `the role has no right to ${lacking.join(' and ')}`, fix, rights: true },
    ];
  });
}

/** Raises the findings that are errors as one. */
export function refuseFindings(findings: readonly MirrorFinding[]): void {
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return;
  const text = errors.map(({ about, problem, fix }) => `${about} ${problem}; ${fix}`).join('. ');
  const code = errors.every(({ rights }) => rights) ? 'store_rights' : 'mirror_invalid';
  throw new WaSyncError(code, `The mirror does not fit the database: ${text}`);
}
