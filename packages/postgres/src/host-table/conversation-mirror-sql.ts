import type { ConversationsMirrorConfig } from '../driver/config.js';
import { quoteIdentifier, quoteLiteral } from '../driver/sql-text.js';
import type { ConversationsMirrorSql } from '../rows/mirror-sql-types.js';
import { compileWhere } from './compile-where.js';
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
import type { HostColumn, HostTable } from './read-catalogue.js';

type ColumnRole = Exclude<keyof ConversationsMirrorConfig['columns'], 'timeZone'>;

const FITS: Readonly<Record<ColumnRole, readonly string[]>> = {
  id: IDS,
  status: [...TEXTS, 'enum'],
  closedAt: INSTANTS,
  updatedAt: INSTANTS,
  sessionId: IDS,
};

/** Holds a mapping against the live catalogue. Pure; `sql` is `null` where a finding is an error. */
export function compileConversationsMirror(
  config: ConversationsMirrorConfig,
  table: HostTable,
): { findings: MirrorFinding[]; sql: ConversationsMirrorSql | null } {
  const findings = judgeKind(table);
  const columns: Partial<Record<ColumnRole, HostColumn>> = {};
  const { timeZone, ...mapped } = config.columns;
  for (const [role, name] of Object.entries(mapped) as [ColumnRole, string | undefined][]) {
    if (name === undefined) continue;
    findings.push(...judgeColumn(table, role, name, FITS[role]));
    columns[role] = table.columns.find((candidate) => candidate.name === name);
  }
  const { id, status, closedAt, updatedAt, sessionId } = columns;
  if (status !== undefined) {
    const at = 'mirror.conversations';
    findings.push(...judgeWord(table, status, config.closed, 'a closed conversation', `${at}.closed`));
    for (const word of config.open) {
      findings.push(...judgeWord(table, status, word, 'an open conversation', `${at}.open`));
    }
  }
  const { id: _, sessionId: __, ...written } = mapped;
  const own = compileWhere({ where: config.where, table, key: 'mirror.conversations.where', written });
  findings.push(...own.findings);
  if (id === undefined || status === undefined || findings.some(({ severity }) => severity === 'error')) {
    return { findings, sql: null };
  }
  const named = (column: HostColumn) => `m.${quoteIdentifier(column.name)}`;
  const word = (text: string) => `${quoteLiteral(text)}::${status.type}`;
  const set = (column: HostColumn, value: string) => `${quoteIdentifier(column.name)} = (${value})::${column.type}`;
  const now = [closedAt, updatedAt].flatMap((column) =>
    column === undefined ? [] : [set(column, instantAs(column, 'clock_timestamp()', timeZone))],
  );
  const ofTable = sessionId === undefined ? '' : `${named(sessionId)}::text`;
  return {
    findings,
    sql: {
      table: table.quoted,
      match: (conversationId) => `${named(id)} = ${idAs(id, conversationId)}${own.and('m')}`,
      isOurs: own.isOurs('m'),
      id: `(${named(id)}::text) COLLATE "C"`,
      word: `${named(status)}::text`,
      isOpen: `${named(status)} IN (${config.open.map(word).join(', ')})`,
      isClosed: `${named(status)} = ${word(config.closed)}`,
      closing: [set(status, quoteLiteral(config.closed)), ...now].join(', '),
      sessionId: `coalesce(${[ofTable, quoteLiteral(config.session ?? '')].filter(Boolean).join(', ')})`,
    },
  };
}
