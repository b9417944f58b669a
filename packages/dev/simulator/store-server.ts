/**
 * The one store of a world, outside of every process. Owns the memory store, the journal of its commits, and raw reads
 * of it. A roll-back is the journal played again without its end, as after a fail-over to a replica that lagged.
 */
import {
  createMemoryStore,
  type HeldTenure,
  type MemoryStore,
  type StatusChange,
  type StoredSession,
  type Transition,
} from '@wa-sync/core';
import type { Recorder, StoreMethod } from './history.js';
import type { Timeline } from './timeline.js';
import { createRowTracker, rowKey } from './track-rows.js';

export type StorePart = 'sessions' | 'leases' | 'jobs' | 'cleanup' | 'conversations' | 'auth' | 'history' | 'inbox';
export type StoreParams = Readonly<Record<string, unknown>>;

/** A call as it arrives at the store. */
export interface StoreCall {
  readonly id: number;
  readonly actor: string;
  readonly part: StorePart;
  readonly method: StoreMethod;
  readonly params: StoreParams;
}

interface JournalEntry {
  readonly call: StoreCall;
  readonly storeMs: number;
}

export interface StoreServer {
  readonly memory: MemoryStore;
  /** Store time, as the store's clock has it. */
  nowMs(): number;
  /** Runs a call; with `twice` its second delivery comes right after the first. */
  commit(call: StoreCall, options?: { twice?: boolean }): Promise<unknown>;
  rows(): StoredSession[];
  /** Every entry of the history of rows, oldest first. */
  transitions(): Promise<readonly Transition[]>;
  heartbeats(): string[];
  rollback(writes: number): Promise<void>;
  foreignWrite(session: string, set: StatusChange): Promise<boolean>;
  foreignDelete(session: string): Promise<boolean>;
  /** Another program locks a row, until the answer is called: what writes, claims or releases rows passes over it. */
  lock(session: string): () => void;
  /** Does something at an earlier instant of the store's clock, before the world begins. */
  seed(agoMs: number, work: (memory: MemoryStore) => Promise<unknown>): Promise<void>;
}

const CHANGES_ROWS = new Set([
  ...[
    'create',
    'write',
    'claim',
    'release',
    'setDesired',
    'remove',
    'freeFenced',
    'closeUnheld',
    'deactivate',
    'markForPurge',
    'purge',
  ],
]);
const READS = new Set([
  'get',
  'list',
  'sweep',
  'claimable',
  'read',
  'candidates',
  'census',
  'marked',
  'inactive',
  'countOpen',
  'outgoing',
  'ofSession',
  'since',
]);
/** Calls that are not meant to be one when they come twice: each of them counts, or says the same again. */
const COUNTS_EACH = new Set(['beat', 'join', 'record', 'setDesired', 'lastSlot']);
const MAX_ROWS = 1_000;
const MAX_TRANSITIONS = 40_000;

export function createStoreServer(params: { timeline: Timeline; recorder: Recorder; startMs: number }): StoreServer {
  const { timeline, recorder, startMs } = params;
  let playedMs: number | null = null;
  const storeMs = (): number => playedMs ?? timeline.nowMs();
  const clock = {
    now: () => new Date(startMs + storeMs()),
    monotonicMs: storeMs,
    schedule: (run: () => void, delayMs: number) => timeline.after(delayMs, run),
    yield: () => new Promise<void>((resolve) => timeline.after(0, resolve)),
  };
  let memory = createMemoryStore({ clock });
  let journal: JournalEntry[] = [];
  let seeded = 0;
  const tracker = createRowTracker();
  const { changesTo } = tracker;
  const incarnations = new Set<string>();
  const locks = new Map<string, number>();

  function invoke(store: MemoryStore, { part, method, params: given }: StoreCall): Promise<unknown> {
    const port = store[part] as unknown as Record<string, (params: StoreParams) => Promise<unknown>>;
    return port[method]!.call(port, given);
  }

  // The memory store changes and reads in the turn of the call, so what is asked for in one turn is one state.
  async function readRows(): Promise<StoredSession[]> {
    return memory.sessions.list({ limit: MAX_ROWS });
  }

  async function stateOf(call: StoreCall): Promise<Record<string, string>> {
    const ids = conversationIds(call);
    const [rows, conversations, runs] = await Promise.all([
      readRows(),
      ids.length > 0 ? memory.conversations.get({ ids }) : [],
      call.part === 'jobs' ? memory.jobs.list({ limit: 50 }) : [],
    ]);
    return {
      rows: rows.map(rowKey).join('\n'),
      conversations: JSON.stringify(conversations),
      runs: JSON.stringify(runs),
    };
  }

  async function credentialsLeft(ids: readonly string[]): Promise<number> {
    let left = 0;
    for (const sessionId of ids) left += (await memory.auth.read({ sessionId, type: 'creds', ids: ['creds'] })).size;
    return left;
  }

  /** A call without the rows that somebody has locked, and its outcomes for those. */
  function passOverLocked(call: StoreCall): { call: StoreCall; passedOver: readonly unknown[] } {
    const isLocked = ({ id }: { id: string }) => (locks.get(id) ?? 0) > 0;
    const { part, method, params: given } = call;
    if (part !== 'sessions' || locks.size === 0) return { call, passedOver: [] };
    const split = <Item extends { id: string }>(name: string, all: readonly Item[], outcome: object) => ({
      call: { ...call, params: { ...given, [name]: all.filter((one) => !isLocked(one)) } },
      passedOver: all.filter(isLocked).map(({ id }) => ({ id, ...outcome })),
    });
    if (method === 'write') return split('writes', given.writes as { id: string }[], { applied: false, locked: true });
    if (method === 'claim') return split('claims', given.claims as { id: string }[], { claimed: false, why: 'locked' });
    if (method !== 'release') return { call, passedOver: [] };
    const owned = tracker.rows().filter(({ owner }) => owner === given.owner);
    const named = (given.sessions as HeldTenure[] | undefined) ?? owned.map(({ id, tenure }) => ({ id, tenure }));
    return { ...split('sessions', named, {}), passedOver: [] };
  }

  async function commit(given: StoreCall, { twice = false } = {}): Promise<unknown> {
    const { call, passedOver } = passOverLocked(given);
    if (!READS.has(call.method)) journal.push({ call, storeMs: storeMs() });
    if (call.method === 'join') incarnations.add(String(call.params.incarnation));
    const ids =
      call.method === 'move' || call.method === 'beginSend' || call.method === 'endSend' ? conversationIds(call) : [];
    const before = ids.length > 0 ? memory.conversations.get({ ids }) : null;
    const running = invoke(memory, call);
    running.catch(() => {});
    const rows = CHANGES_ROWS.has(call.method) ? readRows() : null;
    const compare = twice && !READS.has(call.method) && !COUNTS_EACH.has(call.method);
    const first = compare ? stateOf(call) : null;
    if (compare) {
      journal.push({ call, storeMs: storeMs() });
      invoke(memory, call).catch(() => {});
    }
    const second = compare ? stateOf(call) : null;
    const changes = rows ? changesTo(await rows) : [];
    let failure: { readonly error: unknown } | null = null;
    const result = await running.catch((error: unknown) => {
      failure = { error };
      return null;
    });
    const purged = call.part === 'cleanup' && call.method === 'purge' && Array.isArray(result) ? result : null;
    const left = purged ? await credentialsLeft(purged) : null;
    recorder.note({
      actor: call.actor,
      what: 'commit',
      call: call.id,
      method: call.method,
      params: call.params,
      result: failure ? 'refused' : result,
      changes,
      ...(before ? { conversationsBefore: await before } : {}),
      ...(left === null ? {} : { credentialsLeft: left }),
      ...(first && second ? { changedBySecond: differing(await first, await second) } : {}),
    });
    if (failure) throw (failure as { error: unknown }).error;
    return passedOver.length === 0 ? result : [...(result as unknown[]), ...passedOver];
  }

  async function replay(entries: readonly JournalEntry[]): Promise<void> {
    memory = createMemoryStore({ clock });
    for (const { call, storeMs: atMs } of entries) {
      playedMs = atMs;
      await invoke(memory, call).catch(() => {});
    }
    playedMs = null;
  }

  return {
    get memory() {
      return memory;
    },
    nowMs: () => startMs + storeMs(),
    commit,
    rows: tracker.rows,
    transitions: async () => (await memory.history.since({ after: '0', limit: MAX_TRANSITIONS })).transitions,
    heartbeats: () => [...incarnations],
    async rollback(writes) {
      // What was there before the first process was there for long.
      const kept = journal.slice(0, Math.max(seeded, journal.length - writes));
      const lost = journal.slice(kept.length).map(({ call }) => call.id);
      journal = kept;
      await replay(kept);
      recorder.note({ actor: 'store', what: 'rollback', calls: lost, changes: changesTo(await readRows()) });
    },
    async foreignWrite(session, set) {
      const row = tracker.get(session);
      if (!row || row.owner === null || row.tenure === null) return false;
      const { owner, tenure, version } = row;
      const call: StoreCall = {
        id: -1,
        actor: 'foreign',
        part: 'sessions',
        method: 'write',
        params: { owner, writes: [{ id: session, tenure, version, writeId: `foreign-${version}-${storeMs()}`, set }] },
      };
      journal.push({ call, storeMs: storeMs() });
      void invoke(memory, call);
      recorder.note({ actor: 'foreign', what: 'foreign', did: 'write', changes: changesTo(await readRows()) });
      return true;
    },
    async foreignDelete(session) {
      if (!tracker.get(session)) return false;
      const call: StoreCall = { id: -1, actor: 'foreign', part: 'sessions', method: 'remove', params: { id: session } };
      journal.push({ call, storeMs: storeMs() });
      void invoke(memory, call);
      recorder.note({ actor: 'foreign', what: 'foreign', did: 'delete', changes: changesTo(await readRows()) });
      return true;
    },
    lock(session) {
      locks.set(session, (locks.get(session) ?? 0) + 1);
      return () => {
        const left = (locks.get(session) ?? 0) - 1;
        if (left > 0) locks.set(session, left);
        else locks.delete(session);
      };
    },
    async seed(agoMs, work) {
      playedMs = -agoMs;
      const logged = journalled(memory, (call) => journal.push({ call, storeMs: -agoMs }));
      await work(logged);
      const changes = changesTo(await readRows());
      playedMs = null;
      seeded = journal.length;
      recorder.note({ actor: 'foreign', what: 'foreign', did: 'seed', changes });
    },
  };
}

/** A store that notes each call of its parts. */
function journalled(memory: MemoryStore, note: (call: StoreCall) => void): MemoryStore {
  const wrap = <Port extends object>(part: StorePart, port: Port): Port =>
    new Proxy(port, {
      get(target, method) {
        const real = Reflect.get(target, method) as (params: StoreParams) => Promise<unknown>;
        return (params: StoreParams) => {
          note({ id: 0, actor: 'world', part, method: method as StoreMethod, params });
          return real.call(target, params);
        };
      },
    });
  return {
    ...memory,
    sessions: wrap('sessions', memory.sessions),
    leases: wrap('leases', memory.leases),
    auth: wrap('auth', memory.auth),
    conversations: wrap('conversations', memory.conversations),
  };
}

function conversationIds({ part, params }: StoreCall): string[] {
  if (part !== 'conversations') return [];
  if (typeof params.id === 'string') return [params.id];
  if (Array.isArray(params.moves)) return params.moves.map((move: { id: string }) => move.id);
  return [];
}

function differing(first: Record<string, string>, second: Record<string, string>): string[] {
  return Object.keys(first).filter((name) => first[name] !== second[name]);
}
