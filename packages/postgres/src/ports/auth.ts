import { randomUUID } from 'node:crypto';
import { type AuthStore, isWaSyncError, type Logger, WaSyncError } from '@wa-sync/core';
import {
  type AuthKeyRing,
  type AuthWriteGroup,
  type AuthWriteVerdict,
  openRecord,
  queueAuthWrites,
  sealRecord,
} from '@wa-sync/core/adapter';
import type { StatementRunner } from '../driver/run-statement.js';
import type { AuthStatements } from '../statements/auth-statements.js';

/** The credential part of the store. */
export function createAuth(params: {
  runner: StatementRunner;
  ready: () => Promise<{ auth: AuthStatements }>;
  keyRing: AuthKeyRing | undefined;
  logger: Logger;
}): AuthStore {
  const { runner, ready, keyRing, logger } = params;
  // Statements of this store in their order, by which the database knows one that comes late.
  const writer = randomUUID();
  let lastWriteNo = 0;
  const nextWriteNo = () => {
    lastWriteNo += 1;
    return lastWriteNo;
  };

  async function run<T>(work: (statements: AuthStatements) => Promise<T>): Promise<T> {
    try {
      return await work((await ready()).auth);
    } catch (error) {
      throw runner.translate(error);
    }
  }

  async function commit(groups: readonly AuthWriteGroup[]): Promise<AuthWriteVerdict[]> {
    const verdicts = await run(({ write }) =>
      runner.json<[ordinal: number, exists: boolean, fits: boolean][]>(write, [
        String(runner.limits.lockMs),
        groups.map((_, ordinal) => ordinal),
        groups.map(({ sessionId }) => sessionId),
        groups.map(({ tenure }) => tenure),
        ...entryColumns(groups, keyRing),
        writer,
        nextWriteNo(),
      ]),
    );
    const byOrdinal = new Map(
      verdicts.map(([ordinal, exists, fits]) => [ordinal, fits ? 'written' : exists ? 'lost' : 'missing'] as const),
    );
    return groups.map((_, ordinal) => byOrdinal.get(ordinal) ?? 'missing');
  }

  return {
    read: ({ sessionId, type, ids }) =>
      run(async ({ read }) => {
        const asked = [...new Set(ids)];
        const rows = await runner.rows(read, [sessionId, type, asked]);
        const found = new Map<string, Uint8Array>();
        for (const row of rows) {
          // By place and not by text: a driver may take a byte order mark off the front of a text.
          const [ordinal, keyId] = JSON.parse(String(row.answer)) as [number, string | null];
          const id = asked[ordinal - 1];
          if (id === undefined) continue;
          found.set(id, openRecord({ keyRing, keyId, value: bytesOf(row.value), sessionId, type, id }));
        }
        return found;
      }),
    write: queueAuthWrites({
      commit,
      // A timeout may be one row's that somebody has locked.
      isAway: (error) => isWaSyncError(error) && error.code === 'store_unreachable',
      mostWaitMs: () => runner.limits.statementMs,
      encrypted: keyRing !== undefined,
      logger,
      monotonicMs: () => performance.now(),
    }),
    quarantine: ({ sessionId, reason }) =>
      run(async ({ quarantine }) => {
        await runner.json(quarantine, [
          String(runner.limits.lockMs),
          sessionId,
          reason.replaceAll('\0', ''),
          writer,
          nextWriteNo(),
        ]);
      }),
    purge: ({ sessionId }) =>
      run(async ({ purge }) => {
        const [count] = await runner.json<[number]>(purge, [
          String(runner.limits.lockMs),
          sessionId,
          writer,
          nextWriteNo(),
        ]);
        return count;
      }),
  };
}

function entryColumns(groups: readonly AuthWriteGroup[], keyRing: AuthKeyRing | undefined): unknown[] {
  const rows = groups.flatMap(({ sessionId, entries }, ordinal) =>
    entries.map((entry) => ({ ordinal, sessionId, entry })),
  );
  const values = rows.map(({ sessionId, entry: { type, id, value } }) =>
    value === null ? new Uint8Array() : sealRecord({ keyRing, value, sessionId, type, id }),
  );
  const starts: number[] = [];
  let end = 1;
  for (const { byteLength } of values) {
    starts.push(end);
    end += byteLength;
  }
  return [
    rows.map(({ ordinal }) => ordinal),
    rows.map(({ entry }) => entry.type),
    rows.map(({ entry }) => entry.id),
    rows.map(({ entry }) => (entry.value === null ? null : (keyRing?.current ?? null))),
    starts,
    values.map(({ byteLength }) => byteLength),
    Buffer.concat(values),
    rows.map(({ entry }) => entry.value === null),
  ];
}

function bytesOf(value: unknown): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value, 'base64');
  throw new WaSyncError('auth_corrupt', 'A credential record came back as something else than bytes');
}
