import { maskNumbers } from './safe-text.js';

/** Every code a `WaSyncError` can carry; `docs/ERRORS.md` says what each means and how to fix it. */
export const ERROR_CODES = [
  'already_started',
  'auth_corrupt',
  'auth_key_missing',
  'auth_wrong_number',
  'baileys_unavailable',
  'config_invalid',
  'connection_closed',
  'import_invalid',
  'message_invalid',
  'mirror_invalid',
  'no_current_session',
  'no_provider',
  'not_running',
  'not_supported',
  'owner_silent',
  'pairing_failed',
  'qr_expired',
  'replica_id_in_use',
  'schema_newer',
  'session_exists',
  'session_id_invalid',
  'session_not_found',
  'session_provided',
  'status_unknown',
  'store_failed',
  'store_rights',
  'store_timeout',
  'store_unreachable',
  'tenure_lost',
] as const;

/** One of {@link ERROR_CODES}. */
export type WaSyncErrorCode = (typeof ERROR_CODES)[number];

const BRAND = Symbol.for('@wa-sync/error');

/**
 * The one error class of wa-sync. Its text never holds a credential or a password, and phone numbers in it are masked
 * here.
 */
export class WaSyncError extends Error {
  readonly code: WaSyncErrorCode;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;

  constructor(code: WaSyncErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(maskNumbers(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'WaSyncError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * Whether `error` is a {@link WaSyncError}, from whichever build of this package.
 *
 * @example
 * try { await wa.start(); } catch (error) { if (isWaSyncError(error)) console.error(error.code); }
 */
export function isWaSyncError(error: unknown): error is WaSyncError {
  return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[BRAND] === true;
}
