import type { StatementRunner } from '../driver/run-statement.js';
import { serverWords, sqlState } from '../driver/translate-error.js';
import type { HostState } from '../host-table/mirror-sql.js';
import type { SessionsMirrorSql } from '../rows/mirror-sql-types.js';
import { mayStand, type SessionTuple } from '../rows/session-row.js';
import { mayBeTheHosts, writeAroundRefused } from './write-around-refused.js';
import type { WriteStatements } from './write-statements.js';

/** A session row that a statement changed, and what became of the host's. */
export type ChangedRow = [tuple: SessionTuple, host: HostState, ...extra: unknown[]];

/** A changed row, with why the host's could not be written. */
export interface AppliedRow {
  readonly tuple: SessionTuple;
  readonly blocked: string | null;
}

/** How one attempt is made. */
export interface AttemptMode {
  /** Writes the host's rows in the same statement. */
  readonly mirror: boolean;
}

const MOST_WAITS = 20;

const LOCKED = 'locked by another transaction';
const IGNORED = 'the write was accepted and not carried out: a trigger or a row policy stands before it';
const OVERRULED = 'a trigger wrote another word';

/** Ways to change session rows without being held up by the host's. */
export interface MirroredWrites {
  /**
   * Runs a statement over items so that a host row that is refused or broken by a trigger holds nobody up: the batch
   * is halved around it, its session row is written alone, and the answer says why. Past the time limit the rest is
   * written without the host's rows. `setAside` takes an item whose session row is refused itself; the others are
   * written.
   */
  apply<Item>(
    items: readonly Item[],
    run: (items: readonly Item[], mode: AttemptMode) => Promise<ChangedRow[]>,
    setAside?: (item: Item, error: unknown) => void,
  ): Promise<AppliedRow[]>;
  /** Judges the rows of a statement that went through, and waits a moment for host rows that were locked. */
  finish(rows: readonly ChangedRow[]): Promise<AppliedRow[]>;
}

/** Makes them; `waitMs` is for all waits for locked host rows of one call together. */
export function mirroredWrites(params: {
  runner: StatementRunner;
  mirror: SessionsMirrorSql | null;
  statements: WriteStatements;
  waitMs: number;
}): MirroredWrites {
  const { runner, mirror, statements, waitMs } = params;

  function judge(rows: readonly ChangedRow[]): AppliedRow[] {
    return rows.map(([tuple, host]) => ({ tuple, blocked: mirror === null ? null : whyBlocked(tuple, host, mirror) }));
  }

  async function repairHost(row: AppliedRow, lockMs: number): Promise<AppliedRow | null> {
    const [id, version] = [row.tuple[0], row.tuple[13]];
    try {
      const rows = await runner.json<ChangedRow[]>(statements.repairHost, [String(lockMs), id, version]);
      return judge(rows)[0] ?? null;
    } catch (error) {
      if (!mayBeTheHosts(error)) throw error;
      return sqlState(error) === '55P03' ? null : { ...row, blocked: serverWords(error) };
    }
  }

  /** A host's own transaction is mostly over in a moment. One row at a time, so that no lock is held while waiting. */
  async function waitForLocked(rows: AppliedRow[]): Promise<AppliedRow[]> {
    const locked = rows.filter(({ blocked }) => blocked === LOCKED).slice(0, MOST_WAITS);
    const untilMs = performance.now() + waitMs;
    const repaired = new Map<AppliedRow, AppliedRow>();
    for (const row of locked) {
      const leftMs = () => Math.max(1, Math.floor(untilMs - performance.now()));
      const again = await repairHost(row, leftMs());
      if (again === null) continue;
      // Whoever had it locked may have deleted it, or given it to others: only a statement that begins now sees that.
      const known = again.blocked === IGNORED ? await repairHost(again, leftMs()) : null;
      repaired.set(row, known ?? again);
    }
    return repaired.size === 0 ? rows : rows.map((row) => repaired.get(row) ?? row);
  }

  return {
    finish: (rows) => waitForLocked(judge(rows)),
    async apply(items, run, setAside) {
      const withHost = mirror !== null;
      const rows = await writeAroundRefused<(typeof items)[number], AppliedRow>({
        items,
        withHost,
        setAside,
        limitMs: runner.limits.statementMs,
        run: async (some) => judge(await run(some, { mirror: withHost })),
        // The status here commits without the host's row.
        async refused(some, error) {
          const ours = await run(some, { mirror: false });
          return ours.map(([tuple]) => ({ tuple, blocked: serverWords(error) }));
        },
      });
      return waitForLocked(rows);
    },
  };
}

function whyBlocked(tuple: SessionTuple, host: HostState, mirror: SessionsMirrorSql): string | null {
  if (host === 'missing') return 'missing';
  if (host === 'locked') return LOCKED;
  if (host === 'ignored') return IGNORED;
  const [status, word] = [tuple[1], tuple[20]];
  return mayStand(mirror, status, word) ? null : OVERRULED;
}
