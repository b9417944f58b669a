import { SEED } from '@wa-sync/dev/tests/seed';
import { createSeededRandom } from '@wa-sync/testing';

/** Chance for one test: other tests drawing from the same seed do not change it. */
export function createChance(name: string) {
  let seed = SEED;
  for (const letter of name) seed = Math.imul(seed ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  const random = createSeededRandom(seed);
  const between = (lowest: number, highest: number) => lowest + random.next() * (highest - lowest);
  return {
    random,
    between,
    pick: <T>(all: readonly T[]): T => all[Math.floor(random.next() * all.length)] as T,
    /** Lets a random time go by, so that what follows meets whatever is under way. */
    pause: (highestMs: number) => new Promise<void>((resolve) => setTimeout(resolve, between(0, highestMs))),
  };
}

export type Chance = ReturnType<typeof createChance>;
