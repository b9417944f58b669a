import { type AuthEntry, type AuthStore, type Logger, maskNumbers, WaSyncError } from '@wa-sync/core';
import { purgeAuthScript, quarantineScript, readAuthScript, writeAuthScript } from './auth-scripts.js';
import type { AuthKeyRing } from './config.js';
import { createWriteGroups, type PendingWrite, type Verdict } from './group-writes.js';
import type { StoreKeys } from './keys.js';
import { sessionKeys } from './script-parts.js';
import { openRecord, sealRecord } from './seal-record.js';
import { toJson } from './session-row.js';
import type { StoreCalls } from './store-calls.js';

interface SessionWrites {
  readonly tenure: string | null;
  readonly entries: Map<string, AuthEntry>;
}

/** The credential part of the store: one hash per session. */
export function createAuth(params: {
  calls: StoreCalls;
  keys: StoreKeys;
  keyRing: AuthKeyRing | undefined;
  logger: Logger | undefined;
}): AuthStore {
  const { calls, keys, keyRing, logger } = params;
  // Said at the first write and once: a host that keeps its own credentials has nothing to mend.
  let warned = keyRing !== undefined;

  async function commit(batch: readonly PendingWrite[]): Promise<ReadonlyMap<string, Verdict>> {
    const sessions = new Map<string, SessionWrites>();
    for (const { sessionId, tenure, entries } of batch) {
      const own = sessions.get(sessionId) ?? { tenure, entries: new Map() };
      sessions.set(sessionId, own);
      for (const entry of entries) own.entries.set(nameOf(entry.type, entry.id), entry);
    }
    const heads = [...sessions].map(([sessionId, { tenure, entries }]) => [sessionId, tenure, entries.size]);
    const args: (string | Buffer)[] = [toJson(heads)];
    for (const [sessionId, { entries }] of sessions) {
      for (const [name, { type, id, value }] of entries) {
        args.push(name, value === null ? '' : pack(keyRing, { sessionId, type, id, value }));
      }
    }
    const names = [...sessionKeys(keys), ...[...sessions.keys()].map(keys.auth)];
    const verdicts = await calls.list(writeAuthScript, { keys: names, args });
    return new Map([...sessions.keys()].map((sessionId, index) => [sessionId, String(verdicts[index]) as Verdict]));
  }

  const write = createWriteGroups({ commit });

  return {
    async read({ sessionId, type, ids }) {
      const found = new Map<string, Uint8Array>();
      const asked = [...new Set(ids)];
      if (asked.length === 0) return found;
      const names = asked.map((id) => nameOf(type, id));
      const values = await calls.list(readAuthScript, { keys: [keys.auth(sessionId)], args: names, binary: true });
      for (const [index, id] of asked.entries()) {
        const value = values[index];
        if (value instanceof Uint8Array) found.set(id, unpack(keyRing, { sessionId, type, id, value }));
      }
      return found;
    },
    async write({ sessionId, tenure, entries }) {
      if (!warned) logger?.warn({}, 'Credentials are stored unencrypted: give auth.keyRing to encrypt them');
      warned = true;
      // Values are the caller's to change as soon as this call returns to it, and a batch may have to wait.
      const copies = entries.map((entry) => ({ ...entry, value: entry.value && new Uint8Array(entry.value) }));
      await write({ sessionId, tenure, entries: copies });
    },
    async quarantine({ sessionId, reason }) {
      const args = [reason.replace(/\p{Cs}/gu, '\uFFFD')];
      await calls.run(quarantineScript, { keys: [keys.auth(sessionId), keys.aside(sessionId)], args });
    },
    purge: async ({ sessionId }) =>
      Number(await calls.run(purgeAuthScript, { keys: [keys.auth(sessionId), keys.aside(sessionId)] })),
  };
}

/** Types and ids may hold any character; the length keeps two different pairs two different names. */
function nameOf(type: string, id: string): string {
  return `${type.length}:${type}:${id}`;
}

interface Place {
  readonly sessionId: string;
  readonly type: string;
  readonly id: string;
  readonly value: Uint8Array;
}

/** Length and text of the key id (0: not encrypted), then the record: never empty, so that an empty value can mean deletion. */
function pack(keyRing: AuthKeyRing | undefined, place: Place): Buffer {
  const keyId = Buffer.from(keyRing?.current ?? '');
  return Buffer.concat([Uint8Array.of(keyId.byteLength), keyId, sealRecord({ keyRing, ...place })]);
}

function unpack(keyRing: AuthKeyRing | undefined, { value, ...place }: Place): Uint8Array {
  const [length] = value;
  if (length === undefined || value.byteLength < length + 1) {
    const what = `A "${place.type}" record of session ${maskNumbers(place.sessionId)}`;
    throw new WaSyncError('auth_corrupt', `${what} is no record that wa-sync wrote`);
  }
  const keyId = length === 0 ? null : Buffer.from(value.subarray(1, 1 + length)).toString();
  return openRecord({ keyRing, keyId, value: value.subarray(1 + length), ...place });
}
