import { WaSyncError } from '../domain/errors.js';
import type { AuthEntry } from '../ports/auth-store.js';
import type { Logger } from '../ports/logger.js';

/** What one statement writes for one session: each key once, its last value. */
export interface AuthWriteGroup {
  readonly sessionId: string;
  readonly tenure: string | null;
  readonly entries: readonly AuthEntry[];
}

/** What became of the writes of one session: another tenure holds it (`lost`), or there is no row (`missing`). */
export type AuthWriteVerdict = 'written' | 'lost' | 'missing';

interface PendingWrite extends AuthWriteGroup {
  readonly queuedAtMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Entries of one statement; a first login has 812. */
const MOST_ENTRIES = 4_000;

/**
 * Group commit of credentials, for stores. Owns the queue of writes: while one statement is under way, writes of all sessions gather, and the next
 * statement takes them together. Writes of one session are carried out in the order of their calls, so that of `creds` the last one stands.
 */
export function queueAuthWrites(params: {
  /** Writes all entries of each session or none of them; returns verdicts in the order of the groups. */
  commit(groups: readonly AuthWriteGroup[]): Promise<readonly AuthWriteVerdict[]>;
  /** Whether this error would meet every session, so that there is no use in trying one at a time. */
  isAway(error: unknown): boolean;
  /** Milliseconds after which a write that still waits for its turn is refused. */
  mostWaitMs(): number;
  /** Whether records are encrypted; where not, the first write says so once. */
  encrypted: boolean;
  logger: Logger;
  monotonicMs(): number;
}): (write: AuthWriteGroup) => Promise<void> {
  const { isAway, mostWaitMs, logger, monotonicMs } = params;
  let queue: PendingWrite[] = [];
  let flushing = false;
  // Said at the first write and not before: a host that keeps its own credentials has nothing to fix.
  let warned = params.encrypted;

  /** The next writes in order: of a session only those that share one tenure, so that each has one verdict. */
  function takeBatch(): PendingWrite[] {
    const tenures = new Map<string, string | null>();
    const stopped = new Set<string>();
    const batch: PendingWrite[] = [];
    const rest: PendingWrite[] = [];
    let entries = 0;
    for (const write of queue) {
      const first = tenures.get(write.sessionId);
      const fits =
        !stopped.has(write.sessionId) &&
        (first === undefined || first === write.tenure) &&
        (entries === 0 || entries + write.entries.length <= MOST_ENTRIES);
      if (fits) {
        tenures.set(write.sessionId, write.tenure);
        entries += write.entries.length;
        batch.push(write);
      } else {
        stopped.add(write.sessionId);
        rest.push(write);
      }
    }
    queue = rest;
    return batch;
  }

  async function commit(batch: readonly PendingWrite[]): Promise<void> {
    const groups = groupBySession(batch);
    const verdicts = await params.commit(groups);
    const bySession = new Map(groups.map(({ sessionId }, index) => [sessionId, verdicts[index]]));
    for (const write of batch) {
      const verdict = bySession.get(write.sessionId);
      if (verdict === 'written') write.resolve();
      else write.reject(refusal(verdict));
    }
  }

  /** One bad write must not fail its neighbours: what a batch could not do is tried one session at a time. */
  async function refuse(batch: readonly PendingWrite[], error: unknown): Promise<void> {
    const sessions = new Set(batch.map(({ sessionId }) => sessionId));
    if (sessions.size === 1 || isAway(error)) {
      for (const write of batch) write.reject(error);
      return;
    }
    const alone = [...sessions].map((sessionId) => batch.filter((write) => write.sessionId === sessionId));
    await Promise.all(alone.map((own) => commit(own).catch((again: unknown) => refuse(own, again))));
  }

  /** A store that does not answer must not let what waits for it grow older and older. */
  function refuseLate(): void {
    const latestMs = monotonicMs() - mostWaitMs();
    const late = queue.filter(({ queuedAtMs }) => queuedAtMs < latestMs);
    if (late.length === 0) return;
    queue = queue.filter(({ queuedAtMs }) => queuedAtMs >= latestMs);
    const said = `Credentials waited longer than ${mostWaitMs()} ms for the store`;
    for (const write of late) write.reject(new WaSyncError('store_timeout', said, { retryable: true }));
  }

  async function flush(): Promise<void> {
    if (flushing) return;
    flushing = true;
    try {
      for (refuseLate(); queue.length > 0; refuseLate()) {
        const batch = takeBatch();
        await commit(batch).catch((error: unknown) => refuse(batch, error));
      }
    } finally {
      flushing = false;
    }
  }

  return ({ sessionId, tenure, entries }) =>
    new Promise<void>((resolve, reject) => {
      if (!warned)
        logger.warn(
          { code: 'auth_unencrypted' },
          'Credentials are stored unencrypted: give auth.keyRing to encrypt them',
        );
      warned = true;
      // Values are the caller's to change as soon as this call returns to it, and a batch may have to wait.
      const copies = entries.map((entry) => ({ ...entry, value: entry.value && new Uint8Array(entry.value) }));
      queue.push({ sessionId, tenure, entries: copies, queuedAtMs: monotonicMs(), resolve, reject });
      // In a microtask, so that calls of one turn share a statement.
      queueMicrotask(() => void flush());
    });
}

/** The last write of a key wins, and a key occurs once: one statement cannot touch a row twice. */
function groupBySession(batch: readonly PendingWrite[]): AuthWriteGroup[] {
  const groups = new Map<string, { tenure: string | null; entries: Map<string, AuthEntry> }>();
  for (const { sessionId, tenure, entries } of batch) {
    const group = groups.get(sessionId) ?? { tenure, entries: new Map<string, AuthEntry>() };
    groups.set(sessionId, group);
    for (const entry of entries) group.entries.set(JSON.stringify([entry.type, entry.id]), entry);
  }
  return [...groups].map(([sessionId, { tenure, entries }]) => ({ sessionId, tenure, entries: [...entries.values()] }));
}

function refusal(verdict: AuthWriteVerdict | undefined): WaSyncError {
  return verdict === 'lost'
    ? new WaSyncError('tenure_lost', 'The session is held under another tenure: its credentials were not written')
    : new WaSyncError('session_not_found', 'Credentials need a session row, and there is none');
}
