import { plainText } from '@wa-sync/core';
import { CliError } from '../terminal/cli-error.js';

/** What a command works on: a running service, or a database. */
export type Target =
  | { readonly kind: 'service'; readonly url: string; readonly token: string | null }
  | {
      readonly kind: 'database';
      readonly databaseUrl: string;
      readonly schema: string | undefined;
      readonly mirror: string | undefined;
      readonly conversations: string | undefined;
    };

/**
 * The options of the target as they were typed, to write behind another command: without them it would reach another
 * database, schema or service. A secret is not written again: the shell takes it from the environment, and says so
 * where it is not there.
 */
export function repeatTarget(args: readonly string[]): string {
  return ['url', 'database-url', 'schema']
    .map((name) => {
      const value = typedOption(args, name);
      if (value === undefined) return '';
      return holdsSecret(value)
        ? ` --${name} "\${${SECRET_IN[name]}:?the same as before}"`
        : ` --${name} ${quoteForShell(value)}`;
    })
    .join('');
}

const SECRET_IN: Readonly<Record<string, string>> = { url: 'WA_SYNC_URL', 'database-url': 'WA_SYNC_DATABASE_URL' };

/** A password, or parameters, among which one may stand. */
function holdsSecret(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { password, search } = new URL(value);
  return password !== '' || search !== '';
}

export type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_URL = 'http://127.0.0.1:3000/whatsapp';

/**
 * The value of an option as it was typed. The parser turns what reads as a number into one, and a token or an id may
 * read like that.
 */
export function typedOption(args: readonly string[], name: string): string | undefined {
  const at = args.findLastIndex((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
  if (at < 0) return undefined;
  const arg = args[at] ?? '';
  return arg.includes('=') ? arg.slice(arg.indexOf('=') + 1) : args[at + 1];
}

/** Whether a command works on a database. */
export function isDatabase(args: readonly string[], env: Environment): boolean {
  return readTarget(args, env).kind === 'database';
}

/**
 * Finds out what a command works on: options before the environment, a service before a database.
 *
 * @throws CliError `usage`
 */
export function readTarget(args: readonly string[], env: Environment): Target {
  const url = typedOption(args, 'url');
  const databaseUrl = typedOption(args, 'database-url');
  if (url !== undefined && databaseUrl !== undefined) {
    throw new CliError('usage', 'Give --url or --database-url, not both');
  }
  const database = databaseUrl ?? (url === undefined && !env.WA_SYNC_URL ? env.WA_SYNC_DATABASE_URL : undefined);
  if (database) {
    if (!/^postgres(ql)?:\/\//.test(database) || !URL.canParse(database)) {
      const fix = 'What is no letter or digit in a password is written as %40 for @ and the like.';
      throw new CliError('usage', '--database-url takes postgres://user:password@host:5432/name', fix);
    }
    return {
      kind: 'database',
      databaseUrl: database,
      schema: typedOption(args, 'schema'),
      mirror: typedOption(args, 'mirror'),
      conversations: typedOption(args, 'conversations'),
    };
  }
  for (const option of ['schema', 'mirror', 'conversations', 'after-days', 'inactive-hours', 'skip-status']) {
    if (typedOption(args, option) === undefined) continue;
    throw new CliError(
      'usage',
      `--${option} is about a database, and this asks a service`,
      'Give --database-url as well.',
    );
  }
  const service = url ?? (env.WA_SYNC_URL || DEFAULT_URL);
  if (!/^https?:\/\/[^/]/.test(service) || !URL.canParse(service)) {
    throw new CliError('usage', '--url takes the address of the endpoints, such as http://127.0.0.1:3000/whatsapp');
  }
  const token = typedOption(args, 'token') ?? env.WA_SYNC_TOKEN;
  return { kind: 'service', url: service.replace(/\/+$/, ''), token: token || null };
}

/**
 * A text as one word of a POSIX shell, to paste: nothing in it is run, and nothing in it steers the terminal that
 * shows it.
 */
export function quoteForShell(text: string): string {
  if (plainText(text) === text) return `'${text.replaceAll("'", "'\\''")}'`;
  // Escapes are read by bash and zsh in this form only.
  return `$'${plainText(text.replaceAll('\\', '\\\\').replaceAll("'", "\\'"))}'`;
}
