import { isWaSyncError, maskNumbers, WaSyncError } from '@wa-sync/core';
import { CONNECTION_ERROR_CODES } from '@wa-sync/core/adapter';
import { quoteIdentifier } from './sql-text.js';

/** Raised by our migrations where the schema is newer than this package. */
export const SCHEMA_NEWER_STATE = 'WA001';

/** Refused for the address or the login; trying again does not help. */
const DOOR_CLASSES = ['28', '3D'];
/** The server is stopping, starting or full. */
const AWAY_STATES = new Set(['57P01', '57P02', '57P03', '57P05', '53300']);
const TIMEOUT_STATES = new Set(['55P03', '57014', '25P03', '25P04']);
/** Disk full, out of memory: somebody fixes that without a change of ours. */
const PASSING_STATES = new Set(['40001', '40P01', '53100', '53200']);

/** The SQLSTATE of a server's error; `null` where the server did not answer. */
export function sqlState(error: unknown): string | null {
  const code = propertyOf(error, 'code');
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !CONNECTION_ERROR_CODES.has(code) ? code : null;
}

/** Whether the connection that answered this is fit for another statement. */
export function connectionSurvives(error: unknown): boolean {
  const state = sqlState(error);
  const severity = propertyOf(error, 'severity');
  return state !== null && severity !== 'FATAL' && severity !== 'PANIC' && !state.startsWith('08');
}

/** What a server said, fit for a log: numbers masked, and without `detail`, which quotes whole rows. */
export function serverWords(error: unknown): string {
  const message = propertyOf(error, 'message');
  return maskNumbers(typeof message === 'string' && message !== '' ? message : 'unknown error');
}

/** Any error of a driver as a `WaSyncError`; `target` is the host and port as far as the pool shows them. */
export function translateError(error: unknown, target: string | null): WaSyncError {
  if (isWaSyncError(error)) return error;
  const state = sqlState(error);
  const cause = bareCause(error);
  if (state === null) return translateSilence(error, cause, target);
  const words = `${serverWords(error)} (SQLSTATE ${state})`;
  if (state === SCHEMA_NEWER_STATE) return new WaSyncError('schema_newer', serverWords(error), { cause });
  if (DOOR_CLASSES.some((prefix) => state.startsWith(prefix))) {
    return new WaSyncError('store_unreachable', `Postgres${at(target)} refused the connection: ${words}`, { cause });
  }
  if (AWAY_STATES.has(state) || state.startsWith('08')) {
    return new WaSyncError('store_unreachable', `Postgres${at(target)} is away: ${words}`, { cause, retryable: true });
  }
  if (state === '42501') {
    const schema = /permission denied for schema "?([^"]+?)"?$/.exec(serverWords(error))?.[1];
    const fix =
      schema === undefined ? '' : `; GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO the role of the pool`;
    return new WaSyncError('store_rights', `Postgres lacks a right: ${words}${fix}`, { cause });
  }
  if (TIMEOUT_STATES.has(state)) {
    return new WaSyncError('store_timeout', `Postgres took too long: ${words}`, { cause, retryable: true });
  }
  if (state === '25006') {
    const fix = 'connect to the primary, and set default_transaction_read_only off for this role and pool';
    return new WaSyncError('store_failed', `Postgres${at(target)} only reads here: ${words}; ${fix}`, {
      cause,
      retryable: true,
    });
  }
  return new WaSyncError('store_failed', `Postgres failed: ${words}`, { cause, retryable: PASSING_STATES.has(state) });
}

function translateSilence(error: unknown, cause: Error, target: string | null): WaSyncError {
  const first = firstOf(error);
  const address = propertyOf(first, 'address') ?? propertyOf(first, 'hostname');
  const port = propertyOf(first, 'port');
  const named = typeof address === 'string' ? `${address}${typeof port === 'number' ? `:${port}` : ''}` : target;
  const code = propertyOf(first, 'code');
  const why = typeof code === 'string' ? code : serverWords(first);
  if (/Cannot use a pool after/.test(serverWords(first))) {
    return new WaSyncError(
      'store_unreachable',
      `Postgres${at(target ?? named)} cannot be reached: the pool was ended; call pool.end() after wa.stop() and store.close()`,
      { cause },
    );
  }
  if (/read timeout/i.test(serverWords(first))) {
    const limit =
      'the pool gave up by its option query_timeout; raise it, or leave it out: the store has limits of its own';
    return new WaSyncError('store_timeout', `Postgres${at(target ?? named)} took too long: ${limit}`, {
      cause,
      retryable: true,
    });
  }
  if (/timeout exceeded when trying to connect/.test(serverWords(first))) {
    const fix = 'give it a larger max or connectionTimeoutMillis, or find what does not release its client';
    const text = `Postgres${at(target ?? named)} gave no connection: all of the pool are lent; ${fix}`;
    return new WaSyncError('store_timeout', text, { cause, retryable: true });
  }
  if (looksUnreachable(first)) {
    return new WaSyncError('store_unreachable', `Postgres${at(target ?? named)} cannot be reached: ${why}`, {
      cause,
      retryable: true,
    });
  }
  return new WaSyncError('store_failed', `Postgres failed: ${serverWords(first)}`, { cause });
}

function looksUnreachable(error: unknown): boolean {
  const code = propertyOf(error, 'code');
  if (typeof code === 'string' && CONNECTION_ERROR_CODES.has(code)) return true;
  // node-postgres gives these no code.
  return /connection terminated|connection timeout|timeout expired|timeout exceeded|connection error|closed/i.test(
    serverWords(error),
  );
}

/** `localhost` is tried on two addresses, and Node then wraps what each said. */
function firstOf(error: unknown): unknown {
  const errors = propertyOf(error, 'errors');
  return Array.isArray(errors) && errors.length > 0 ? errors[0] : error;
}

/** The driver's error without the fields that quote rows, parameters or the client with its password. */
function bareCause(error: unknown): Error {
  const first = firstOf(error);
  const bare = new Error(serverWords(first));
  const code = propertyOf(first, 'code');
  if (typeof code === 'string') Object.assign(bare, { code });
  return bare;
}

function at(target: string | null): string {
  return target === null ? '' : ` at ${target}`;
}

function propertyOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
