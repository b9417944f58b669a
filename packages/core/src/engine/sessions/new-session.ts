/**
 * What a caller may say of a session to add, checked field by field; each problem says what was given, what is taken,
 * and the fix.
 */

import { WaSyncError } from '../../domain/errors.js';
import { maskNumbers } from '../../domain/safe-text.js';
import { checkSessionId, SESSION_STATUSES, type SessionStatus } from '../../domain/session.js';
import { SESSION_ID_IS } from '../../domain/session-id.js';
import type { NewSession } from '../../ports/session-store.js';

const DESIRED = new Set<unknown>(['running', 'stopped']);
const TAKES_OBJECT = 'takes an object with at least an id';

/**
 * Reads what `create` and `ensure` are given.
 *
 * @throws WaSyncError `config_invalid`, `session_id_invalid`
 */
export function readNewSession(of: string, given: unknown): NewSession {
  if (typeof given !== 'object' || given === null) {
    throw new WaSyncError(
      'config_invalid',
      `${of} ${TAKES_OBJECT}, ${of}({ id: 'shop' }): this is ${showValue(given)}`,
    );
  }
  const fields = given as Record<string, unknown>;
  const id = checkSessionId(fields.id);
  const problems = [phoneProblem(fields.phone), desiredProblem(fields.desired)].filter((said) => said !== null);
  if (problems.length > 0) throw new WaSyncError('config_invalid', `${of}: ${problems.join('; ')}`);
  const { phone, desired } = fields as Partial<NewSession>;
  return { id, phone, desired: desired ?? 'running' };
}

/** Reads one entry of an import; the problems of a wrong one. */
export function readImported(entry: unknown): NewSession | readonly string[] {
  if (typeof entry !== 'object' || entry === null) return [`is ${showValue(entry)}: it ${TAKES_OBJECT}`];
  const fields = entry as Record<string, unknown>;
  const problems = [
    idProblem(fields),
    phoneProblem(fields.phone),
    desiredProblem(fields.desired),
    statusProblem(fields.status),
    instantProblem(fields.lastSeenAt),
  ].filter((said) => said !== null);
  if (problems.length > 0) return problems;
  const { id, phone, desired, status, lastSeenAt } = fields as Partial<NewSession> & Pick<NewSession, 'id'>;
  return { id, phone, desired: desired ?? 'running', status: status ?? undefined, lastSeenAt };
}

function idProblem(fields: Record<string, unknown>): string | null {
  const { id } = fields;
  if (id === undefined) {
    const names = Object.keys(fields).slice(0, 8).join(', ');
    return `id is missing: the entry has ${names || 'no fields of its own'}; write id: String(row.…) with the column that names the session`;
  }
  if (typeof id === 'number' || typeof id === 'bigint')
    return `id is ${showValue(id)}: it takes a text, write id: String(row.id)`;
  try {
    checkSessionId(id);
    return null;
  } catch {
    return `id is ${showValue(id)}: it takes ${SESSION_ID_IS}`;
  }
}

function phoneProblem(phone: unknown): string | null {
  if (phone == null || typeof phone === 'string') return null;
  const fix = typeof phone === 'number' || typeof phone === 'bigint' ? ', write phone: String(row.phone)' : '';
  return `phone is ${showValue(phone)}: it takes a text${fix}`;
}

function desiredProblem(desired: unknown): string | null {
  if (desired == null || DESIRED.has(desired)) return null;
  return `desired is ${showValue(desired)}: it takes 'running' or 'stopped'`;
}

function statusProblem(status: unknown): string | null {
  if (status == null || SESSION_STATUSES.includes(status as SessionStatus)) return null;
  const meant = typeof status === 'string' && SESSION_STATUSES.find((known) => known === status.trim().toUpperCase());
  const fix = meant ? `write '${meant}'` : 'write the one that your word means, or leave status out';
  return `status is ${showValue(status)}: it takes one of ${SESSION_STATUSES.join(', ')}; ${fix}`;
}

function instantProblem(at: unknown): string | null {
  if (at == null || (at instanceof Date && Number.isFinite(at.getTime()))) return null;
  const fix = typeof at === 'string' || typeof at === 'number' ? ', write new Date(row.lastSeenAt)' : '';
  return `lastSeenAt is ${showValue(at)}: it takes a Date${fix}`;
}

const MAX_LENGTH = 40;

/**
 * Names a wrong value in an error text: its type, and what it holds as far as that is short and no secret. Never the
 * contents of an object.
 */
export function showValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value === '' ? 'an empty text' : `the text ${quote(value)}`;
    case 'number':
    case 'bigint':
      return `the number ${maskNumbers(String(value))}`;
    case 'boolean':
      return String(value);
    case 'undefined':
      return 'missing';
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    case 'object':
      return describeObject(value);
  }
}

function quote(text: string): string {
  // Masked before it is cut: half a number would show more than its last four digits.
  const masked = maskNumbers(text).replace(/[\p{Cc}\p{Cs}\u2028\u2029]/gu, '\ufffd');
  return `'${masked.length > MAX_LENGTH ? `${masked.slice(0, MAX_LENGTH)}…` : masked}'`;
}

function describeObject(value: object | null): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Date) return Number.isFinite(value.getTime()) ? 'a Date' : 'an invalid Date';
  if (typeof (value as { then?: unknown }).then === 'function') return 'a promise';
  return 'an object';
}
