import { SESSION_STATUSES } from '../domain/session.js';
import { WaSyncError } from '../errors.js';
import type { NewSession } from '../ports/session-store.js';
import type { WaSyncStore } from '../ports/store.js';
import { checkSessionId } from '../session-id.js';
import type { ImportedSession, SessionsApi } from '../wa-sync.js';

const BATCH = 1_000;
const STATUSES = new Set<unknown>(SESSION_STATUSES);
const DESIRED = new Set<unknown>(['running', 'stopped']);

/** `wa.sessions.import`: nothing is written before every entry was checked. */
export function createImportSessions(store: WaSyncStore): SessionsApi['import'] {
  return async ({ sessions }) => {
    const all = sessions.map(checkEntry);
    let created = 0;
    for (let from = 0; from < all.length; from += BATCH) {
      created += (await store.sessions.create({ sessions: all.slice(from, from + BATCH) })).length;
    }
    return { created };
  };
}

function checkEntry(entry: ImportedSession, index: number): NewSession {
  const { id, phone, desired, status, lastSeenAt } = entry ?? {};
  const problem =
    (phone != null && typeof phone !== 'string' && 'phone takes a text') ||
    (desired !== undefined && !DESIRED.has(desired) && 'desired takes running or stopped') ||
    (status !== undefined && !STATUSES.has(status) && `status takes one of ${SESSION_STATUSES.join(', ')}`) ||
    (lastSeenAt != null && !isInstant(lastSeenAt) && 'lastSeenAt takes a Date');
  if (problem) throw new WaSyncError('import_invalid', `Entry ${index} of the import is wrong: ${problem}`);
  return { id: checkSessionId(id), phone, desired: desired ?? 'running', status, lastSeenAt };
}

function isInstant(value: unknown): boolean {
  return value instanceof Date && Number.isFinite(value.getTime());
}
