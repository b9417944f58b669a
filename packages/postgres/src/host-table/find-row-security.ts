import { quoteIdentifier } from '../driver/identifiers.js';
import { type StatementRunner, statement } from '../driver/run-statement.js';
import { serverWords, sqlState } from '../driver/translate-error.js';
import type { MirrorFinding } from './judge-columns.js';
import type { HostTable } from './read-catalogue.js';

/**
 * Holds a table's row level security against the role of the pool. It hides rows without a word: a row that cannot be read counts as missing, and one that cannot be
 * updated as refused. Superusers, roles with BYPASSRLS and, without FORCE, the owner of the table are not met by it.
 */
export async function findRowSecurity(runner: StatementRunner, table: HostTable, id: string): Promise<MirrorFinding[]> {
  const { rowSecurity, role, quoted } = table;
  if (rowSecurity === null) return [];
  const to = quoteIdentifier(role);
  const fix = `ALTER ROLE ${to} BYPASSRLS, or CREATE POLICY wa_sync ON ${quoted} TO ${to} USING (true) WITH CHECK (true)`;
  const error = (problem: string): MirrorFinding[] => [
    { severity: 'error', about: quoted, problem, fix, rights: true },
  ];
  if (!rowSecurity.select) return error(`has row level security, and no policy lets ${role} read its rows`);
  if (!rowSecurity.update) return error(`has row level security, and no policy lets ${role} update its rows`);
  try {
    const seen = await runner.json<boolean>(
      statement(`SELECT to_json(EXISTS (SELECT ${quoteIdentifier(id)} FROM ${quoted}))::text AS answer`),
      [],
    );
    if (!seen && rowSecurity.holdsRows) return error(`holds rows, and its row level security shows none to ${role}`);
  } catch (failure) {
    if (sqlState(failure) === null) throw failure;
    return error(`cannot be read by ${role} under its row level security: ${serverWords(failure)}`);
  }
  const problem = `has row level security: a row that its policies hide from ${role} counts as missing`;
  return [{ severity: 'note', about: quoted, problem, fix }];
}
