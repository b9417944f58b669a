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

/** No fault of one row: a lock, or a statement that took too long. */
const OF_THE_MOMENT = new Set(['55P03', '57014']);

/** Whether one row is refused by a trigger, a check or its own values, where others may be written. */
export function refusesRow(error: unknown): boolean {
  const state = sqlState(error) ?? '';
  return mayBeTheHosts(error) && !WHOLE_TABLE.has(state) && !OF_THE_MOMENT.has(state);
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
  /** Takes an item whose row of ours is refused; without it one such row fails the call. */
  setAside?: ((item: Item, error: unknown) => void) | undefined;
}): Promise<Row[]> {
  const { items, withHost, run, refused, setAside } = params;
  const endsAtMs = performance.now() + params.limitMs;

  async function attempt(some: readonly Item[], skipOurs: boolean): Promise<Row[]> {
    try {
      return [...(await run(some, skipOurs))];
    } catch (error) {
      // A lock on a row of ours, most likely: somebody is writing it, so our guard would miss anyway.
      if (sqlState(error) === '55P03' && !skipOurs) return attempt(some, true);
      const again = (half: readonly Item[]) => attempt(half, true);
      if (!withHost) return aroundOurs(some, error, again);
      if (!mayBeTheHosts(error)) throw error;
      if (WHOLE_TABLE.has(sqlState(error) ?? '')) return withoutHost(some, error);
      return halve(some, again, () => withoutHost(some, error));
    }
  }

  async function withoutHost(some: readonly Item[], why: unknown): Promise<Row[]> {
    try {
      return [...(await refused(some, why))];
    } catch (error) {
      return aroundOurs(some, error, (half) => withoutHost(half, why));
    }
  }

  async function aroundOurs(
    some: readonly Item[],
    error: unknown,
    again: (half: readonly Item[]) => Promise<Row[]>,
  ): Promise<Row[]> {
    if (!setAside || !refusesRow(error)) throw error;
    return halve(some, again, async () => {
      for (const item of some) setAside(item, error);
      return [];
    });
  }

  async function halve(
    some: readonly Item[],
    again: (half: readonly Item[]) => Promise<Row[]>,
    rest: () => Promise<Row[]>,
  ): Promise<Row[]> {
    if (some.length <= 1 || performance.now() > endsAtMs) return rest();
    const middle = some.length >> 1;
    return [...(await again(some.slice(0, middle))), ...(await again(some.slice(middle)))];
  }

  return attempt(items, false);
}
