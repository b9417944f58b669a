import { SESSION_STATUSES, type SessionStatus } from '@wa-sync/core';
import type { PostgresConfig, SessionsMirrorConfig } from '../driver/config.js';
import { quoteIdentifier } from '../driver/sql-text.js';
import type { SessionsMirrorSql } from '../rows/mirror-sql-types.js';
import { type CompiledWhere, compileWhere } from './compile-where.js';
import {
  IDS,
  INSTANTS,
  idAs,
  instantAs,
  judgeColumn,
  judgeKind,
  judgeWord,
  type MirrorFinding,
  TEXTS,
} from './judge-columns.js';
import { DEFAULT_WORDS, wordOfSql } from './mirror-sql.js';
import type { HostColumn, HostTable } from './read-catalogue.js';

type ColumnRole = Exclude<keyof SessionsMirrorConfig['columns'], 'timeZone'>;

const FITS: Readonly<Record<ColumnRole, readonly string[]>> = {
  id: IDS,
  status: [...TEXTS, 'enum'],
  lastSeenAt: INSTANTS,
  reason: TEXTS,
  phone: TEXTS,
  qr: TEXTS,
  active: ['bool'],
  updatedAt: INSTANTS,
};

/** The word of each status under a mapping. */
function wordsOf(config: SessionsMirrorConfig): Record<SessionStatus, string> {
  const words = { ...DEFAULT_WORDS };
  for (const status of SESSION_STATUSES) words[status] = config.status[status] ?? DEFAULT_WORDS[status];
  return words;
}

/** Which rows of the host's table are ours. */
export function ownSessionRows({ columns, where }: SessionsMirrorConfig, table: HostTable): CompiledWhere {
  const { id: _, timeZone: __, ...written } = columns;
  return compileWhere({ where, table, key: 'mirror.sessions.where', written });
}

/** Holds a mapping against the live catalogue. Pure; `sql` is `null` where a finding is an error. */
export function compileMirror(
  config: SessionsMirrorConfig,
  table: HostTable,
): { findings: MirrorFinding[]; sql: SessionsMirrorSql | null } {
  const findings: MirrorFinding[] = [];
  const words = wordsOf(config);
  const columns: Partial<Record<ColumnRole, HostColumn>> = {};
  findings.push(...judgeKind(table));
  const { timeZone, ...mapped } = config.columns;
  for (const [role, name] of Object.entries(mapped) as [ColumnRole, string | undefined][]) {
    if (name === undefined) continue;
    const column = table.columns.find((candidate) => candidate.name === name);
    findings.push(...judgeColumn(table, role, name, FITS[role]));
    if (column !== undefined) columns[role] = column;
  }
  if (columns.status !== undefined) findings.push(...judgeWords(table, columns.status, words));
  const own = ownSessionRows(config, table);
  findings.push(...own.findings);
  const { id, status, active } = columns;
  if (id === undefined || status === undefined || findings.some(({ severity }) => severity === 'error')) {
    return { findings, sql: null };
  }
  const named = (column: HostColumn) => `m.${quoteIdentifier(column.name)}`;
  return {
    findings,
    sql: {
      table: table.quoted,
      words,
      match: (sessionId) => `${named(id)} = ${idAs(id, sessionId)}${own.and('m')}`,
      isOurs: own.isOurs('m'),
      present: `${named(id)} IS NOT NULL`,
      word: `${named(status)}::text`,
      stopped: active === undefined ? 'false' : `${named(active)} IS FALSE`,
      setActive: (value) => (active === undefined ? null : `${quoteIdentifier(active.name)} = ${value}`),
      assignments: (row) => assignmentsOf(columns, words, row, timeZone),
    },
  };
}

function judgeWords(table: HostTable, column: HostColumn, words: Record<SessionStatus, string>): MirrorFinding[] {
  return SESSION_STATUSES.flatMap((status) =>
    judgeWord(table, column, words[status], `the status ${status}`, `mirror.sessions.status.${status}`),
  );
}

function assignmentsOf(
  columns: Partial<Record<ColumnRole, HostColumn>>,
  words: Record<SessionStatus, string>,
  row: string,
  timeZone: string | undefined,
): string {
  const { status, lastSeenAt, reason, phone, qr, updatedAt } = columns;
  const sets: string[] = [];
  const set = (column: HostColumn | undefined, value: (column: HostColumn) => string) => {
    if (column !== undefined) sets.push(`${quoteIdentifier(column.name)} = (${value(column)})::${column.type}`);
  };
  const text = (column: HostColumn, value: string) => {
    const whole = column.notNull ? `coalesce(${value}, '')` : value;
    return column.maxLength === null ? whole : `left(${whole}, ${column.maxLength})`;
  };
  set(status, () => wordOfSql(words, `${row}.status`));
  // An unknown value here does not overwrite what the host knows.
  set(
    lastSeenAt,
    (column) => `coalesce(${instantAs(column, `${row}.last_seen_at`, timeZone)}, m.${quoteIdentifier(column.name)})`,
  );
  set(phone, (column) => `coalesce(${row}.phone, m.${quoteIdentifier(column.name)})`);
  set(reason, (column) => text(column, `${row}.reason_code || coalesce(': ' || ${row}.reason_detail, '')`));
  set(qr, (column) =>
    column.notNull
      ? `CASE WHEN ${row}.status = 'QR_CODE' THEN coalesce(${row}.qr, '') ELSE '' END`
      : `CASE WHEN ${row}.status = 'QR_CODE' THEN ${row}.qr END`,
  );
  set(updatedAt, (column) => instantAs(column, 'clock_timestamp()', timeZone));
  return sets.join(', ');
}

/**
 * A view for the host's own schema: every column of its table, with the effective status in place of the stored one,
 * in the host's words, and its evidence. A row that wa-sync does not know, or that is not ours, is shown as it is.
 */
export function hostViewText(config: PostgresConfig, mirror: SessionsMirrorConfig, table: HostTable): string {
  const effective = wordOfSql(wordsOf(mirror), 's.status');
  const selected = table.columns.map(({ name, type }) => {
    const column = quoteIdentifier(name);
    if (name !== mirror.columns.status) return `  h.${column}`;
    return `  CASE WHEN s.id IS NULL THEN h.${column} ELSE (${effective})::${type} END AS ${column}`;
  });
  const view = `${quoteIdentifier(table.schema)}.${quoteIdentifier(`${table.name}Effective`)}`;
  return `CREATE OR REPLACE VIEW ${view} AS
SELECT
${selected.join(',\n')},
  s.evidence AS "waSyncEvidence"
FROM ${table.quoted} h
LEFT JOIN ${quoteIdentifier(config.schema)}.session_status s
  ON s.id = (h.${quoteIdentifier(mirror.columns.id)}::text) COLLATE "C"${ownSessionRows(mirror, table).and('h')};
`;
}
