import { checkSchemaName } from '../driver/config.js';
import { quoteIdentifier, quoteLiteral } from '../driver/sql-text.js';
import { SCHEMA_NEWER_STATE } from '../driver/translate-error.js';
import { SCHEMA } from './schema.js';

/** One numbered step of the schema; it never changes once it was released. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  /** Statements, with `@schema` where the quoted name of the schema belongs. */
  readonly sql: string;
}

/** Every step, in order. */
export const MIGRATIONS: readonly Migration[] = [{ version: 1, name: 'schema of wa-sync', sql: SCHEMA }];

/** A number that stands for the schema in advisory locks. */
function advisoryLockSql(schema: string): string {
  return `pg_advisory_xact_lock(hashtextextended(${quoteLiteral(`wa_sync migrations of ${schema}`)}, 0))`;
}

/** A dollar-quoted body, whatever it contains. */
function dollar(tag: string, body: string): string {
  return `$${tag}$${body}$${tag}$`;
}

/**
 * All migrations as one statement, for people who apply them with their own tool (Prisma, Drizzle, Knex, psql). It
 * does what is missing and nothing else, so it can be run again. `store.init()` runs the same text.
 *
 * One `DO` block is one statement and so one transaction: it needs no connection of its own, not even behind a
 * transaction pooler, and of ten processes that run it at once one migrates while the others wait and then find
 * nothing to do.
 *
 * @param options.schema - @defaultValue `'wa_sync'`
 * @throws WaSyncError `config_invalid`
 * @example
 * writeFileSync('prisma/migrations/20250101000000_wa_sync/migration.sql', migrationSql());
 */
export function migrationSql(options: { schema?: string | undefined } = {}): string {
  return sqlOfSteps(checkSchemaName(options.schema ?? 'wa_sync'), MIGRATIONS);
}

/** The statement of {@link migrationSql} with these steps. */
export function sqlOfSteps(name: string, migrations: readonly Migration[]): string {
  const schema = quoteIdentifier(name);
  const latest = migrations.length;
  const steps = migrations.map(
    ({ version, name: step, sql }) => `
  IF current_version < ${version} THEN
    EXECUTE ${dollar(
      'wa_step',
      sql.replaceAll('@schema', () => schema),
    )};
    INSERT INTO ${schema}.migration (version, name) VALUES (${version}, ${quoteLiteral(step)});
  END IF;`,
  );
  const body = `
DECLARE
  current_version integer;
BEGIN
  PERFORM ${advisoryLockSql(name)};
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = ${quoteLiteral(name)}) THEN
    CREATE SCHEMA ${schema};
  END IF;
  IF to_regclass(${quoteLiteral(`${schema}.migration`)}) IS NULL THEN
    CREATE TABLE ${schema}.migration (
      version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
  END IF;
  SELECT coalesce(max(version), 0) INTO current_version FROM ${schema}.migration;
  IF current_version > ${latest} THEN
    RAISE EXCEPTION 'Schema % is at version %, this package knows up to ${latest}: update @wa-sync/postgres',
      ${quoteLiteral(name)}, current_version USING ERRCODE = '${SCHEMA_NEWER_STATE}';
  END IF;${steps.join('')}
END
`;
  return `DO ${dollar('wa_sync', body)};\n`;
}
