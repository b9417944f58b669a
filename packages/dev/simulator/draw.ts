import { createSeededRandom } from '@wa-sync/testing';

/**
 * Chance of one part of a world. Each part draws from its own stream, so that a draw more in one leaves the others as
 * they were.
 */
export interface Draw {
  next(): number;
  chance(probability: number): boolean;
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  pick<Item>(items: readonly Item[]): Item;
  /** The items in a random order. */
  shuffle<Item>(items: readonly Item[]): Item[];
  token(): string;
}

/** The stream named `name` of a seed. */
export function createDraw(seed: number, name: string): Draw {
  let mixed = seed >>> 0;
  for (let index = 0; index < name.length; index += 1)
    mixed = Math.imul(mixed ^ name.charCodeAt(index), 0x01000193) >>> 0;
  const random = createSeededRandom(mixed);
  const between = (low: number, high: number): number => low + Math.floor(random.next() * (high - low + 1));
  return {
    next: random.next,
    token: random.token,
    between,
    chance: (probability) => random.next() < probability,
    pick: (items) => items[between(0, items.length - 1)]!,
    shuffle(items) {
      const mixedUp = [...items];
      for (let index = mixedUp.length - 1; index > 0; index -= 1) {
        const other = between(0, index);
        [mixedUp[index], mixedUp[other]] = [mixedUp[other]!, mixedUp[index]!];
      }
      return mixedUp;
    },
  };
}
