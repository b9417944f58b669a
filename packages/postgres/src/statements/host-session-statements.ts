import { type Statement, statement } from '../driver/run-statement.js';
import type { SessionsMirrorSql } from '../rows/mirror-sql-types.js';

/** Pages of the host's own table of sessions. The last parameter of each is how many rows. */
export interface HostSessionStatements {
  readonly first: Statement;
  /** The rows after an id. */
  readonly next: Statement;
}

/** A row as it is read. */
export type HostSessionTuple = [id: string, word: string | null, phone: string | null, lastSeenAt: string | null];

/** One more than a mapping can have, so that a longer word is none of it. */
const LONGEST_WORD = 256;

/** Makes the statements of a mapped table. */
export function hostSessionStatements({
  table,
  isOurs,
  word,
  present,
  listing,
}: SessionsMirrorSql): HostSessionStatements {
  const { id, phone, lastSeenAt, order, after } = listing;
  const page = (condition: string, limit: string) =>
    statement(`
      SELECT coalesce(json_agg(json_build_array(id, word, phone, seen_at)), '[]')::text AS answer FROM (
        SELECT ${id} AS id, left(${word}, ${LONGEST_WORD}) AS word, ${phone} AS phone, ${lastSeenAt} AS seen_at
        FROM ${table} m WHERE ${condition} AND ${isOurs} ORDER BY ${order} LIMIT ${limit}
      ) page`);
  return { first: page(present, '$1::int'), next: page(after('$1::text'), '$2::int') };
}
