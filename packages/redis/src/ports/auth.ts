import { randomUUID } from 'node:crypto';
import { type AuthStore, isWaSyncError, type Logger, maskNumbers, WaSyncError } from '@wa-sync/core';
import {
  type AuthKeyRing,
  type AuthWriteGroup,
  type AuthWriteVerdict,
  openRecord,
  queueAuthWrites,
  sealRecord,
} from '@wa-sync/core/adapter';
import type { StoreKeys } from '../driver/keys.js';
import type { StoreCalls, TimeLimits } from '../driver/run-script.js';
import { purgeAuthScript, quarantineScript, readAuthScript, writeAuthScript } from '../scripts/auth-scripts.js';
import { sessionKeys } from '../scripts/script-parts.js';
import { toJson } from '../scripts/session-row.js';

/** The credential part of the store: one hash per session. */
export function createAuth(params: {
  calls: StoreCalls;
  keys: StoreKeys;
  keyRing: AuthKeyRing | undefined;
  logger: Logger;
  limits: TimeLimits;
}): AuthStore {
  const { calls, keys, keyRing, logger, limits } = params;
  const writer = randomUUID();
  let lastNumber = 0;

  function nextPlace(): [string, string] {
    lastNumber += 1;
    return [writer, String(lastNumber)];
  }

  const keysOf = (sessionId: string) => [keys.order, keys.auth(sessionId), keys.aside(sessionId)];

  async function commit(groups: readonly AuthWriteGroup[]): Promise<AuthWriteVerdict[]> {
    const heads = groups.map(({ sessionId, tenure, entries }) => [sessionId, tenure, entries.length]);
    const args: (string | Buffer)[] = [...nextPlace(), toJson(heads)];
    for (const { sessionId, entries } of groups) {
      for (const { type, id, value } of entries) {
        args.push(nameOf(type, id), value === null ? '' : pack(keyRing, { sessionId, type, id, value }));
      }
    }
    const names = [...sessionKeys(keys), ...groups.map(({ sessionId }) => keys.auth(sessionId))];
    const verdicts = await calls.list(writeAuthScript, { keys: names, args });
    return verdicts.map((verdict) => String(verdict) as AuthWriteVerdict);
  }

  return {
    async read({ sessionId, type, ids }) {
      const found = new Map<string, Uint8Array>();
      const asked = [...new Set(ids)];
      if (asked.length === 0) return found;
      const names = asked.map((id) => nameOf(type, id));
      const places = [keys.auth(sessionId), keys.marked];
      const values = await calls.list(readAuthScript, { keys: places, args: [sessionId, ...names], binary: true });
      for (const [index, id] of asked.entries()) {
        const value = values[index];
        if (value instanceof Uint8Array) found.set(id, unpack(keyRing, { sessionId, type, id, value }));
      }
      return found;
    },
    write: queueAuthWrites({
      commit,
      isAway: (error) => isWaSyncError(error) && (error.code === 'store_unreachable' || error.code === 'store_timeout'),
      mostWaitMs: () => limits.commandMs,
      encrypted: keyRing !== undefined,
      logger,
      monotonicMs: () => performance.now(),
    }),
    async quarantine({ sessionId, reason }) {
      const args = [...nextPlace(), sessionId, reason.replace(/\p{Cs}/gu, '\uFFFD')];
      await calls.run(quarantineScript, { keys: keysOf(sessionId), args });
    },
    purge: async ({ sessionId }) =>
      Number(await calls.run(purgeAuthScript, { keys: keysOf(sessionId), args: [...nextPlace(), sessionId] })),
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

/**
 * Length and text of the key id (0: not encrypted), then the record: never empty, so that an empty value can mean
 * deletion.
 */
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
