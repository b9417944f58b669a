/** Host and port of a database, and nothing else of its address. */
export function describeTarget(databaseUrl: string): string {
  try {
    const { hostname, port } = new URL(databaseUrl);
    return `${hostname}:${port || 5_432}`;
  } catch {
    return 'DATABASE_URL (which is no address)';
  }
}

/** An error of a host name with two addresses has an empty text; its code says enough. */
export function describeCause(cause: unknown): string {
  const { code, message } = cause as { code?: unknown; message?: unknown };
  return [message, code].filter((part) => typeof part === 'string' && part !== '').join(' ') || 'no answer';
}
