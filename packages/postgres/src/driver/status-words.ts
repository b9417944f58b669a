import { SESSION_STATUSES, type SessionStatus } from '@wa-sync/core';

/** The word of each status in a host's table. */
export type StatusWords = Readonly<Record<SessionStatus, string>>;

/** The default ones. */
const DEFAULT_WORDS: StatusWords = {
  CONNECTING: 'CONNECTING',
  QR_CODE: 'QR_CODE',
  CONNECTED: 'CONNECTED',
  RECONNECTING: 'CONNECTING',
  DISCONNECTED: 'DISCONNECTED',
  LOGGED_OUT: 'DISCONNECTED',
  REPLACED: 'ERROR',
  ERROR: 'ERROR',
};

/** The words under a mapping that says those which are not the default ones. */
export function wordsUnder(own: Partial<Record<SessionStatus, string | undefined>>): StatusWords {
  const words: Record<SessionStatus, string> = { ...DEFAULT_WORDS };
  for (const status of SESSION_STATUSES) words[status] = own[status] ?? DEFAULT_WORDS[status];
  return words;
}
