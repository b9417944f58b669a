import { isWaSyncError, maskNumbers, WaSyncError } from '@wa-sync/core';
import { CONNECTION_ERROR_CODES } from '@wa-sync/core/adapter';

/** First words of a server's error. Refused for the address or the login; trying again does not help. */
const DOOR = new Set(['WRONGPASS', 'NOAUTH']);
/** The server is starting, has lost its master, or its cluster is not whole. */
const AWAY = new Set(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'NOREPLICAS']);
/** A replica after a fail-over, memory or disk full: somebody fixes that without a change of ours. */
const PASSING = new Set(['READONLY', 'OOM', 'MISCONF', 'UNKILLABLE']);

const FIXES: Readonly<Record<string, string>> = {
  READONLY: 'this server is a replica; the client must follow the master',
  OOM: 'raise maxmemory, or free memory',
  MISCONF: 'the server cannot write to its disk; free it, or fix its folder',
  MOVED: 'this server is part of a cluster; give the store a client for clusters',
  CROSSSLOT: 'this server is part of a cluster; give the store a client for clusters',
};

/** The first word of a server's error (`WRONGPASS`, `OOM`, `ERR` …); `null` where no server said this. */
export function serverWord(error: unknown): string | null {
  const message = propertyOf(firstOf(error), 'message');
  const word = typeof message === 'string' ? /^-?([A-Z][A-Z0-9]{2,})(?:[ :]|$)/.exec(message)?.[1] : undefined;
  return word === undefined || CONNECTION_ERROR_CODES.has(word) ? null : word;
}

/** Any error of a client as a `WaSyncError`; `target` is `host:port` as far as the client shows it. */
export function translateError(error: unknown, target: string | null): WaSyncError {
  if (isWaSyncError(error)) return error;
  const first = firstOf(error);
  const word = serverWord(first);
  const cause = bareCause(first);
  if (word === null) return translateSilence(first, cause, target);
  const fix = FIXES[word];
  const words = fix === undefined ? wordsOf(first) : `${wordsOf(first)} (${fix})`;
  // What a server says to a long command of somebody whose password it did not take.
  if (DOOR.has(word) || /unauthenticated (multi)?bulk length/.test(words)) {
    return new WaSyncError('store_unreachable', `Redis${at(target)} refused the connection: ${words}`, { cause });
  }
  if (AWAY.has(word)) {
    return new WaSyncError('store_unreachable', `Redis${at(target)} is away: ${words}`, { cause, retryable: true });
  }
  if (word === 'NOPERM' || /can't run this command|can't access at least one of the keys/.test(words)) {
    return new WaSyncError('store_rights', `Redis${at(target)} lacks a right: ${words}`, { cause });
  }
  if (word === 'BUSY') {
    return new WaSyncError('store_timeout', `Redis${at(target)} took too long: ${words}`, { cause, retryable: true });
  }
  return new WaSyncError('store_failed', `Redis${at(target)} failed: ${words}`, {
    cause,
    retryable: PASSING.has(word),
  });
}

function translateSilence(error: unknown, cause: Error, target: string | null): WaSyncError {
  const code = propertyOf(error, 'code');
  const why = typeof code === 'string' ? code : wordsOf(error);
  if (/command timed out/i.test(wordsOf(error))) {
    const limit =
      'the client gave up by its option commandTimeout; raise it, or leave it out: the store has a limit of its own';
    return new WaSyncError('store_timeout', `Redis${at(target)} took too long: ${limit}`, { cause, retryable: true });
  }
  if (looksUnreachable(error)) {
    return new WaSyncError('store_unreachable', `Redis${at(target)} cannot be reached: ${why}`, {
      cause,
      retryable: true,
    });
  }
  return new WaSyncError('store_failed', `Redis${at(target)} failed: ${wordsOf(error)}`, { cause });
}

function looksUnreachable(error: unknown): boolean {
  const code = propertyOf(error, 'code');
  if (typeof code === 'string' && CONNECTION_ERROR_CODES.has(code)) return true;
  // Neither client gives these a code.
  return /closed|disconnect|max retries per request|Stream isn't writeable|offline|connection timeout|reconnect|Failed to refresh slots|ClusterAllFailed/i.test(
    wordsOf(error),
  );
}

/** The server's words, fit for a log: numbers masked, and without the command, whose arguments may be secrets. */
function wordsOf(error: unknown): string {
  const message = propertyOf(error, 'message');
  return maskNumbers(typeof message === 'string' && message !== '' ? message : 'unknown error');
}

/** `localhost` is tried on two addresses, and Node then wraps what each said. */
function firstOf(error: unknown): unknown {
  const errors = propertyOf(error, 'errors');
  return Array.isArray(errors) && errors.length > 0 ? errors[0] : error;
}

/** The client's error without its `command`, which would show credentials. */
function bareCause(error: unknown): Error {
  const bare = new Error(wordsOf(error));
  const code = propertyOf(error, 'code');
  if (typeof code === 'string') Object.assign(bare, { code });
  return bare;
}

function at(target: string | null): string {
  return target === null ? '' : ` at ${target}`;
}

function propertyOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
