import { type StatementRunner, statement } from '../driver/run-statement.js';
import { quoteIdentifier } from '../driver/sql-text.js';
import { serverWords, sqlState } from '../driver/translate-error.js';
import type { MirrorFinding } from './judge-columns.js';
import type { HostTable } from './read-catalogue.js';

/** Taken as the example where this process itself reads local time as UTC. */
const EXAMPLE = 'America/Sao_Paulo';

/** Minutes by which clocks of a zone are ahead of UTC at an instant. */
function aheadMinutes(timeZone: string, at: Date): number {
  const wallMs = (zone: string) => Date.parse(`${at.toLocaleString('en-US', { timeZone: zone })} UTC`);
  return Math.round((wallMs(timeZone) - wallMs('UTC')) / 60_000);
}

/**
 * What columns without a zone mean to code that takes them for local time, as node-postgres, Sequelize and TypeORM do.
 * The zone named is that of this process, which is most likely that of the app.
 */
export function findZoneless(abouts: readonly string[], ownZone: string, now: Date): MirrorFinding[] {
  if (abouts.length === 0) return [];
  const zone = aheadMinutes(ownZone, now) === 0 ? EXAMPLE : ownZone;
  const hours = Math.abs(aheadMinutes(zone, now)) / 60;
  const problem = `has no time zone and is written in UTC: read by a process in ${zone} this is ${Number(hours.toFixed(2))} h off`;
  const fix = `set columns.timeZone to the zone of the code that reads it ('UTC' for Prisma, where nothing is off), or make it timestamptz`;
  return abouts.map((about) => ({ severity: 'note', about, problem, fix }));
}

/** Holds a zone that Node knows against the zones of the server. */
export async function findUnknownZone(
  runner: StatementRunner,
  key: string,
  timeZone: string,
): Promise<MirrorFinding[]> {
  // Every server has it, and most mappings say it.
  if (timeZone === 'UTC') return [];
  try {
    await runner.json(statement(`SELECT to_json(now() AT TIME ZONE $1::text)::text AS answer`), [timeZone]);
    return [];
  } catch (error) {
    if (sqlState(error) !== '22023') throw error;
    const fix = 'give it another name of the same zone, or update the time zones of the server';
    return [{ severity: 'error', about: key, problem: `${timeZone} is no time zone that this server knows`, fix }];
  }
}

/**
 * Holds a table's row level security against the role of the pool. It hides rows without a word: a row that cannot be
 * read counts as missing, and one that cannot be updated as refused. Superusers, roles with BYPASSRLS and, without
 * FORCE, the owner of the table are not met by it.
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
