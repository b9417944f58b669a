import type { SessionsApi } from '../../api/wa-sync.js';
import { WaSyncError } from '../../domain/errors.js';
import type { NewSession } from '../../ports/session-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import { readImported, showValue } from './new-session.js';

const BATCH = 1_000;
/** Wrong entries that the error names; the others are only counted. */
const NAMED = 5;

/** `wa.sessions.import`: nothing is written before every entry was checked. */
export function createImportSessions(store: WaSyncStore): SessionsApi['import'] {
  return async (given) => {
    const all = readEntries(readList(given));
    let created = 0;
    for (let from = 0; from < all.length; from += BATCH) {
      created += (await store.sessions.create({ sessions: all.slice(from, from + BATCH) })).length;
    }
    return { created };
  };
}

function readList(given: unknown): readonly unknown[] {
  const fix = 'write wa.sessions.import({ sessions: rows }) with a list of { id, phone, desired, status, lastSeenAt }';
  if (Array.isArray(given)) throw invalid(`import was given the list itself: ${fix}`);
  if (typeof given !== 'object' || given === null) throw invalid(`import was given ${showValue(given)}: ${fix}`);
  const { sessions } = given as { sessions?: unknown };
  if (Array.isArray(sessions)) return sessions;
  const of = showValue(sessions);
  const hasRows =
    typeof sessions === 'object' && sessions !== null && Array.isArray((sessions as { rows?: unknown }).rows);
  if (hasRows) throw invalid(`sessions is the result of a query: write sessions: result.rows`);
  throw invalid(`sessions is ${of}${of === 'a promise' ? ', await it first' : ''}: ${fix}`);
}

function readEntries(entries: readonly unknown[]): NewSession[] {
  const fine: NewSession[] = [];
  const wrong: string[] = [];
  // A loop by index: a list with holes has entries too.
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index];
    const read = readImported(entry);
    if (!isProblems(read)) fine.push(read);
    else wrong.push(wrong.length < NAMED ? `entry ${index}${nameOf(entry)}: ${read.join('; ')}` : '');
  }
  if (wrong.length === 0) return fine;
  const more = wrong.length > NAMED ? `; and ${wrong.length - NAMED} more` : '';
  const count = `${wrong.length} of ${entries.length} entries ${wrong.length === 1 ? 'is' : 'are'} wrong`;
  throw invalid(`${count}, nothing was imported: ${wrong.slice(0, NAMED).join('; ')}${more}`);
}

const isProblems = (read: NewSession | readonly string[]): read is readonly string[] => Array.isArray(read);

/** The id of a wrong entry, where it has one that can be read. */
function nameOf(entry: unknown): string {
  const id = (entry as { id?: unknown } | null | undefined)?.id;
  return typeof id === 'string' || typeof id === 'number' ? ` (id ${showValue(id).replace(/^the \w+ /, '')})` : '';
}

function invalid(message: string): WaSyncError {
  return new WaSyncError('import_invalid', message);
}
