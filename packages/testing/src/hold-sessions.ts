import { randomUUID } from 'node:crypto';
import type { GuardedWrite, HeldTenure, StatusChange, StoredSession, WaSyncStore } from '@wa-sync/core';

/** A connected, healthy state, but for the fields that are given. */
export function change(fields: Partial<StatusChange> = {}): StatusChange {
  const connected = { status: 'CONNECTED', health: 'healthy', reason: null, reconnectAttempt: 0 } as const;
  return { ...connected, phone: null, qr: null, seenAgoMs: null, ...fields };
}

/** A guarded write of a row as it was read. */
export function writeOf(session: StoredSession, set: StatusChange | null): GuardedWrite {
  const { id, tenure, version } = session;
  if (tenure === null) throw new Error(`Nobody holds ${id}`);
  return { id, tenure, version, writeId: randomUUID(), set };
}

/** Sessions as their owner names them to give them back. */
export async function heldUnder(store: WaSyncStore, ids: readonly string[]): Promise<HeldTenure[]> {
  return (await store.sessions.get({ ids })).map(({ id, tenure }) => ({ id, tenure: tenure ?? '' }));
}

/** Takes a lease. */
export async function joinReplica(store: WaSyncStore): Promise<string> {
  const incarnation = randomUUID();
  await store.leases.join({ incarnation, replicaId: `replica ${incarnation}`, ttlMs: 30_000 });
  return incarnation;
}

/** Adds sessions, claims them and writes one state to all; answers the rows in the order of `ids`. */
export async function holdSessions(
  store: WaSyncStore,
  owner: string,
  ids: readonly string[],
  fields: Partial<StatusChange> = {},
): Promise<StoredSession[]> {
  await store.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
  const claims = ids.map((id) => ({ id, tenure: randomUUID(), mode: 'free' as const }));
  const claimed = await store.sessions.claim({ owner, claims });
  const writes = claimed.map((outcome) => {
    if (!outcome.claimed) throw new Error(`${outcome.id} was not claimed: ${outcome.why}`);
    return writeOf(outcome.session, change(fields));
  });
  const written = await store.sessions.write({ owner, writes });
  return written.map((outcome) => {
    if (!outcome.applied) throw new Error(`${outcome.id} was not written`);
    return outcome.session;
  });
}
