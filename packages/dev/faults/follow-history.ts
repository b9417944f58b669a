import { type HistoryStore, isWaSyncError } from '@wa-sync/core';

/**
 * Reads the feed over links that break, until `over()` and it has returned everything; returns the ids of the entries,
 * in its order.
 */
export async function followHistory(history: HistoryStore, start: string, over: () => boolean): Promise<string[]> {
  const ids: string[] = [];
  for (let after = start; ; ) {
    const last = over();
    try {
      const feed = await history.since({ after, limit: 50 });
      if (feed.missed) throw new Error('The feed says that something was missed');
      ids.push(...feed.transitions.map(({ id }) => id));
      after = feed.next;
      if (last && feed.transitions.length === 0) return ids;
    } catch (error) {
      if (!isWaSyncError(error) || !error.retryable) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
