import { SESSION_STATUSES } from '@wa-sync/core';
import type { PostgresConfig, SessionsMirrorConfig } from '../driver/config.js';
import { quoteIdentifier, quoteLiteral } from '../driver/sql-text.js';
import { type StatusWords, wordsUnder } from '../driver/status-words.js';
import type { SessionsMirrorSql } from '../rows/mirror-sql-types.js';
import { LOGGING_IN, opaqueSql } from '../rows/session-row.js';
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
import { listingSql, wordOfSql } from './mirror-sql.js';
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
  const words = wordsUnder(config.status);
  const { leaveAlone: leftAlone = [] } = config;
  const columns: Partial<Record<ColumnRole, HostColumn>> = {};
  findings.push(...judgeKind(table));
  const { timeZone, ...mapped } = config.columns;
  for (const [role, name] of Object.entries(mapped) as [ColumnRole, string | undefined][]) {
    if (name === undefined) continue;
    const column = table.columns.find((candidate) => candidate.name === name);
    findings.push(...judgeColumn(table, role, name, FITS[role]));
    if (column !== undefined) columns[role] = column;
  }
  if (columns.status !== undefined) {
    findings.push(...judgeWords(table, columns.status, words));
    for (const word of leftAlone) {
      findings.push(...judgeWord(table, columns.status, word, 'a word to leave alone', 'mirror.sessions.leaveAlone'));
    }
  }
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
      leftAlone,
      staysBeside: (row) => staysSql(leftAlone, row, `${named(status)}::text`),
      match: (sessionId) => `${named(id)} = ${idAs(id, sessionId)}${own.and('m')}`,
      isOurs: own.isOurs('m'),
      present: `${named(id)} IS NOT NULL`,
      word: `${named(status)}::text`,
      stopped: active === undefined ? 'false' : `${named(active)} IS FALSE`,
      setActive: (value) => (active === undefined ? null : `${quoteIdentifier(active.name)} = ${value}`),
      assignments: (row) => assignmentsOf({ columns, words, leftAlone, row, timeZone }),
      listing: listingSql({ ...columns, id }, timeZone),
    },
  };
}

function judgeWords(table: HostTable, column: HostColumn, words: StatusWords): MirrorFinding[] {
  return SESSION_STATUSES.flatMap((status) =>
    judgeWord(table, column, words[status], `the status ${status}`, `mirror.sessions.status.${status}`),
  );
}

/** Whether a word of the host stays beside a session row: one that it writes while a login is under way. */
function staysSql(leftAlone: readonly string[], row: string, word: string): string {
  if (leftAlone.length === 0) return 'false';
  const list = (texts: readonly string[]) => texts.map(quoteLiteral).join(', ');
  return opaqueSql(`${row}.status IN (${list(LOGGING_IN)}) AND ${word} IN (${list(leftAlone)})`);
}

function assignmentsOf(params: {
  columns: Partial<Record<ColumnRole, HostColumn>>;
  words: StatusWords;
  leftAlone: readonly string[];
  row: string;
  timeZone: string | undefined;
}): string {
  const { columns, words, leftAlone, row, timeZone } = params;
  const { status, lastSeenAt, reason, phone, qr, updatedAt } = columns;
  const sets: string[] = [];
  const set = (column: HostColumn | undefined, value: (column: HostColumn) => string) => {
    if (column !== undefined) sets.push(`${quoteIdentifier(column.name)} = (${value(column)})::${column.type}`);
  };
  const stays = staysSql(leftAlone, row, status === undefined ? 'NULL' : `m.${quoteIdentifier(status.name)}::text`);
  /** What belongs to the word, and stays with it. */
  const setWithWord = (column: HostColumn | undefined, value: (column: HostColumn) => string) =>
    set(column, (known) =>
      stays === 'false'
        ? value(known)
        : `CASE WHEN ${stays} THEN m.${quoteIdentifier(known.name)} ELSE (${value(known)})::${known.type} END`,
    );
  const text = (column: HostColumn, value: string) => {
    const whole = column.notNull ? `coalesce(${value}, '')` : value;
    return column.maxLength === null ? whole : `left(${whole}, ${column.maxLength})`;
  };
  setWithWord(status, () => wordOfSql(words, `${row}.status`));
  // An unknown value here does not overwrite what the host knows.
  set(
    lastSeenAt,
    (column) => `coalesce(${instantAs(column, `${row}.last_seen_at`, timeZone)}, m.${quoteIdentifier(column.name)})`,
  );
  set(phone, (column) => `coalesce(${row}.phone, m.${quoteIdentifier(column.name)})`);
  setWithWord(reason, (column) => text(column, `${row}.reason_code || coalesce(': ' || ${row}.reason_detail, '')`));
  setWithWord(qr, (column) =>
    column.notNull
      ? `CASE WHEN ${row}.status = 'QR_CODE' THEN coalesce(${row}.qr, '') ELSE '' END`
      : `CASE WHEN ${row}.status = 'QR_CODE' THEN ${row}.qr END`,
  );
  set(updatedAt, (column) => instantAs(column, 'clock_timestamp()', timeZone));
  return sets.join(', ');
}

/**
 * A view for the host's own schema: every column of its table, with the effective status in place of the stored one,
 * in the host's words, and its evidence. A row that wa-sync does not know, or that is not ours, is shown as it is; so is
 * a word that is left alone.
 */
export function hostViewText(config: PostgresConfig, mirror: SessionsMirrorConfig, table: HostTable): string {
  const effective = wordOfSql(wordsUnder(mirror.status), 's.status');
  const selected = table.columns.map(({ name, type }) => {
    const column = quoteIdentifier(name);
    if (name !== mirror.columns.status) return `  h.${column}`;
    const stays = staysSql(mirror.leaveAlone ?? [], 's', `h.${column}::text`);
    return `  CASE WHEN s.id IS NULL${stays === 'false' ? '' : ` OR ${stays}`} THEN h.${column} ELSE (${effective})::${type} END AS ${column}`;
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
