import { WaSyncError } from '../domain/errors.js';
import type { AuthStore } from '../ports/auth-store.js';
import type { SessionTable } from './session-table.js';

type Records = Map<string, Uint8Array>;

interface Vault {
  live: Records;
  readonly aside: { readonly reason: string; readonly records: Records }[];
}

// A type or an id may hold any character, so no separator could keep them apart.
const keyOf = (type: string, id: string): string => JSON.stringify([type, id]);

/**
 * The credential part of the memory store; `forget` drops what a removed session had. `marks` are the sessions that are
 * about to be deleted.
 */
export function createMemoryAuth({
  table,
  marks,
}: {
  table: SessionTable;
  marks: ReadonlySet<string>;
}): AuthStore & { forget(sessionId: string): number } {
  const vaults = new Map<string, Vault>();

  function vaultOf(sessionId: string): Vault {
    let vault = vaults.get(sessionId);
    if (vault === undefined) {
      vault = { live: new Map(), aside: [] };
      vaults.set(sessionId, vault);
    }
    return vault;
  }

  function forget(sessionId: string): number {
    const vault = vaults.get(sessionId);
    if (vault === undefined) return 0;
    vaults.delete(sessionId);
    return vault.aside.reduce((sum, { records }) => sum + records.size, vault.live.size);
  }

  return {
    async read({ sessionId, type, ids }) {
      const found = new Map<string, Uint8Array>();
      if (marks.has(sessionId)) return found;
      for (const id of ids) {
        const bytes = vaults.get(sessionId)?.live.get(keyOf(type, id));
        if (bytes !== undefined) found.set(id, bytes.slice());
      }
      return found;
    },
    async write({ sessionId, tenure, entries }) {
      const row = table.get(sessionId);
      if (row === undefined || marks.has(sessionId))
        throw new WaSyncError('session_not_found', 'Credentials need a session row, and there is none');
      if (tenure !== null && row.tenure !== tenure) {
        throw new WaSyncError(
          'tenure_lost',
          'The session is held under another tenure: its credentials were not written',
        );
      }
      const { live } = vaultOf(sessionId);
      for (const { type, id, value } of entries) {
        if (value === null) live.delete(keyOf(type, id));
        // Not `value.slice()`: a Buffer's own slice shares its memory.
        else live.set(keyOf(type, id), new Uint8Array(value));
      }
    },
    async quarantine({ sessionId, reason }) {
      const vault = vaults.get(sessionId);
      if (vault === undefined || vault.live.size === 0) return;
      vault.aside.push({ reason, records: vault.live });
      vault.live = new Map();
    },
    purge: async ({ sessionId }) => forget(sessionId),
    forget,
  };
}
