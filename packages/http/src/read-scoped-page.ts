import type { StoredSession, WaSync } from '@wa-sync/core';

/** A page of the sessions that a narrowed caller may see; ids without a row are left out. */
export async function readScopedPage(
  sessions: Pick<WaSync['sessions'], 'get'>,
  scope: readonly string[],
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<{ sessions: StoredSession[]; next: string | null }> {
  const rest = scope.filter((id) => after === undefined || id > after);
  const page = rest.slice(0, limit);
  const rows = await Promise.all(page.map((id) => sessions.get(id)));
  return {
    sessions: rows.filter((row) => row !== null),
    next: rest.length > page.length ? page.at(-1)! : null,
  };
}
