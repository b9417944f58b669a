import type { Reason } from '@wa-sync/core';
import { type AppliedRow, type ChangedRow, mayBeTheHosts, mirroredWrites } from './apply-mirrored.js';
import type { PreparedStore } from './prepare-store.js';
import { MOST_ROWS } from './rounds.js';
import type { StatementRunner } from './run-statement.js';

/** At a shutdown, and before a session is opened again, nobody waits long for a host's lock. */
const WAIT_MS = 200;
/** Rows that the host's table may refuse one by one before the rest is freed without it. */
const MOST_SINGLES = 3;

/** Gives sessions back: one statement, unless the host's table refuses a row of it. */
export async function releaseSessions(params: {
  runner: StatementRunner;
  prepared: PreparedStore;
  owner: string;
  ids?: readonly string[] | undefined;
  unobservedIds: readonly string[];
  reason: Reason;
}): Promise<string[]> {
  const { runner, prepared, owner, ids, unobservedIds, reason } = params;
  const { writing, writingOursOnly, reading, mirror } = prepared;
  const mirrored = mirroredWrites({ runner, mirror, statements: writing, waitMs: WAIT_MS });
  const release = (some: readonly string[] | null, withHost: boolean) =>
    runner.json<ChangedRow[]>((withHost ? writing : writingOursOnly).release, [
      String(runner.limits.lockMs),
      owner,
      some,
      reason.code,
      reason.detail?.replaceAll('\0', '') ?? null,
      unobservedIds,
    ]);
  let rows: AppliedRow[] = [];
  try {
    rows = await mirrored.settle(await release(ids === undefined ? null : [...new Set(ids)], true));
  } catch (error) {
    if (mirror === null || !mayBeTheHosts(error)) throw error;
    const all = ids === undefined ? await runner.json<string[]>(reading.idsOfOwner, [owner]) : [...new Set(ids)];
    for (let from = 0; from < all.length; from += MOST_ROWS) {
      const some = all.slice(from, from + MOST_ROWS);
      rows.push(...(await mirrored.apply(some, (items, mode) => release(items, mode.mirror))));
    }
  }
  return rows.map(({ tuple }) => tuple[0]);
}

/** Frees sessions whose owner is gone; around a host row that is refused it takes fewer at a time. */
export async function freeFencedSessions(params: {
  runner: StatementRunner;
  prepared: PreparedStore;
  limit: number;
}): Promise<string[]> {
  const { runner, prepared, limit } = params;
  const { writing, writingOursOnly, mirror } = prepared;
  const mirrored = mirroredWrites({ runner, mirror, statements: writing, waitMs: WAIT_MS });
  const free = (take: number, withHost: boolean) =>
    runner.json<ChangedRow[]>((withHost ? writing : writingOursOnly).freeFenced, [String(runner.limits.lockMs), take]);
  const freed: string[] = [];
  let singles = 0;
  for (let take = limit; freed.length < limit; ) {
    try {
      const rows = await mirrored.settle(await free(take, true));
      freed.push(...rows.map(({ tuple }) => tuple[0]));
      // A full answer of a smaller try may have more behind it; the caller asks again, and so do we within its limit.
      if (rows.length < take || take === limit) return freed;
      take = limit - freed.length;
    } catch (error) {
      if (mirror === null || !mayBeTheHosts(error)) throw error;
      if (take > 1) {
        take = Math.ceil(take / 8);
        continue;
      }
      singles += 1;
      const left = limit - freed.length;
      const rows = await free(singles > MOST_SINGLES ? left : 1, false);
      freed.push(...rows.map(([tuple]) => tuple[0]));
      if (rows.length === 0 || singles > MOST_SINGLES) return freed;
      take = left - 1;
    }
  }
  return freed;
}
