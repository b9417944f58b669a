import { quoteIdentifier, splitTableName } from './identifiers.js';
import { type StatementRunner, statement } from './run-statement.js';

/** A column as the live catalogue has it. */
export interface HostColumn {
  readonly name: string;
  /** Quoted and with its schema, domains as they are. */
  readonly type: string;
  /** Name of the type below all domains, such as `timestamptz`; `enum` for every enum. */
  readonly base: string;
  /** Length of a `varchar(n)` or `char(n)`. */
  readonly maxLength: number | null;
  /** Quoted and with its schema. */
  readonly collation: string | null;
  readonly notNull: boolean;
  readonly generated: boolean;
  readonly writable: boolean;
  readonly readable: boolean;
  /** Whether a unique index of this column alone covers all rows. */
  readonly unique: boolean;
  readonly enumName: string | null;
  readonly enumWords: readonly string[];
}

/** A table as the live catalogue has it. */
export interface HostTable {
  readonly schema: string;
  readonly name: string;
  /** Quoted and with its schema. */
  readonly quoted: string;
  /** One letter of `pg_class.relkind`. */
  readonly kind: string;
  readonly columns: readonly HostColumn[];
}

const READ_TABLE = statement(`
  WITH RECURSIVE host AS (
    SELECT c.oid, n.nspname, c.relname, c.relkind
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = pg_catalog.to_regclass($1)
  ),
  host_column AS (SELECT a.* FROM pg_catalog.pg_attribute a JOIN host ON host.oid = a.attrelid
                  WHERE a.attnum > 0 AND NOT a.attisdropped),
  base AS (
    SELECT a.attnum, a.atttypid AS oid, a.atttypmod AS modifier, a.attnotnull AS not_null FROM host_column a
    UNION ALL
    SELECT b.attnum, t.typbasetype, t.typtypmod, b.not_null OR t.typnotnull
    FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
  )
  SELECT json_build_object(
    'schema', host.nspname, 'name', host.relname, 'kind', host.relkind,
    'columns', (
      SELECT json_agg(json_build_object(
        'name', a.attname,
        'type', quote_ident(tn.nspname) || '.' || quote_ident(t.typname),
        'base', CASE WHEN bt.typtype = 'e' THEN 'enum' ELSE bt.typname END,
        'maxLength', CASE WHEN bt.typname IN ('varchar', 'bpchar') AND b.modifier > 4 THEN b.modifier - 4 END,
        'collation', CASE WHEN a.attcollation <> 0 THEN
          (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.collname) FROM pg_catalog.pg_collation c
           JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = a.attcollation) END,
        'notNull', b.not_null,
        'generated', a.attgenerated <> '' OR a.attidentity = 'a',
        'writable', pg_catalog.has_column_privilege(host.oid, a.attnum, 'UPDATE'),
        'readable', pg_catalog.has_column_privilege(host.oid, a.attnum, 'SELECT'),
        'unique', EXISTS (
          SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = host.oid AND i.indisunique AND i.indisvalid
            AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum),
        'enumName', CASE WHEN bt.typtype = 'e' THEN bt.typname END,
        'enumWords', coalesce((SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e
                               WHERE e.enumtypid = bt.oid), '[]')
      ) ORDER BY a.attnum)
      FROM host_column a
      JOIN pg_catalog.pg_type t ON t.oid = a.atttypid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
      JOIN base b ON b.attnum = a.attnum JOIN pg_catalog.pg_type bt ON bt.oid = b.oid AND bt.typtype <> 'd'
    )
  )::text AS answer FROM host`);

const READ_LIKE = statement(`
  SELECT coalesce(json_agg(quote_ident(n.nspname) || '.' || quote_ident(c.relname)), '[]')::text AS answer
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE lower(c.relname) = lower($1) AND c.relkind IN ('r', 'p', 'v', 'm')`);

/** Reads a table of the host by the name that the configuration gives; `null` where there is none. */
export async function readHostTable(runner: StatementRunner, table: string): Promise<HostTable | null> {
  const parts = splitTableName(table);
  if (parts === null) return null;
  const name = [parts.schema, parts.name].flatMap((part) => (part === null ? [] : [quoteIdentifier(part)])).join('.');
  const [row] = await runner.rows(READ_TABLE, [name]);
  const answer = row?.answer;
  if (typeof answer !== 'string') return null;
  const found = JSON.parse(answer) as Omit<HostTable, 'quoted'>;
  return {
    ...found,
    columns: found.columns ?? [],
    quoted: `${quoteIdentifier(found.schema)}.${quoteIdentifier(found.name)}`,
  };
}

/** Tables whose name differs from the one given only in its case or schema. */
export function readTablesLike(runner: StatementRunner, table: string): Promise<string[]> {
  return runner.json<string[]>(READ_LIKE, [splitTableName(table)?.name ?? table]);
}
