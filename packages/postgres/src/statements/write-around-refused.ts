import { connectionSurvives, sqlState } from '../driver/translate-error.js';

/** Another statement would meet the same: the whole table refuses us, not a row. */
const WHOLE_TABLE = new Set(['42501', '42P01', '42703', '42883', '42804', '42P16', '0A000']);
/** The server's own trouble, or a conflict that was tried again already. */
const NOT_THE_HOST = ['08', '25', '28', '3D', '40', '53', 'F0', '58'];

/** Whether an error may come from the host's table: its enum, checks, keys, triggers, locks. */
export function mayBeTheHosts(error: unknown): boolean {
  const state = sqlState(error);
  if (state === null || !connectionSurvives(error)) return false;
  return !NOT_THE_HOST.some((prefix) => state.startsWith(prefix)) && !/^57P/.test(state);
}

/**
 * Runs a statement over items so that a host row that is refused or broken by a trigger holds nobody up: the batch is
 * halved around it until it stands alone. `refused` makes the outcome of those that were left; past the time limit, or
 * where the table refuses as a whole, that is the rest.
 */
export async function writeAroundRefused<Item, Row>(params: {
  items: readonly Item[];
  /** Whether the statement writes the host's rows at all. */
  withHost: boolean;
  limitMs: number;
  /** `skipOurs` passes over rows of ours that somebody else has locked. */
  run(items: readonly Item[], skipOurs: boolean): Promise<readonly Row[]>;
  refused(items: readonly Item[], error: unknown): Promise<readonly Row[]>;
}): Promise<Row[]> {
  const { items, withHost, run, refused } = params;
  const endsAtMs = performance.now() + params.limitMs;

  async function attempt(some: readonly Item[], skipOurs: boolean): Promise<Row[]> {
    try {
      return [...(await run(some, skipOurs))];
    } catch (error) {
      // A lock on a row of ours, most likely: somebody is writing it, so our guard would miss anyway.
      if (sqlState(error) === '55P03' && !skipOurs) return attempt(some, true);
      if (!withHost || !mayBeTheHosts(error)) throw error;
      return halve(some, error);
    }
  }

  async function halve(some: readonly Item[], error: unknown): Promise<Row[]> {
    const wholeTable = WHOLE_TABLE.has(sqlState(error) ?? '');
    if (some.length <= 1 || wholeTable || performance.now() > endsAtMs) return [...(await refused(some, error))];
    const middle = some.length >> 1;
    return [...(await attempt(some.slice(0, middle), true)), ...(await attempt(some.slice(middle), true))];
  }

  return attempt(items, false);
}
