import { WaSyncError } from '../domain/errors.js';
import { createBatcher } from '../engine/limits/batch-calls.js';
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
}

/** Why a write was not carried out; `null` where it was. */
type Refusal = { readonly error: unknown } | null;

/** Entries of one statement; a first login has 812. */
const MOST_ENTRIES = 4_000;

/**
 * Group commit of credentials, for stores: while one statement is under way, writes of all sessions gather, and the
 * next statement takes them together. Writes of one session are carried out in the order of their calls, so that of
 * `creds` the last one stands.
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
  // Logged at the first write and not before: a host that keeps its own credentials has nothing to fix.
  let warned = params.encrypted;

  /** One bad write must not fail its neighbours: what a statement could not do is tried one session at a time. */
  async function commit(groups: readonly AuthWriteGroup[]): Promise<(Refusal | Promise<Refusal>)[]> {
    try {
      const verdicts = await params.commit(groups);
      return groups.map((_, index) => (verdicts[index] === 'written' ? null : { error: refusal(verdicts[index]) }));
    } catch (error) {
      if (groups.length === 1 || isAway(error)) return groups.map(() => ({ error }));
      return groups.map(async (group) => (await commit([group]))[0] ?? null);
    }
  }

  let takenAtMs = 0;
  /** A store that does not answer must not let what waits for it grow older and older. */
  function isLate({ queuedAtMs }: PendingWrite): boolean {
    return queuedAtMs < takenAtMs - mostWaitMs();
  }

  const queue = createBatcher<PendingWrite, Refusal>({
    next: 'after',
    chooser() {
      takenAtMs = monotonicMs();
      return chooseWrites(isLate);
    },
    async run(batch) {
      if (batch.every(isLate)) {
        const said = `Credentials waited longer than ${mostWaitMs()} ms for the store`;
        return batch.map(() => ({ error: new WaSyncError('store_timeout', said, { retryable: true }) }));
      }
      const groups = groupBySession(batch);
      const refusals = await commit(groups);
      const bySession = new Map(groups.map(({ sessionId }, index) => [sessionId, refusals[index] ?? null]));
      return batch.map(({ sessionId }) => bySession.get(sessionId) ?? null);
    },
  });

  return async ({ sessionId, tenure, entries }) => {
    if (!warned)
      logger.warn(
        { code: 'auth_unencrypted' },
        'Credentials are stored unencrypted: give auth.keyRing to encrypt them',
      );
    warned = true;
    // Values are the caller's to change as soon as this call returns to it, and a batch may have to wait.
    const copies = entries.map((entry) => ({ ...entry, value: entry.value && new Uint8Array(entry.value) }));
    const refused = await queue({ sessionId, tenure, entries: copies, queuedAtMs: monotonicMs() });
    if (refused) throw refused.error;
  };
}

/**
 * In order: of a session only writes that share one tenure, so that each has one verdict, and none before an earlier
 * one that does not fit. Those that are late are a batch of their own, so that no statement holds up their refusal.
 */
function chooseWrites(isLate: (write: PendingWrite) => boolean): (write: PendingWrite) => boolean {
  const tenures = new Map<string, string | null>();
  const stopped = new Set<string>();
  let late: boolean | null = null;
  let taken = 0;
  return (write) => {
    const { sessionId, tenure, entries } = write;
    const first = tenures.get(sessionId);
    late ??= isLate(write);
    const fits =
      !stopped.has(sessionId) &&
      (first === undefined || first === tenure) &&
      isLate(write) === late &&
      (taken === 0 || taken + entries.length <= MOST_ENTRIES);
    if (fits) {
      tenures.set(sessionId, tenure);
      taken += entries.length;
    } else stopped.add(sessionId);
    return fits;
  };
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
