import { WaSyncError } from '../../errors.js';

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1_000;

/** How many entries a page may have, as a caller asked for it. */
export function pageLimit(limit: number = DEFAULT_PAGE): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= LARGEST_PAGE) return limit;
  throw new WaSyncError('config_invalid', `limit takes a whole number from 1 to ${LARGEST_PAGE}`);
}
