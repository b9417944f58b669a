import { isWaSyncError, maskNumbers } from '@wa-sync/core';

/**
 * Why a command could not do its work, and what to do about it. No message shows a whole phone number, whoever wrote
 * it.
 */
export class CliError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly fix?: string,
  ) {
    super(maskNumbers(message));
    this.name = 'CliError';
  }
}

/** What helps against an error, by its code. */
const FIXES: Readonly<Record<string, string>> = {
  unauthorized: 'Give the token of the service: --token, or better WA_SYNC_TOKEN.',
  forbidden: 'This token may only read. Use one of an admin.',
  out_of_scope: 'This caller sees only some sessions. Use a token that sees all.',
  no_current_session: 'Name a session: wa-sync status <session>. Or set currentSession where the service is made.',
  session_not_found: 'See what there is: wa-sync sessions.',
  run_not_found: 'See what there is: wa-sync runs. A run that was answered with 202 is known to its own process only.',
  rate_limited: 'Wait a minute, or raise rateLimit where the service is made.',
  status_unknown: 'Ask again in a few seconds: unknown is not the same as disconnected.',
  store_unreachable: 'Check whether the database runs, and whether the address, the user and the password are right.',
  store_rights: 'Grant the role what docs/POSTGRES.md names under "Schema and migrations".',
  schema_newer: 'Update wa-sync: the schema was made by a newer one.',
  schema_pending: 'Run: wa-sync migrate plan, then wa-sync migrate apply.',
  mirror_invalid:
    'Run: wa-sync doctor with --mirror and --conversations as they are, which names each column and its fix.',
  not_supported: 'The store of this service has no part for it.',
};

/** Any error as one that can be shown. */
export function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error.fix ? error : new CliError(error.code, error.message, FIXES[error.code]);
  if (isWaSyncError(error)) return new CliError(error.code, error.message, FIXES[error.code]);
  const message = error instanceof Error ? error.message : String(error);
  return new CliError('internal_error', message);
}

/** What a command ends with, the same for all of them. */
export const EXIT = {
  /** In sync, or done. */
  fine: 0,
  /** The command could not do its work. */
  error: 1,
  /** Something is not as it has to be, or a change is pending. */
  drift: 2,
} as const;

/** One of the values of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
