import type { HostImportProgress, HostImportReport } from '../../domain/report.js';
import type { SessionStatus } from '../../domain/session.js';
import { type SessionIdFault, sessionIdFault } from '../../domain/session-id.js';
import type { HostSession, HostSessions } from '../../ports/host-sessions.js';
import type { NewSession } from '../../ports/session-store.js';

/** What a status promises, least first. A logout and a connection are facts that only a word of their own can say. */
const BY_PROMISE: readonly SessionStatus[] = [
  'DISCONNECTED',
  'ERROR',
  'CONNECTING',
  'QR_CODE',
  'RECONNECTING',
  'REPLACED',
  'LOGGED_OUT',
  'CONNECTED',
];

/**
 * A mapping read backwards: the status of each word of the host. Where several share a word it is the one that promises
 * least, because the host's table cannot tell which of them it was. A word that only the host writes says that a login
 * is under way.
 */
export function statusOfWords({
  words,
  leftAlone,
}: Pick<HostSessions, 'words' | 'leftAlone'>): ReadonlyMap<string, SessionStatus> {
  const statuses = new Map<string, SessionStatus>(leftAlone.map((word) => [word, 'CONNECTING']));
  for (const status of BY_PROMISE) if (!statuses.has(words[status])) statuses.set(words[status], status);
  return statuses;
}

/** A row as a session to add. What the host wants of it is not copied: its `active` is asked whenever that matters. */
export function newSession({ id, phone, lastSeenAt }: HostSession, status: SessionStatus | undefined): NewSession {
  return { id, desired: 'running', phone, status: status ?? 'DISCONNECTED', lastSeenAt };
}

/** Rows and words that a report names; the others are only counted. */
const NAMED = 100;
const LONGEST_ID = 80;

/** Counts an import; of any size, by the counts and the first names alone. */
export function createImportTally(dryRun: boolean) {
  const counts = { read: 0, created: 0, existing: 0 };
  const leftOut: { id: string; why: SessionIdFault }[] = [];
  const words = new Map<string | null, number>();
  let leftOutTotal = 0;
  let unknownWordsTotal = 0;

  return {
    /** Whether the row can be a session. */
    takes({ id }: HostSession): boolean {
      counts.read += 1;
      const why = sessionIdFault(id);
      if (why === null) return true;
      leftOutTotal += 1;
      if (leftOut.length < NAMED) leftOut.push({ id: cut(id), why });
      return false;
    },

    /** Notes what became of a row. */
    count({ word }: HostSession, isNew: boolean, isKnown: boolean): void {
      counts[isNew ? 'created' : 'existing'] += 1;
      if (!isNew || isKnown) return;
      unknownWordsTotal += 1;
      const before = words.get(word);
      if (before !== undefined || words.size < NAMED) words.set(word, (before ?? 0) + 1);
    },

    progress: (): HostImportProgress => ({ ...counts }),

    text(): string {
      const did = dryRun ? 'would be imported' : 'were imported';
      return `${counts.created} sessions of the host's table ${did}, ${counts.existing} were there already`;
    },

    report: (): HostImportReport => ({
      ...counts,
      dryRun,
      leftOut,
      leftOutTotal,
      unknownWords: [...words].map(([word, sessions]) => ({ word, sessions })),
      unknownWordsTotal,
    }),
  };
}

function cut(id: string): string {
  return id.length > LONGEST_ID ? `${id.slice(0, LONGEST_ID)}…` : id;
}
