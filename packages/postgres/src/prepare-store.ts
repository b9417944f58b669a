import { WaSyncError } from '@wa-sync/core';
import { type AuthStatements, authStatements } from './auth-statements.js';
import { type CleanupStatements, cleanupStatements } from './cleanup-statements.js';
import { compileMirror, type MirrorFinding } from './compile-mirror.js';
import type { PostgresConfig } from './config.js';
import { quoteIdentifier } from './identifiers.js';
import { type JobStatements, jobStatements } from './job-statements.js';
import { type LeaseStatements, leaseStatements } from './lease-statements.js';
import type { SessionsMirrorSql } from './mirror-sql.js';
import { readHostTable, readTablesLike } from './read-catalogue.js';
import { type ReadStatements, readStatements } from './read-statements.js';
import type { StatementRunner } from './run-statement.js';
import { type WriteStatements, writeStatements } from './write-statements.js';

/** Everything that is known once the schema is up to date and the host's table was looked at. */
export interface PreparedStore {
  readonly mirror: SessionsMirrorSql | null;
  readonly reading: ReadStatements;
  readonly writing: WriteStatements;
  /** The same without the host's table. */
  readonly writingOursOnly: WriteStatements;
  readonly leases: LeaseStatements;
  readonly auth: AuthStatements;
  readonly jobs: JobStatements;
  readonly cleaning: CleanupStatements;
  readonly cleaningOursOnly: CleanupStatements;
}

/** Makes the statements. */
export function prepareStore(config: PostgresConfig, mirror: SessionsMirrorSql | null): PreparedStore {
  const schema = quoteIdentifier(config.schema);
  const writing = writeStatements(schema, mirror);
  return {
    mirror,
    reading: readStatements(schema, mirror),
    writing,
    writingOursOnly: mirror === null ? writing : writeStatements(schema, null),
    leases: leaseStatements(schema, mirror),
    auth: authStatements(schema),
    jobs: jobStatements(schema),
    cleaning: cleanupStatements(schema, mirror),
    cleaningOursOnly: cleanupStatements(schema, null),
  };
}

/** Holds the mapping against the live catalogue. */
export async function inspectMirror(
  runner: StatementRunner,
  config: PostgresConfig,
): Promise<{ findings: MirrorFinding[]; sql: SessionsMirrorSql | null }> {
  const { sessions } = config.mirror;
  if (sessions === undefined) return { findings: [], sql: null };
  const table = await readHostTable(runner, sessions.table);
  if (table !== null) {
    const { findings, sql } = compileMirror(sessions, table);
    return { findings: [...findings, ...judgeRights(table.quoted, sessions.columns, table.columns)], sql };
  }
  const alike = await readTablesLike(runner, sessions.table);
  const mend =
    alike.length > 0 ? `there is ${alike.join(', ')}: names are case-sensitive here` : 'create it, or correct the name';
  return {
    findings: [{ severity: 'error', about: `table ${sessions.table}`, problem: 'does not exist', mend }],
    sql: null,
  };
}

function judgeRights(
  table: string,
  mapped: Readonly<Record<string, string | undefined>>,
  columns: readonly { name: string; readable: boolean; writable: boolean }[],
): MirrorFinding[] {
  return Object.entries(mapped).flatMap(([role, name]): MirrorFinding[] => {
    const column = columns.find((candidate) => candidate.name === name);
    if (column === undefined) return [];
    const writes = role !== 'id';
    const lacking = [...(column.readable ? [] : ['SELECT']), ...(writes && !column.writable ? ['UPDATE'] : [])];
    if (lacking.length === 0) return [];
    const about = `${table}.${quoteIdentifier(column.name)}`;
    const mend = `GRANT ${lacking.map((right) => `${right} (${quoteIdentifier(column.name)})`).join(', ')} ON ${table} TO the role of the pool`;
    return [
      { severity: 'error', about, problem: `the role has no right to ${lacking.join(' and ')}`, mend, rights: true },
    ];
  });
}

/** Raises the findings that are errors as one. */
export function refuseFindings(findings: readonly MirrorFinding[]): void {
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return;
  const text = errors.map(({ about, problem, mend }) => `${about} ${problem}; ${mend}`).join('. ');
  const code = errors.every(({ rights }) => rights) ? 'store_rights' : 'mirror_invalid';
  throw new WaSyncError(code, `The sessions mirror does not fit the database: ${text}`);
}
