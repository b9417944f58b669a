import { maskNumbers } from '@wa-sync/core';
import type { Role } from '../host/options.js';

/** What `authorize` takes as its return value, for a log line. */
export const ACCESS_SHAPE = "false, or { role: 'admin' | 'viewer', sessionIds: 'all' | ['id', …], id?: 'text' }";

/** A caller that `authorize` lets in. */
export interface Granted {
  readonly role: Role;
  /** Sorted and without doubles; `null`: all. */
  readonly sessionIds: readonly string[] | null;
  readonly id: string | null;
}

/** What came of it; `wrong` describes a return value of another shape. */
export type Verdict = { readonly granted: Granted | null } | { readonly wrong: string };

const KEYS = ['role', 'sessionIds', 'id'];
/** Longest word of the host that a line repeats. */
const REPEATED = 40;

/**
 * Checks what `authorize` returned, and copies it: each part is read once, so that it cannot be one thing to the check
 * and another to the routes. Anything but the two shapes is a mistake of the host. None may open a door: a misspelt
 * `sessionIDs` would otherwise be a caller that sees all.
 */
export function readAccess(returned: unknown): Verdict {
  if (returned === false) return { granted: null };
  try {
    return readShape(returned);
  } catch {
    return { wrong: 'an object that cannot be read' };
  }
}

function readShape(returned: unknown): Verdict {
  if (typeof returned !== 'object' || returned === null) return { wrong: describe(returned) };
  if (Array.isArray(returned)) return { wrong: 'a list' };
  if (!isPlain(returned)) return { wrong: 'an object of a class' };
  const fields: Record<string, unknown> = Object.create(null);
  for (const key of Reflect.ownKeys(returned)) {
    if (typeof key !== 'string' || !KEYS.includes(key))
      return { wrong: `an object with the unknown key ${quote(String(key))}` };
    const { get, value } = Object.getOwnPropertyDescriptor(returned, key) ?? {};
    if (get) return { wrong: `an object with a getter for ${key}` };
    fields[key] = value;
  }
  const { role, sessionIds, id } = fields;
  if (role !== 'admin' && role !== 'viewer') return { wrong: `an object with the role ${describe(role)}` };
  if (id !== undefined && typeof id !== 'string') return { wrong: `an object whose id is ${describe(id)}` };
  const ids = readSessionIds(sessionIds);
  return typeof ids === 'string' ? { wrong: ids } : { granted: { role, sessionIds: ids, id: id ?? null } };
}

/** `null`: all. A text says what is wrong. */
function readSessionIds(sessionIds: unknown): readonly string[] | null | string {
  if (sessionIds === 'all') return null;
  if (!Array.isArray(sessionIds)) return `an object whose sessionIds is ${describe(sessionIds)}`;
  const ids = new Set<string>();
  const { length } = sessionIds;
  // By index, because `for … of` asks an iterator that the list may have of its own.
  for (let at = 0; at < length; at += 1) {
    const id: unknown = sessionIds[at];
    if (typeof id !== 'string') return `an object whose sessionIds has ${describe(id)} at ${at}`;
    ids.add(id);
  }
  return [...ids].sort();
}

/** Made by `{}` of whichever realm, or without a prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** On one line, without a whole number. */
function quote(text: string): string {
  return JSON.stringify(maskNumbers(text).slice(0, REPEATED));
}
