import * as z from 'zod/mini';
import { isIdentifier } from './sql-text.js';

/** One value that a column of the host is compared with. */
export type WhereValue = string | number | boolean | null;

/**
 * Which rows of a host's table are ours: the host's column, and the value or the values that it has in such a row. All
 * columns must fit; a list is any of its values. A row that does not fit is as if it were not there.
 */
export type RowsWhere = Readonly<Record<string, WhereValue | readonly WhereValue[]>>;

/** The same as it is compiled: a list of values for each column. */
export type WhereColumns = readonly (readonly [column: string, values: readonly WhereValue[]])[];

const TAKES = "takes columns and what they have in a row that is ours, such as { channel: 'whatsapp' }";
const MOST_CHARACTERS = 255;

/**
 * What is wrong with it; `null` for nothing. A value that is not there is an error, because without it every row of the
 * table would be ours.
 */
function judgeWhere(where: unknown): string | null {
  if (typeof where !== 'object' || where === null || Array.isArray(where)) return TAKES;
  const entries = Object.entries(where);
  if (entries.length === 0) return `${TAKES}; leave it out where all rows are ours`;
  for (const [name, value] of entries) {
    if (!isIdentifier(name)) return 'takes names of columns: 1 to 63 bytes without quotes or control characters';
    const values: readonly unknown[] = Array.isArray(value) ? Array.from(value) : [value];
    if (values.length === 0) return `takes at least one value for ${name}`;
    if (!values.every(isValue)) {
      return `takes for ${name} a text of at most ${MOST_CHARACTERS} characters, a number, true, false, null, or a list of those`;
    }
  }
  return null;
}

function isValue(value: unknown): value is WhereValue {
  if (typeof value === 'number') return Number.isFinite(value);
  // Postgres takes neither NUL nor half a pair of surrogates.
  if (typeof value === 'string') return value.length <= MOST_CHARACTERS && !/[\0\p{Cs}]/u.test(value);
  return value === null || typeof value === 'boolean';
}

function readWhere(where: RowsWhere): WhereColumns {
  return Object.entries(where).map(([column, value]) => [column, Array.isArray(value) ? [...value] : [value]]);
}

/** Schema of the option. */
export const rowsWhere = z.pipe(
  z.custom<RowsWhere>((where) => judgeWhere(where) === null, { error: ({ input }) => judgeWhere(input) ?? TAKES }),
  z.transform(readWhere),
);
