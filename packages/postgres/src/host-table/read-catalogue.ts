import { type StatementRunner, statement } from '../driver/run-statement.js';
import { quoteIdentifier, splitTableName } from '../driver/sql-text.js';

/** A column as the live catalogue has it. */
export interface HostColumn {
  readonly name: string;
  /** Quoted and with its schema, domains as they are. */
  readonly type: string;
  /** Name of the type below all domains, such as `timestamptz`; `enum` for every enum. */
  readonly base: string;
  /** That type itself, quoted and with its schema. */
  readonly baseType: string;
  /** Schema of that type, quoted: its operators stand there, which need not be in the search path. */
  readonly baseSchema: string;
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

/** Which commands a policy opens to the role, and whether there is anything in the table at all. */
export interface RowSecurity {
  readonly select: boolean;
  readonly update: boolean;
  readonly holdsRows: boolean;
}

/** A table as the live catalogue has it. */
export interface HostTable {
  readonly schema: string;
  readonly name: string;
  /** Quoted and with its schema. */
  readonly quoted: string;
  /** One letter of `pg_class.relkind`. */
  readonly kind: string;
  /** What a view shows. */
  readonly behind: readonly string[];
  /** Row level security as it meets the role of the pool; `null` where it does not. */
  readonly rowSecurity: RowSecurity | null;
  readonly role: string;
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
  policy AS (
    SELECT p.polcmd FROM pg_catalog.pg_policy p JOIN host ON host.oid = p.polrelid
    WHERE p.polpermissive AND EXISTS (
      SELECT FROM unnest(p.polroles) r WHERE r = 0 OR pg_catalog.pg_has_role(current_user, r, 'USAGE'))
  ),
  base AS (
    SELECT a.attnum, a.atttypid AS oid, a.atttypmod AS modifier, a.attnotnull AS not_null FROM host_column a
    UNION ALL
    SELECT b.attnum, t.typbasetype, t.typtypmod, b.not_null OR t.typnotnull
    FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
  )
  SELECT json_build_object(
    'schema', host.nspname, 'name', host.relname, 'kind', host.relkind, 'role', current_user,
    'behind', (
      SELECT coalesce(json_agg(DISTINCT quote_ident(n.nspname) || '.' || quote_ident(c.relname)), '[]')
      FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
      JOIN pg_catalog.pg_class c ON d.refclassid = 'pg_catalog.pg_class'::regclass AND c.oid = d.refobjid AND c.oid <> host.oid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE r.ev_class = host.oid),
    'rowSecurity', CASE WHEN pg_catalog.row_security_active(host.oid) THEN json_build_object(
      'select', EXISTS (SELECT FROM policy p WHERE p.polcmd IN ('*', 'r')),
      'update', EXISTS (SELECT FROM policy p WHERE p.polcmd IN ('*', 'w')),
      'holdsRows', pg_catalog.pg_table_size(host.oid) > 0) END,
    'columns', (
      SELECT json_agg(json_build_object(
        'name', a.attname,
        'type', quote_ident(tn.nspname) || '.' || quote_ident(t.typname),
        'base', CASE WHEN bt.typtype = 'e' THEN 'enum' ELSE bt.typname END,
        'baseType', quote_ident(bn.nspname) || '.' || quote_ident(bt.typname),
        'baseSchema', quote_ident(bn.nspname),
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
      JOIN pg_catalog.pg_namespace bn ON bn.oid = bt.typnamespace
    )
  )::text AS answer FROM host`);

const READ_LIKE = statement(`
  SELECT json_build_object(
    'database', current_database(),
    'path', array_to_string(current_schemas(false), ', '),
    'schemaThere', EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = $2::text),
    'alike', (
      SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname, quote_ident(n.nspname) || '.' || quote_ident(c.relname)) ORDER BY c.relname <> $1, n.nspname), '[]')
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE lower(c.relname) = lower($1) AND c.relkind IN ('r', 'p', 'v', 'm')))::text AS answer`);

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

/**
 * Why a table is not found, and what to write instead: names differ in case, or it stands in another schema or
 * database.
 */
export async function explainMissing(
  runner: StatementRunner,
  table: string,
): Promise<{ problem: string; fix: string }> {
  const { schema, name } = splitTableName(table) ?? { schema: null, name: table };
  const { database, path, schemaThere, alike } = await runner.json<{
    database: string;
    path: string;
    schemaThere: boolean;
    alike: [schema: string, name: string, quoted: string][];
  }>(READ_LIKE, [name, schema]);
  const places = alike.map(([, , quoted]) => quoted).join(', ');
  const [first] = alike;
  if (first === undefined) {
    const inSchema = schema !== null && !schemaThere ? `, which has no schema ${schema}` : '';
    const fix = 'create it, or correct the name or the database of the pool';
    return { problem: `does not exist in database ${database}${inSchema}`, fix };
  }
  const write = `write table: '${first[0]}.${first[1]}'`;
  if (first[1] !== name) {
    return { problem: 'does not exist', fix: `there is ${places}: names are case-sensitive here, ${write}` };
  }
  const problem =
    schema === null
      ? `is in none of the schemas of the search path (${path || 'empty'})`
      : `is not in schema ${schema}`;
  return { problem, fix: `there is ${places}: ${write}` };
}
