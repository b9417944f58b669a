import { type HostSession, type HostSessions, WaSyncError } from '@wa-sync/core';
import type { SessionsMirrorConfig } from '../driver/config.js';
import type { StatementRunner } from '../driver/run-statement.js';
import { wordsUnder } from '../driver/status-words.js';
import type { HostSessionTuple } from '../statements/host-session-statements.js';
import type { PreparedStore } from '../statements/prepare-store.js';

/**
 * The host's own table of sessions, read through its mapping. A lock on the whole table is waited for before a limit
 * inside of a statement counts, so it is the limit of the runner that ends such a wait.
 */
export function createHostSessions(params: {
  runner: StatementRunner;
  ready: () => Promise<PreparedStore>;
  config: SessionsMirrorConfig;
}): HostSessions {
  const { runner, ready, config } = params;
  return {
    words: wordsUnder(config.status),
    leftAlone: config.leaveAlone ?? [],
    whenRowIsGone: config.whenHostRowIsGone,
    async list({ after, limit }) {
      try {
        const { hostSessions } = await ready();
        if (hostSessions === null) throw new WaSyncError('not_supported', 'No table of sessions is mapped');
        const tuples =
          after === undefined
            ? await runner.json<HostSessionTuple[]>(hostSessions.first, [limit])
            : await runner.json<HostSessionTuple[]>(hostSessions.next, [after, limit]);
        return { rows: tuples.map(readTuple), next: tuples.length < limit ? null : (tuples.at(-1)?.[0] ?? null) };
      } catch (error) {
        throw runner.translate(error);
      }
    },
  };
}

function readTuple([id, word, phone, seenAt]: HostSessionTuple): HostSession {
  const lastSeenAt = seenAt === null ? null : new Date(seenAt);
  // Postgres has instants that a Date has not, infinity among them.
  const isDate = lastSeenAt !== null && Number.isFinite(lastSeenAt.getTime());
  return { id, word, phone, lastSeenAt: isDate ? lastSeenAt : null };
}
