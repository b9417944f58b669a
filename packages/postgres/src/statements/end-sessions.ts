import type { HeldTenure, Reason, SessionStatus, UnheldSession } from '@wa-sync/core';
import type { Statement, StatementRunner } from '../driver/run-statement.js';
import { MOST_ROWS } from '../driver/run-statement.js';
import { type AppliedRow, type AttemptMode, type ChangedRow, mirroredWrites } from './apply-mirrored.js';
import type { PreparedStore } from './prepare-store.js';
import { mayBeTheHosts } from './write-around-refused.js';
import type { WriteStatements } from './write-statements.js';

/** At a shutdown, and before a session is opened again, nobody waits long for a host's lock. */
const WAIT_MS = 200;
/** Rows that the host's table may refuse one by one before the rest is freed without it. */
const MOST_SINGLES = 3;

/** `tenure: null` where whatever the owner has of it by now is meant. */
type Named = { readonly id: string; readonly tenure: string | null };

/** Releases sessions: one statement, unless the host's table refuses a row of it. */
export async function releaseSessions(params: {
  runner: StatementRunner;
  prepared: PreparedStore;
  owner: string;
  sessions?: readonly HeldTenure[] | undefined;
  unobservedIds: readonly string[];
  reason: Reason;
}): Promise<string[]> {
  const { runner, prepared, owner, sessions, unobservedIds, reason } = params;
  const { writing, writingOursOnly, reading, mirror } = prepared;
  const mirrored = mirroredWrites({ runner, mirror, statements: writing, waitMs: WAIT_MS });
  const release = (some: readonly Named[] | null, withHost: boolean) =>
    runner.json<ChangedRow[]>((withHost ? writing : writingOursOnly).release, [
      String(runner.limits.lockMs),
      owner,
      some?.map(({ id }) => id) ?? null,
      reason.code,
      reason.detail?.replaceAll('\0', '') ?? null,
      unobservedIds,
      some?.map(({ tenure }) => tenure) ?? null,
    ]);
  let rows: AppliedRow[] = [];
  const refusals: unknown[] = [];
  try {
    rows = await mirrored.finish(await release(sessions ?? null, true));
  } catch (error) {
    if (!mayBeTheHosts(error)) throw error;
    const ofOwner = async () =>
      (await runner.json<string[]>(reading.idsOfOwner, [owner])).map((id): Named => ({ id, tenure: null }));
    const all = sessions ?? (await ofOwner());
    for (let from = 0; from < all.length; from += MOST_ROWS) {
      const some = all.slice(from, from + MOST_ROWS);
      const run = (items: readonly Named[], mode: AttemptMode) => release(items, mode.mirror);
      rows.push(...(await mirrored.apply(some, run, (_, own) => refusals.push(own))));
    }
    // One that is refused keeps only itself from being released.
    if (rows.length === 0 && refusals.length > 0) throw refusals[0];
  }
  return rows.map(({ tuple }) => tuple[0]);
}

/** Frees sessions whose owner is gone. */
export async function freeFencedSessions(params: {
  runner: StatementRunner;
  prepared: PreparedStore;
  limit: number;
}): Promise<string[]> {
  const lockMs = String(params.runner.limits.lockMs);
  const freed = await endUpTo(params, ({ freeFenced }, take) => [freeFenced, [lockMs, take]]);
  return freed.map(([tuple]) => tuple[0]);
}

/** Ends the adoption grace of sessions that nobody has held. */
export async function closeUnheldSessions(params: {
  runner: StatementRunner;
  prepared: PreparedStore;
  graceMs: number;
  limit: number;
}): Promise<UnheldSession[]> {
  const lockMs = String(params.runner.limits.lockMs);
  const closed = await endUpTo(params, ({ closeUnheld }, take) => [closeUnheld, [lockMs, params.graceMs, take]]);
  return closed.map(([tuple, , before]) => ({ id: tuple[0], from: before as SessionStatus }));
}

/** Runs a statement that picks its rows itself; around a host row that is refused it takes fewer at a time. */
async function endUpTo(
  params: { runner: StatementRunner; prepared: PreparedStore; limit: number },
  of: (statements: WriteStatements, take: number) => [statement: Statement, values: unknown[]],
): Promise<ChangedRow[]> {
  const { runner, prepared, limit } = params;
  const { writing, writingOursOnly, mirror } = prepared;
  const mirrored = mirroredWrites({ runner, mirror, statements: writing, waitMs: WAIT_MS });
  const run = (take: number, withHost: boolean) =>
    runner.json<ChangedRow[]>(...of(withHost ? writing : writingOursOnly, take));
  const ended: ChangedRow[] = [];
  let singles = 0;
  for (let take = limit; ended.length < limit; ) {
    try {
      const rows = await run(take, true);
      ended.push(...rows);
      await mirrored.finish(rows);
      // A full answer of a smaller try may have more behind it; the caller asks again, and so do we within its limit.
      if (rows.length < take || take === limit) return ended;
      take = limit - ended.length;
    } catch (error) {
      if (mirror === null || !mayBeTheHosts(error)) throw error;
      if (take > 1) {
        take = Math.ceil(take / 8);
        continue;
      }
      singles += 1;
      const left = limit - ended.length;
      const rows = await run(singles > MOST_SINGLES ? left : 1, false);
      ended.push(...rows);
      if (rows.length === 0 || singles > MOST_SINGLES) return ended;
      take = left - 1;
    }
  }
  return ended;
}
