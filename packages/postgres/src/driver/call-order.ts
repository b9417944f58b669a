/**
 * A common table expression `ordered`: takes sessions on to a later call of a process, and answers the `no` of those that it took. A call that was given up and comes
 * late, or that another one of its process overtook, takes on none.
 */
export function orderedSql(params: { table: string; from: string; writer: string; callNo: string }): string {
  const { table, from, writer, callNo } = params;
  return `ordered AS (
      INSERT INTO ${table} AS o (session_no, writer, write_no)
      SELECT no, ${writer}::text, ${callNo}::bigint FROM ${from}
      ON CONFLICT (session_no) DO UPDATE SET writer = excluded.writer, write_no = excluded.write_no
        WHERE o.writer <> excluded.writer OR o.write_no < excluded.write_no
      RETURNING session_no AS no
    )`;
}
