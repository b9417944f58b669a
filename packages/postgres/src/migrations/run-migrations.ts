import { WaSyncError } from '@wa-sync/core';
import { checkSchemaName } from '../driver/config.js';
import { checkPool } from '../driver/judge-pool.js';
import type { PgPoolLike } from '../driver/pg-pool.js';
import { createStatementRunner, type StatementRunner, statement } from '../driver/run-statement.js';
import { quoteIdentifier, quoteLiteral } from '../driver/sql-text.js';
import { MIGRATIONS, type Migration, sqlOfSteps } from './migrations.js';

/** Waiting for another process that migrates. */
const MIGRATION_LIMIT_MS = 60_000;

/** What the schema has and what it lacks. */
export interface MigrationPlan {
  /** Version of the schema as it is; 0 where there is none. */
  readonly current: number;
  /** Version that this package works with. */
  readonly latest: number;
  readonly pending: readonly Pick<Migration, 'version' | 'name'>[];
}

/**
 * Returns what `store.init()` would do, and changes nothing.
 *
 * @throws WaSyncError `schema_newer`, `store_unreachable`, `store_rights`, `config_invalid`
 * @example
 * const { pending } = await planMigrations({ pool });
 */
export function planMigrations(options: { pool: PgPoolLike; schema?: string | undefined }): Promise<MigrationPlan> {
  return planSteps(options, MIGRATIONS);
}

/** The plan of {@link planMigrations} with these steps. */
export async function planSteps(
  options: { pool: PgPoolLike; schema?: string | undefined },
  steps: readonly Migration[],
): Promise<MigrationPlan> {
  const schema = checkSchemaName(options.schema ?? 'wa_sync');
  const limits = { statementMs: 8_000, lockMs: 1_000 };
  const runner = createStatementRunner({ pool: checkPool(options.pool), prepare: false, limits });
  try {
    return planFrom(steps, schema, await readVersion(runner, schema));
  } catch (error) {
    throw runner.translate(error);
  }
}

/** Brings the schema up to date; does not even take the lock where it is. */
export async function runMigrations(runner: StatementRunner, schema: string): Promise<void> {
  const { pending } = planFrom(MIGRATIONS, schema, await readVersion(runner, schema));
  if (pending.length === 0) return;
  await runner.rows(statement(sqlOfSteps(schema, MIGRATIONS)), [], MIGRATION_LIMIT_MS);
}

async function readVersion(runner: StatementRunner, schema: string): Promise<number> {
  const table = `${quoteIdentifier(schema)}.migration`;
  const [there] = await runner.json<[boolean]>(
    statement(`SELECT json_build_array(to_regclass(${quoteLiteral(table)}) IS NOT NULL)::text AS answer`),
    [],
  );
  if (!there) return 0;
  return runner.json<number>(statement(`SELECT coalesce(max(version), 0)::text AS answer FROM ${table}`), []);
}

function planFrom(steps: readonly Migration[], schema: string, current: number): MigrationPlan {
  const latest = steps.length;
  if (current > latest) {
    throw new WaSyncError(
      'schema_newer',
      `Schema ${schema} is at version ${current}, this package knows up to ${latest}: update @wa-sync/postgres`,
    );
  }
  const pending = steps.filter(({ version }) => version > current).map(({ version, name }) => ({ version, name }));
  return { current, latest, pending };
}
