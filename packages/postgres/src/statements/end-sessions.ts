import type { HeldTenure, Reason, SessionStatus, UnheldSession } from '@wa-sync/core';
import type { Statement, StatementRunner } from '../driver/run-statement.js';
import { MOST_ROWS } from '../driver/run-statement.js';
import { type AppliedRow, type AttemptMode, type ChangedRow, mirroredWrites } from './apply-mirrored.js';
import type { PreparedStore } from './prepare-store.js';
import { mayBeTheHosts, refusesRow } from './write-around-refused.js';
import type { WriteStatements } from './write-statements.js';

/** At a shutdown, and before a session is opened again, nobody waits long for a host's lock. */
const WAIT_MS = 200;
/** Rows that the host's table may refuse one by one before the rest is freed without it. */
const MOST_SINGLES = 3;

/** `tenure: null` where whatever the owner has of it by now is meant. */
type Named = { readonly id: string; readonly tenure: string | null };

/**
 * Releases sessions: one statement, unless the host's table refuses a row of it. One that is locked keeps only itself
 * from being released: a named one is waited for, once the others are released.
 */
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
  const release = (statement: Statement, some: readonly Named[] | null) =>
    runner.json<ChangedRow[]>(statement, [
      String(runner.limits.lockMs),
      owner,
      some?.map(({ id }) => id) ?? null,
      reason.code,
      reason.detail?.replaceAll('\0', '') ?? null,
      unobservedIds,
      some?.map(({ tenure }) => tenure) ?? null,
    ]);
  const rows: AppliedRow[] = [];
  const refusals: unknown[] = [];
  let left: readonly Named[] | null = sessions ?? null;

  async function releaseLeft(all: readonly Named[]): Promise<void> {
    for (let from = 0; from < all.length; from += MOST_ROWS) {
      const some = all.slice(from, from + MOST_ROWS);
      const run = (items: readonly Named[], mode: AttemptMode) =>
        release((mode.mirror ? writing : writingOursOnly).release, items);
      rows.push(...(await mirrored.apply(some, run, (_, own) => refusals.push(own))));
    }
  }

  try {
    rows.push(...(await mirrored.finish(await release(writing.releaseUnlocked, left))));
    const released = new Set(rows.map(({ tuple }) => tuple[0]));
    left = sessions?.filter(({ id }) => !released.has(id)) ?? [];
  } catch (error) {
    if (!mayBeTheHosts(error)) throw error;
    left ??= (await runner.json<string[]>(reading.idsOfOwner, [owner])).map((id): Named => ({ id, tenure: null }));
  }
  await releaseLeft(left).catch((error: unknown) => {
    refusals.push(error);
  });
  // One that is locked or refused keeps only itself from being released.
  if (rows.length === 0 && refusals.length > 0) throw refusals[0];
  return rows.map(({ tuple }) => tuple[0]);
}

/** Ends rows that a statement picks itself. */
interface EndParams {
  runner: StatementRunner;
  prepared: PreparedStore;
  limit: number;
  /** Called with why a row of ours is refused; the others are ended. */
  onRefused(error: unknown): void;
}

/** Frees sessions whose owner is gone. */
export async function freeFencedSessions(params: EndParams): Promise<string[]> {
  const lockMs = String(params.runner.limits.lockMs);
  const freed = await endUpTo(params, ({ freeFenced }, take, skip) => [freeFenced, [lockMs, take, skip]]);
  return freed.map(([tuple]) => tuple[0]);
}

/** Ends the adoption grace of sessions that nobody has held. */
export async function closeUnheldSessions(params: EndParams & { graceMs: number }): Promise<UnheldSession[]> {
  const lockMs = String(params.runner.limits.lockMs);
  const closed = await endUpTo(params, ({ closeUnheld }, take, skip) => [
    closeUnheld,
    [lockMs, params.graceMs, take, skip],
  ]);
  return closed.map(([tuple, , before]) => ({ id: tuple[0], from: before as SessionStatus }));
}

/**
 * Runs a statement that picks its rows itself, in an order of their own. Around a row that is refused it takes fewer at
 * a time; where the host's row is refused it is left out, and where ours is it is skipped: what comes before the others
 * by then was refused as well.
 */
async function endUpTo(
  params: EndParams,
  of: (statements: WriteStatements, take: number, skip: number) => [statement: Statement, values: unknown[]],
): Promise<ChangedRow[]> {
  const { runner, prepared, limit, onRefused } = params;
  const { writing, writingOursOnly, mirror } = prepared;
  const mirrored = mirroredWrites({ runner, mirror, statements: writing, waitMs: WAIT_MS });
  const endsAtMs = performance.now() + runner.limits.statementMs;
  const ended: ChangedRow[] = [];
  let withHost = mirror !== null;
  let singles = 0;
  let skip = 0;

  async function end(take: number, host: boolean): Promise<number> {
    const rows = await runner.json<ChangedRow[]>(...of(host ? writing : writingOursOnly, take, skip));
    ended.push(...rows);
    if (host) await mirrored.finish(rows);
    return rows.length;
  }

  /** Ends the next row without the host's, or skips it. */
  async function endOne(refusal: unknown): Promise<void> {
    let error = refusal;
    if (withHost) {
      singles += 1;
      withHost = singles <= MOST_SINGLES;
      try {
        await end(1, false);
        return;
      } catch (own) {
        error = own;
      }
    }
    if (!refusesRow(error) || performance.now() > endsAtMs) throw error;
    onRefused(error);
    skip += 1;
  }

  for (let take = limit; ended.length < limit; ) {
    try {
      // A full answer of a smaller try may have more behind it; the caller asks again, and so do we within its limit.
      if ((await end(take, withHost)) < take || take === limit) return ended;
      take = limit - ended.length;
    } catch (error) {
      if (!mayBeTheHosts(error)) throw error;
      if (take > 1) {
        take = Math.ceil(take / 8);
        continue;
      }
      await endOne(error);
      take = Math.max(1, limit - ended.length);
    }
  }
  return ended;
}
