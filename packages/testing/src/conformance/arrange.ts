import { randomUUID } from 'node:crypto';
import type {
  BeatAnswer,
  ClaimOutcome,
  Heartbeat,
  HeldTenure,
  StatusChange,
  StoredSession,
  WaSyncStore,
  WriteOutcome,
} from '@wa-sync/core';
import { beatOf } from './beat-of.js';
import { expect } from './expect.js';

/** A connected, healthy state, but for the fields that are given. */
export function change(fields: Partial<StatusChange> = {}): StatusChange {
  const connected = { status: 'CONNECTED', health: 'healthy', reason: null, reconnectAttempt: 0 } as const;
  return { ...connected, phone: null, qr: null, seenAgoMs: null, ...fields };
}

/** The `ttlMs` of every lease that the suites take. */
export const TTL_MS = 30_000;

/** How many clients race in a test. */
export const RACERS = 16;

/** A fresh token. Not a bare UUID: a store keeps any text. */
export function token(what: string): string {
  return `${what}:${randomUUID()}`;
}

/** Joins a new incarnation and returns it. */
export async function join(store: WaSyncStore, replicaId = 'replica'): Promise<string> {
  const incarnation = token('incarnation');
  await store.leases.join({ incarnation, replicaId, ttlMs: TTL_MS });
  return incarnation;
}

/** The living answer of a beat, or a failed test. */
export function alive(answer: BeatAnswer): Extract<BeatAnswer, { alive: true }> {
  if (!answer.alive) throw new Error('The lease was expected to be alive');
  return answer;
}

/** Store time. */
export async function storeNow(store: WaSyncStore): Promise<number> {
  const incarnation = await join(store, 'clock-reader');
  const { storeNow: now } = alive(await store.leases.beat(beatOf(incarnation)));
  await store.leases.leave({ incarnation });
  return now.getTime();
}

/** Holds an instant against two readings of store time, with a millisecond for what a store rounds. */
export function expectWithin(instant: Date | null, fromMs: number, untilMs: number): void {
  expect(instant?.getTime()).toBeGreaterThanOrEqual(fromMs - 1);
  expect(instant?.getTime()).toBeLessThanOrEqual(untilMs + 1);
}

/** Every heartbeat but the reader's own, whenever it was renewed. */
export async function othersOf(store: WaSyncStore, reader: string): Promise<readonly Heartbeat[]> {
  return alive(await store.leases.beat(beatOf(reader, { after: Number.MAX_SAFE_INTEGER }))).others;
}

/** The heartbeat of an incarnation as another one sees it. */
export async function heartbeatOf(store: WaSyncStore, incarnation: string): Promise<Heartbeat | undefined> {
  const reader = await join(store, 'heartbeat-reader');
  const others = await othersOf(store, reader);
  await store.leases.leave({ incarnation: reader });
  return others.find((heartbeat) => heartbeat.incarnation === incarnation);
}

/** One row, or a failed test. */
export async function readOne(store: WaSyncStore, id: string): Promise<StoredSession> {
  const [session] = await store.sessions.get({ ids: [id] });
  if (session === undefined) throw new Error(`A row ${JSON.stringify(id)} was expected`);
  return session;
}

/** Adds rows that should run. */
export async function create(store: WaSyncStore, ...ids: string[]): Promise<void> {
  await store.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
}

/** Claims a free session, or fails the test. */
export async function claim(store: WaSyncStore, owner: string, id: string): Promise<StoredSession> {
  const outcome = await tryClaim(store, owner, id, 'free');
  if (!outcome.claimed) throw new Error(`The claim was refused: ${outcome.why}`);
  return outcome.session;
}

/** Claims one session under a fresh tenure, again where its row was locked, as by another claim. */
export async function tryClaim(
  store: WaSyncStore,
  owner: string,
  id: string,
  mode: 'free' | 'takeover',
): Promise<ClaimOutcome> {
  const claims = [{ id, tenure: token('tenure'), mode }];
  for (;;) {
    const [outcome, ...rest] = await store.sessions.claim({ owner, claims });
    expect(rest).toEqual([]);
    if (outcome === undefined) throw new Error('A claim has one outcome');
    if (outcome.claimed || outcome.why !== 'locked') return outcome;
  }
}

/** Writes one row as it was read; `set: null` repairs the mirror. */
export async function tryWrite(
  store: WaSyncStore,
  read: StoredSession,
  set: StatusChange | null,
  writeId = token('write'),
): Promise<WriteOutcome> {
  const { id, owner, tenure, version } = read;
  if (owner === null || tenure === null) throw new Error('Only a held row can be written');
  const [outcome, ...rest] = await store.sessions.write({ owner, writes: [{ id, tenure, version, writeId, set }] });
  expect(rest).toEqual([]);
  if (outcome === undefined) throw new Error('A write has one outcome');
  return outcome;
}

/** Writes one row and returns it, or fails the test. */
export async function write(
  store: WaSyncStore,
  read: StoredSession,
  fields: Partial<StatusChange> = {},
): Promise<StoredSession> {
  const outcome = await tryWrite(store, read, change(fields));
  if (!outcome.applied) throw new Error('The guard was expected to hold');
  return outcome.session;
}

/** Makes a row, claims it and writes its state. */
export async function hold(
  store: WaSyncStore,
  owner: string,
  id: string,
  fields: Partial<StatusChange> = {},
): Promise<StoredSession> {
  await create(store, id);
  return write(store, await claim(store, owner, id), fields);
}

/** Makes many rows, claims them and writes one state to all, in three calls for every thousand. */
export async function holdAll(
  store: WaSyncStore,
  owner: string,
  ids: readonly string[],
  fields: Partial<StatusChange> = {},
): Promise<StoredSession[]> {
  const held: StoredSession[] = [];
  for (let from = 0; from < ids.length; from += 1000) {
    const some = ids.slice(from, from + 1000);
    await create(store, ...some);
    const claims = some.map((id) => ({ id, tenure: token('tenure'), mode: 'free' as const }));
    const claimed = await store.sessions.claim({ owner, claims });
    const writes = claimed.map((outcome) => {
      if (!outcome.claimed) throw new Error(`The claim was refused: ${outcome.why}`);
      const { id, version, tenure } = outcome.session;
      return { id, version, tenure: tenure ?? '', writeId: token('write'), set: change(fields) };
    });
    for (const outcome of await store.sessions.write({ owner, writes })) {
      if (!outcome.applied) throw new Error('The guard was expected to hold');
      held.push(outcome.session);
    }
  }
  return held;
}

/**
 * Sessions as their owner names them to release them, with the tenures that they have now; an unknown one has some
 * tenure.
 */
export async function named(store: WaSyncStore, ...ids: string[]): Promise<HeldTenure[]> {
  const rows = new Map((await store.sessions.get({ ids })).map((row) => [row.id, row]));
  return ids.map((id) => ({ id, tenure: rows.get(id)?.tenure ?? token('tenure') }));
}

/** The incarnation's lease ends as another replica ends it. */
export async function fence(store: WaSyncStore, incarnation: string): Promise<void> {
  const heartbeat = await heartbeatOf(store, incarnation);
  expect(await store.leases.fence({ incarnation, number: heartbeat?.number ?? -1 })).toBe(true);
}

/** Frees every session whose owner is gone; returns the ids, in order. */
export async function freeAll(store: WaSyncStore, limit = 1000): Promise<string[]> {
  const freed: string[] = [];
  for (;;) {
    const some = await store.leases.freeFenced({ limit });
    expect(some.length).toBeLessThanOrEqual(limit);
    if (some.length === 0) return freed.sort();
    freed.push(...some);
  }
}

/** Runs one call per client at once. */
export function race<Client, Answer>(
  clients: readonly Client[],
  run: (client: Client, index: number) => Promise<Answer>,
): Promise<Answer[]> {
  return Promise.all(clients.map(run));
}

/** All sessions that stand ready to be claimed. */
export async function claimableIds(store: WaSyncStore, limit = 100): Promise<string[]> {
  const found: string[] = [];
  for (let after: string | undefined; ; ) {
    const { ids, next } = await store.sessions.claimable({ limit, after });
    expect(ids.length).toBeLessThanOrEqual(limit);
    found.push(...ids);
    if (next === null) return found;
    after = next;
  }
}
