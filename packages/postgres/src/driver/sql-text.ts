/**
 * Whether Postgres can have a thing of this name as it is written: 1 to 63 bytes, no quote and no control character.
 */
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

const EARLIEST_MS = Date.UTC(1900, 0);
const LATEST_MS = Date.UTC(9999, 0);

/** An instant as Postgres reads it: it knows no year 0, and writes years of five digits in another way. */
export function instantText(at: Date): string {
  return new Date(Math.min(Math.max(at.getTime(), EARLIEST_MS), LATEST_MS)).toISOString();
}

/** Whether it is a zone by its IANA name. An offset is none: Postgres reverses the sign of `-03:00`. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
