import { type AuthEntry, type AuthStore, type Logger, WaSyncError } from '@wa-sync/core';
import type { AuthStatements } from './auth-statements.js';
import type { AuthKeyRing } from './config.js';
import type { StatementRunner } from './run-statement.js';
import { openRecord, sealRecord } from './seal-record.js';

interface PendingWrite {
  readonly sessionId: string;
  readonly tenure: string | null;
  readonly entries: readonly AuthEntry[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Entries of one statement; a first login has 812. */
const MOST_ENTRIES = 4_000;

/**
 * The credential part of the store. Owns the queue of writes: while one statement is under way, writes of all sessions
 * gather, and the next statement takes them together. Writes of one session are carried out in the order of their calls.
 */
export function createAuth(params: {
  runner: StatementRunner;
  ready: () => Promise<{ auth: AuthStatements }>;
  keyRing: AuthKeyRing | undefined;
  logger: Logger | undefined;
}): AuthStore {
  const { runner, ready, keyRing, logger } = params;
  let queue: PendingWrite[] = [];
  let flushing = false;
  // Said at the first write and once: a host that keeps its own credentials has nothing to mend.
  let warned = keyRing !== undefined;

  async function run<T>(work: (statements: AuthStatements) => Promise<T>): Promise<T> {
    try {
      return await work((await ready()).auth);
    } catch (error) {
      throw runner.translate(error);
    }
  }

  /** The next writes in order: of a session only those that share one tenure, so that each has one verdict. */
  function takeBatch(): PendingWrite[] {
    const tenures = new Map<string, string | null>();
    const stopped = new Set<string>();
    const batch: PendingWrite[] = [];
    const rest: PendingWrite[] = [];
    let entries = 0;
    for (const write of queue) {
      const first = tenures.get(write.sessionId);
      const fits =
        !stopped.has(write.sessionId) &&
        (first === undefined || first === write.tenure) &&
        (entries === 0 || entries + write.entries.length <= MOST_ENTRIES);
      if (fits) {
        tenures.set(write.sessionId, write.tenure);
        entries += write.entries.length;
        batch.push(write);
      } else {
        stopped.add(write.sessionId);
        rest.push(write);
      }
    }
    queue = rest;
    return batch;
  }

  async function flush(): Promise<void> {
    if (flushing) return;
    flushing = true;
    try {
      while (queue.length > 0) {
        const batch = takeBatch();
        await commit(batch).catch((error: unknown) => refuse(batch, error));
      }
    } finally {
      flushing = false;
    }
  }

  /** One bad write must not fail its neighbours: what a batch could not do is tried one session at a time. */
  async function refuse(batch: readonly PendingWrite[], error: unknown): Promise<void> {
    const sessions = new Set(batch.map(({ sessionId }) => sessionId));
    const known = runner.translate(error);
    if (sessions.size === 1 || known.code === 'store_unreachable') {
      for (const write of batch) write.reject(known);
      return;
    }
    await Promise.all(
      [...sessions].map(async (sessionId) => {
        const own = batch.filter((write) => write.sessionId === sessionId);
        await commit(own).catch((error: unknown) => refuse(own, error));
      }),
    );
  }

  async function commit(batch: readonly PendingWrite[]): Promise<void> {
    const sessions = [...new Map(batch.map((write) => [write.sessionId, write])).values()];
    const ordinals = new Map(sessions.map(({ sessionId }, ordinal) => [sessionId, ordinal]));
    const verdicts = await run(async ({ write }) =>
      runner.json<[ordinal: number, exists: boolean, fits: boolean][]>(write, [
        String(runner.limits.lockMs),
        sessions.map((_, ordinal) => ordinal),
        sessions.map(({ sessionId }) => sessionId),
        sessions.map(({ tenure }) => tenure),
        ...entryColumns(batch, ordinals, keyRing),
      ]),
    );
    const byOrdinal = new Map(verdicts.map(([ordinal, exists, fits]) => [ordinal, { exists, fits }]));
    for (const write of batch) {
      const verdict = byOrdinal.get(ordinals.get(write.sessionId) ?? -1);
      if (verdict?.fits) write.resolve();
      else write.reject(refusal(verdict?.exists ?? false));
    }
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
    write: ({ sessionId, tenure, entries }) =>
      new Promise<void>((resolve, reject) => {
        if (!warned) logger?.warn({}, 'Credentials are stored unencrypted: give auth.keyRing to encrypt them');
        warned = true;
        queue.push({ sessionId, tenure, entries, resolve, reject });
        // In a microtask, so that calls of one turn share a statement.
        queueMicrotask(() => void flush());
      }),
    quarantine: ({ sessionId, reason }) =>
      run(async ({ quarantine }) => {
        await runner.json(quarantine, [String(runner.limits.lockMs), sessionId, reason.replaceAll('\0', '')]);
      }),
    purge: ({ sessionId }) =>
      run(async ({ purge }) => {
        const [count] = await runner.json<[number]>(purge, [String(runner.limits.lockMs), sessionId]);
        return count;
      }),
  };
}

function refusal(exists: boolean): WaSyncError {
  return exists
    ? new WaSyncError('tenure_lost', 'The session is held under another tenure: its credentials were not written')
    : new WaSyncError('session_not_found', 'Credentials need a session row, and there is none');
}

/** The last write of a key wins, and a key occurs once: one statement cannot touch a row twice. */
function entryColumns(
  batch: readonly PendingWrite[],
  ordinals: ReadonlyMap<string, number>,
  keyRing: AuthKeyRing | undefined,
): unknown[] {
  const last = new Map<string, { ordinal: number; sessionId: string; entry: AuthEntry }>();
  for (const { sessionId, entries } of batch) {
    const ordinal = ordinals.get(sessionId) ?? -1;
    for (const entry of entries) {
      last.set(JSON.stringify([ordinal, entry.type, entry.id]), { ordinal, sessionId, entry });
    }
  }
  const rows = [...last.values()];
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
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string' && value.startsWith('\\x')) return Buffer.from(value.slice(2), 'hex');
  throw new WaSyncError('auth_corrupt', 'A credential record came back as something else than bytes');
}
