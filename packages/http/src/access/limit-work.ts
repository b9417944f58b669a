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
}

interface Entry {
  admitted: boolean;
  admit(): void;
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
    const places: Places = { taken: 0, waiting: new Set() };
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
    if (of.waiting.delete(entry)) waiting -= 1;
  }

  async function waitForPlace({ key, signal }: Worker, of: Places): Promise<void> {
    const entry: Entry = { admitted: false, admit() {} };
    const admitted = new Promise<void>((resolve) => {
      entry.admit = resolve;
    });
    of.waiting.add(entry);
    waiting += 1;
    await withTimeout(clock, waitMs, () => admitted, {
      late(why) {
        // It was admitted in the same turn: the place is taken.
        if (entry.admitted) return;
        leaveQueue(of, entry);
        forgetIdle(key, of);
        throw new HttpProblem('overloaded', undefined, { logged: why === 'ended' });
      },
      until: untilAborted(signal()),
    });
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
     * Does the work once there is a place for it.
     *
     * @throws HttpProblem `overloaded` where too many wait already, or none became free in time
     */
    async run<T>(worker: Worker, work: () => Promise<T>): Promise<T> {
      const { key } = worker;
      assertRoom(key);
      const of = placesOf(key);
      if (hasFree(of)) take(key, of);
      else await waitForPlace(worker, of);
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
    },
  };
}
