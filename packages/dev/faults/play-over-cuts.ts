import { randomUUID } from 'node:crypto';
import { createSeededRandom } from '@wa-sync/testing';
import { drawFaults } from './draw-faults.js';
import { followHistory } from './follow-history.js';
import { heapMb } from './heap-mb.js';
import { type CallFindings, playRandomCalls, type RawView, type WholeStore } from './play-random-calls.js';
import type { FaultProxy } from './start-fault-proxy.js';

const CALLERS = 4;
const KINDS = ['cut', 'reset', 'cut', 'reset', 'cut', 'reset', 'delay', 'black-hole'] as const;
/** Findings after which more of them say nothing new. */
const ENOUGH = 20;

/** What is played over links that break. */
export interface PlayOverCuts {
  /** A whole number from 0 to 2^32 - 5; callers and faults draw the same for the same seed. */
  readonly seed: number;
  /** Connections that are cut or reset until it ends. */
  readonly cuts: number;
  readonly proxy: FaultProxy;
  /** Bytes that pass before a fault, the least and the most. */
  readonly afterBytes: readonly [number, number];
  /** The store behind the proxy, and the same one past it; both are ready. */
  readonly cut: WholeStore;
  readonly whole: WholeStore;
  /** Sessions that are in the store and that nobody holds; each is called by one caller only. */
  readonly ids: readonly string[];
  readonly raw: RawView;
}

/** What came of it. */
export interface OverCutsOutcome {
  /** Promises that an answer broke, as the server's own commands read it. */
  readonly wrong: readonly string[];
  /** What ended a caller, and rejections that nobody heard. */
  readonly errors: readonly unknown[];
  /** Calls that failed the way calls over a broken link may. */
  readonly failed: number;
  /** Connections that were cut or reset. */
  readonly cuts: number;
  /** Ids of the changes that the feed returned over the same links, in its order. */
  readonly followed: readonly string[];
  /** Megabytes that the heap has grown by. */
  readonly grownMb: number;
  /** One line of figures. */
  readonly summary: string;
}

/**
 * Plays random calls of several callers and follows the feed while connections break at random points; heals them in
 * the end.
 */
export async function playOverCuts(play: PlayOverCuts): Promise<OverCutsOutcome> {
  const { seed, proxy, cut, whole, ids, raw } = play;
  const owners = [randomUUID(), randomUUID()] as const;
  for (const incarnation of owners) await whole.leases.join({ incarnation, replicaId: incarnation, ttlMs: 600_000 });
  const { next } = await whole.history.since({ after: null, limit: 1 });
  const errors: unknown[] = [];
  const onUnhandled = (error: unknown) => void errors.push(error);
  process.on('unhandledRejection', onUnhandled);

  const findings: CallFindings = { wrong: [], failed: 0, calls: 0 };
  const cutsBefore = proxy.counts.cut + proxy.counts.reset;
  const cuts = () => proxy.counts.cut + proxy.counts.reset - cutsBefore;
  proxy.plan(drawFaults({ seed, kinds: KINDS, afterBytes: play.afterBytes, lastsMs: [10, 2_000] }));
  const heapBefore = heapMb();
  const startedAt = performance.now();
  const over = () => cuts() >= play.cuts || findings.wrong.length > ENOUGH;
  let played = false;
  const following = followHistory(cut.history, next, () => played);
  const callers = Array.from({ length: CALLERS }, (_, caller) => {
    const own = ids.filter((_id, index) => index % CALLERS === caller);
    const random = createSeededRandom(seed + caller);
    return playRandomCalls({ ids: own, owners, store: cut, raw, random, findings }, over);
  });
  const ends = await Promise.allSettled(callers);
  proxy.plan(null);
  proxy.heal();
  played = true;
  const followed = await following;
  const heapAfter = heapMb();
  process.off('unhandledRejection', onUnhandled);
  for (const end of ends) if (end.status === 'rejected') errors.push(end.reason);
  const { wrong, failed, calls } = findings;
  const tookS = ((performance.now() - startedAt) / 1000).toFixed(1);
  return {
    wrong,
    errors,
    failed,
    cuts: cuts(),
    followed,
    grownMb: heapAfter - heapBefore,
    summary: `${cuts()} cuts, ${calls} calls, ${failed} of them failed, ${followed.length} changes, ${tookS} s, heap ${heapBefore.toFixed(0)} to ${heapAfter.toFixed(0)} MB`,
  };
}
