import { createSeededRandom } from '@wa-sync/testing';
import type { FaultPlan, LinkFault } from './fault.js';

/** What a drawn plan consists of; each pair is the least and the most. */
export interface DrawFaultsOptions {
  /** A whole number from 0 to 2^32 - 1; the same seed draws the same faults in the same order. */
  readonly seed: number;
  /** @defaultValue `['cut']` */
  readonly kinds?: readonly LinkFault['kind'][] | undefined;
  /** Bytes that pass before a fault. @defaultValue `[400, 30_000]` */
  readonly afterBytes?: readonly [number, number] | undefined;
  /** Milliseconds of a delay. @defaultValue `[1, 20]` */
  readonly delayMs?: readonly [number, number] | undefined;
  /** Milliseconds that a delay or a black hole lasts. @defaultValue `[10, 100]` */
  readonly lastsMs?: readonly [number, number] | undefined;
}

/**
 * A plan by chance for {@link startFaultProxy}: kind, direction and place of every fault come from the seed.
 *
 * @example
 * proxy.plan(drawFaults({ seed: 7, kinds: ['cut', 'reset'] }));
 */
export function drawFaults(options: DrawFaultsOptions): FaultPlan {
  const { seed, kinds = ['cut'], afterBytes = [400, 30_000], delayMs = [1, 20], lastsMs = [10, 100] } = options;
  if (kinds.length === 0) throw new RangeError('kinds names at least one fault');
  const random = createSeededRandom(seed);
  const between = ([least, most]: readonly [number, number]) => Math.floor(least + random.next() * (most - least + 1));
  const oneOf = <Item>(items: readonly Item[]): Item => items[Math.floor(random.next() * items.length)] as Item;
  return () => {
    const where = {
      direction: oneOf(['to-server', 'to-client', undefined] as const),
      afterBytes: between(afterBytes),
    };
    const kind = oneOf(kinds);
    if (kind === 'delay') return { kind, ...where, delayMs: between(delayMs), lastsMs: between(lastsMs) };
    if (kind === 'black-hole') return { kind, ...where, lastsMs: between(lastsMs) };
    return { kind, ...where };
  };
}
