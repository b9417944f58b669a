import type { PostgresConfig, SessionsMirrorConfig } from '../driver/config.js';
import { quoteIdentifier } from '../driver/identifiers.js';
import { wordsOf } from './compile-mirror.js';
import { wordOfSql } from './mirror-sql.js';
import type { HostTable } from './read-catalogue.js';

/**
 * A view for the host's own schema: every column of its table, with the effective status in place of the stored one, in the
 * host's words, and its evidence. A row that wa-sync does not know is shown as it is.
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
  ON s.id = (h.${quoteIdentifier(mirror.columns.id)}::text) COLLATE "C";
`;
}
