/**
 * How much work for callers is under way at once: a fixed number of places for all, and fewer for each caller.
 *
 * Owns: the places that are taken, and the work that waits for one. Places are handed on from caller to caller, so one
 * that asks without end is no reason for another to wait long. What was given up keeps its place until it has really
 * ended: statements that nobody waits for still stand in the pool, and must not pile up there.
 */
import type { Clock } from '@wa-sync/core';
import { untilAborted, whenEnded, withTimeout } from '@wa-sync/core/adapter';
import { HttpProblem } from '../reply/problems.js';

/** Work of one caller that waits for a place. */
const WAITING = 100;
/** Work of all callers that waits. */
const WAITING_IN_ALL = 1_000;
/** A store that never settles what it was asked must not keep places for ever. */
const FORGOTTEN_AFTER_MS = 600_000;

/** For whom the work is done. */
export interface Worker {
  readonly key: string;
  /** Aborts when nobody waits for it any more. */
  signal(): AbortSignal;
}

interface Places {
  taken: number;
  /** In the order in which they came. */
  readonly waiting: Set<Entry>;
  /** Those of them that equal work may join. */
  readonly named: Map<string, Entry>;
}

interface Entry {
  readonly name: string | null;
  /** Not only the one who asked first waits for it. */
  joined: boolean;
  admitted: boolean;
  admit(): void;
  result: Promise<unknown>;
}

export type WorkLimit = ReturnType<typeof createWorkLimit>;

export function createWorkLimit({
  clock,
  total,
  perCaller,
  waitMs,
}: {
  readonly clock: Clock;
  readonly total: number;
  readonly perCaller: number;
  /** How long work waits for a place. */
  readonly waitMs: number;
}) {
  /** Those who have places or wait for one; who was served last stands at the end. */
  const callers = new Map<string, Places>();
  let taken = 0;
  let waiting = 0;

  function placesOf(key: string): Places {
    const known = callers.get(key);
    if (known) return known;
    const places: Places = { taken: 0, waiting: new Set(), named: new Map() };
    callers.set(key, places);
    return places;
  }

  const hasFree = (of: Places | undefined) => taken < total && (of?.taken ?? 0) < perCaller;
  const hasRoom = (of: Places | undefined) => waiting < WAITING_IN_ALL && (of?.waiting.size ?? 0) < WAITING;

  function assertRoom(key: string): void {
    const of = callers.get(key);
    if (!hasFree(of) && !hasRoom(of)) throw new HttpProblem('overloaded');
  }

  function take(key: string, of: Places): void {
    // Behind the others.
    callers.delete(key);
    callers.set(key, of);
    taken += 1;
    of.taken += 1;
  }

  function free(key: string, of: Places): void {
    taken -= 1;
    of.taken -= 1;
    forgetIdle(key, of);
    admitNext();
  }

  function forgetIdle(key: string, of: Places): void {
    if (of.taken === 0 && of.waiting.size === 0) callers.delete(key);
  }

  /** A place became free, so one more may begin at most. */
  function admitNext(): void {
    for (const [key, of] of callers) {
      const [first] = of.waiting;
      if (!first || !hasFree(of)) continue;
      leaveQueue(of, first);
      take(key, of);
      first.admitted = true;
      first.admit();
      return;
    }
  }

  function leaveQueue(of: Places, entry: Entry): void {
    if (!of.waiting.delete(entry)) return;
    waiting -= 1;
    if (entry.name !== null) of.named.delete(entry.name);
  }

  function enqueue(of: Places, name: string | null): Entry {
    const entry: Entry = { name, joined: false, admitted: false, admit() {}, result: Promise.resolve() };
    of.waiting.add(entry);
    if (name !== null) of.named.set(name, entry);
    waiting += 1;
    return entry;
  }

  async function waitForPlace({ key, signal }: Worker, of: Places, entry: Entry): Promise<void> {
    const admitted = new Promise<void>((resolve) => {
      entry.admit = resolve;
    });
    await withTimeout(clock, waitMs, () => admitted, {
      late(why) {
        // It was admitted in the same turn: the place is taken.
        if (entry.admitted) return;
        leaveQueue(of, entry);
        forgetIdle(key, of);
        throw new HttpProblem('overloaded', undefined, { logged: why === 'ended' });
      },
      until: (end) => untilAborted(signal())(() => entry.joined || end()),
    });
  }

  async function perform<T>(key: string, of: Places, work: () => Promise<T>): Promise<T> {
    let ended: Promise<void> | null = null;
    try {
      return await work();
    } catch (error) {
      ended = whenEnded(error);
      throw error;
    } finally {
      const stillRuns = ended;
      if (stillRuns) void withTimeout(clock, FORGOTTEN_AFTER_MS, () => stillRuns).finally(() => free(key, of));
      else free(key, of);
    }
  }

  return {
    /**
     * Before work is begun that is answered before it ends.
     *
     * @throws HttpProblem `overloaded`
     */
    assertRoom,
    /** Callers that have a place or wait for one; nothing is kept of others. */
    callers: () => callers.size,
    /**
     * Does the work once there is a place for it. What waits already is not done again for an equal one: neither has
     * begun, so both see what was true when they asked. Work under way is joined by none, because it may have read
     * before a change that its caller knows of.
     *
     * @param what - names equal work of this caller; read only where it has to wait
     * @throws HttpProblem `overloaded` where too many wait already, or none became free in time
     */
    async run<T>(worker: Worker, work: () => Promise<T>, what?: () => string): Promise<T> {
      const { key } = worker;
      const known = callers.get(key);
      const name = what && !hasFree(known) ? what() : null;
      const equal = name === null ? undefined : known?.named.get(name);
      if (equal) {
        equal.joined = true;
        return equal.result as Promise<T>;
      }
      assertRoom(key);
      const of = placesOf(key);
      if (hasFree(of)) {
        take(key, of);
        return perform(key, of, work);
      }
      const entry = enqueue(of, name);
      const result = waitForPlace(worker, of, entry).then(() => perform(key, of, work));
      entry.result = result;
      return result;
    },
  };
}
