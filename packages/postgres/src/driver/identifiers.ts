/** Whether Postgres can have a thing of this name as it is written: 1 to 63 bytes, no quote and no control character. */
export function isIdentifier(name: string): boolean {
  return Buffer.byteLength(name) >= 1 && Buffer.byteLength(name) <= 63 && !/["\p{Cc}\p{Cs}]/u.test(name);
}

/** `name` as an identifier: always quoted, so that mixed case and reserved words stay what they are. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `text` as a string literal, whatever `standard_conforming_strings` says. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** `'name'` or `'schema.name'` in its parts; `null` where it is neither. */
export function splitTableName(table: string): { schema: string | null; name: string } | null {
  const parts = table.split('.');
  if (parts.length > 2 || !parts.every(isIdentifier)) return null;
  const [first, second] = parts;
  return second === undefined ? { schema: null, name: first! } : { schema: first!, name: second };
}
