import { type AuthEntry, isWaSyncError, WaSyncError } from '@wa-sync/core';

/** A write of credentials that waits for its turn. */
export interface PendingWrite {
  readonly sessionId: string;
  readonly tenure: string | null;
  readonly entries: readonly AuthEntry[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What became of the writes of one session. */
export type Verdict = 'written' | 'lost' | 'missing';

/** Entries of one call; a first login has 812. */
const MOST_ENTRIES = 4_000;

/**
 * Gathers writes: while one call is under way, writes of all sessions queue up, and the next call takes them together. Writes
 * of one session are carried out in the order of their calls.
 */
export function createWriteGroups(params: {
  /** Writes a batch in which every session has one tenure; answers a verdict for each session. */
  commit(batch: readonly PendingWrite[]): Promise<ReadonlyMap<string, Verdict>>;
}): (write: Omit<PendingWrite, 'resolve' | 'reject'>) => Promise<void> {
  let queue: PendingWrite[] = [];
  let flushing = false;

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
    const verdicts = await params.commit(batch);
    for (const write of batch) {
      const verdict = verdicts.get(write.sessionId);
      if (verdict === 'written') write.resolve();
      else write.reject(refusal(verdict));
    }
  }

  /** One bad write must not fail its neighbours: what a batch could not do is tried one session at a time. */
  async function refuse(batch: readonly PendingWrite[], error: unknown): Promise<void> {
    const sessions = new Set(batch.map(({ sessionId }) => sessionId));
    const away = isWaSyncError(error) && (error.code === 'store_unreachable' || error.code === 'store_timeout');
    if (sessions.size === 1 || away) {
      for (const write of batch) write.reject(error);
      return;
    }
    for (const sessionId of sessions) {
      const own = batch.filter((write) => write.sessionId === sessionId);
      await commit(own).catch((again: unknown) => refuse(own, again));
    }
  }

  async function flush(): Promise<void> {
    if (flushing) return;
    flushing = true;
    try {
      while (queue.length > 0) {
        const batch = takeBatch();
        await commit(batch).catch((error: unknown) => refuse(batch, error));
      }
    } finally {
      flushing = false;
    }
  }

  return (write) =>
    new Promise<void>((resolve, reject) => {
      queue.push({ ...write, resolve, reject });
      // In a microtask, so that calls of one turn share a call.
      queueMicrotask(() => void flush());
    });
}

function refusal(verdict: Verdict | undefined): WaSyncError {
  return verdict === 'lost'
    ? new WaSyncError('tenure_lost', 'The session is held under another tenure: its credentials were not written')
    : new WaSyncError('session_not_found', 'Credentials need a session row, and there is none');
}
