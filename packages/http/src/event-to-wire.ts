import { isWaSyncError } from '@wa-sync/core';
import { logText } from '@wa-sync/core/adapter';

/** The payload of an event as it goes out. */
export type EventOnWire = { readonly [key: string]: unknown };

/** Ids go out as they are, because a client has to know them again. */
const IDS = new Set(['sessionId', 'conversationId']);

/** An event as JSON: instants as texts, no whole number in any text for people, of an error its code alone. */
export function eventToWire(payload: object): EventOnWire {
  return Object.fromEntries(
    Object.entries(payload).map(([key, value]) => [key, IDS.has(key) ? value : valueToWire(key, value)]),
  );
}

function valueToWire(key: string, value: unknown): unknown {
  if (key === 'error') return errorToWire(value);
  if (typeof value === 'string') return logText(value);
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, valueToWire(name, inner)]));
}

/** What a host's own code threw may say anything: its words are for the log. */
function errorToWire(error: unknown): string {
  if (isWaSyncError(error)) return error.code;
  return typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? error : 'internal_error';
}
