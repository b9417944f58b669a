import { type Database, openDatabase } from '../target/open-database.js';
import { openService, type Service } from '../target/open-service.js';
import { type Environment, readTarget, typedOption } from '../target/read-target.js';
import { type Source, sourceOfService } from '../target/source.js';
import { CliError } from '../terminal/cli-error.js';
import type { Output } from '../terminal/output.js';

/** What a command gets. */
export interface CommandContext {
  /** Everything that was typed after the name of the program. */
  readonly args: readonly string[];
  /** What the parser made of it, by names in camel case. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly env: Environment;
  readonly output: Output;
}

/** Whether a switch was given. */
export function isGiven({ options }: CommandContext, name: 'all' | 'force' | 'dryRun' | 'yes'): boolean {
  return options[name] === true;
}

/** The value of an option that takes a whole number. */
export function numberOption(
  { args }: CommandContext,
  name: string,
  { byDefault, lowest, highest }: { byDefault: number; lowest: number; highest: number },
): number {
  const text = typedOption(args, name);
  const value = text === undefined ? byDefault : Number(text);
  if (Number.isInteger(value) && value >= lowest && value <= highest) return value;
  throw new CliError('usage', `--${name} takes a whole number from ${lowest} to ${highest}`);
}

/** The value of `--limit`. */
export function readLimit(context: CommandContext, byDefault: number): number {
  return numberOption(context, 'limit', { byDefault, lowest: 1, highest: 1_000 });
}

/** The service, for what only a living process can do. */
export function serviceOf({ args, env }: CommandContext, what: string): Service {
  const target = readTarget(args, env);
  if (target.kind === 'service') return openService(target);
  throw new CliError('usage', `${what} needs a running service`, 'Give --url instead of --database-url.');
}

/** The database, for what no service does. */
export async function withDatabase<T>(
  { args, env }: CommandContext,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const target = readTarget(args, env);
  if (target.kind !== 'database') {
    const fix = 'Give --database-url, or WA_SYNC_DATABASE_URL and no WA_SYNC_URL.';
    throw new CliError('usage', 'This needs a database', fix);
  }
  const database = openDatabase(target);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** What there is to read, from wherever it is. */
export async function withSource<T>(context: CommandContext, work: (source: Source) => Promise<T>): Promise<T> {
  const target = readTarget(context.args, context.env);
  if (target.kind === 'database') return withDatabase(context, async (database) => work(await database.source()));
  return work(sourceOfService(openService(target)));
}
