import { readFile } from 'node:fs/promises';
import type pg from 'pg';

/**
 * Makes the app's own tables where they are missing. In an app that has migrations they do this.
 *
 * @throws Error that names host and port of a database that cannot be used, never its password
 */
export async function applySchema(pool: pg.Pool, databaseUrl: string): Promise<void> {
  const schema = await readFile(new URL('../schema.sql', import.meta.url), 'utf8');
  try {
    await pool.query(schema);
  } catch (cause) {
    throw new Error(`The database at ${describeTarget(databaseUrl)} cannot be used: ${describeCause(cause)}`, {
      cause,
    });
  }
}

function describeTarget(databaseUrl: string): string {
  try {
    const { hostname, port } = new URL(databaseUrl);
    return `${hostname}:${port || 5_432}`;
  } catch {
    return 'DATABASE_URL (which is no address)';
  }
}

/** The error of a host name with two addresses has an empty text; its code says enough. */
function describeCause(cause: unknown): string {
  const { code, message } = cause as { code?: unknown; message?: unknown };
  return [message, code].filter((part) => typeof part === 'string' && part !== '').join(' ') || 'no reply';
}
